import { CircuitBreaker } from "../core/circuit-breaker.ts";
import { Check } from "../events/check.ts";
import type { HostSignal, Next, Scope } from "./call-scope.ts";
import { type AnyPolicy, HOST, NEEDS_KEY, Policy, RUN } from "./policy.ts";
import { type Surroundings, surroundingsOf } from "./surroundings.ts";

/** What a pipeline is made of: policies, breakers and other pipelines. */
export type PipelineMember = AnyPolicy | CircuitBreaker;

type Members = readonly PipelineMember[];
type ValueOf<M> = M extends Policy<infer V, never, readonly unknown[]> ? V : never;
type TakenOf<M> = M extends Policy<unknown, infer Taken, readonly unknown[]> ? Taken : unknown;
type ArgsOf<M> = M extends Policy<unknown, never, infer Args> ? Args : [];

/** What the members may give instead of a call's own value. */
export type ValueOfAll<P extends Members> = ValueOf<P[number]>;
/** What the values of calls must be, for every member. */
export type TakenByAll<P extends Members> = P extends readonly [
  infer M,
  ...infer Rest extends Members,
]
  ? TakenOf<M> & TakenByAll<Rest>
  : unknown;
/** What the function receives: a signal when a member limits the time. */
export type ArgsOfAll<P extends Members> = P extends readonly [
  infer M,
  ...infer Rest extends Members,
]
  ? ArgsOf<M> extends readonly []
    ? ArgsOfAll<Rest>
    : [signal: HostSignal]
  : [];

type Step = <T>(next: Next<T>, scope: Scope) => Promise<T>;

/** The policy that {@link pipeline} makes. */
export class Pipeline<
  V = never,
  Taken = unknown,
  Args extends readonly unknown[] = [],
> extends Policy<V, Taken, Args> {
  /** The names of its members, from the outermost. */
  readonly name: string;
  readonly [HOST]: Surroundings;
  override readonly [NEEDS_KEY]: string | undefined;
  readonly #outermost: Step;
  /** From the innermost outwards. */
  readonly #others: readonly Step[];

  constructor(members: readonly [PipelineMember, ...PipelineMember[]]) {
    super();
    this.name = [...new Set(members.map(({ name }) => name))].join(", ");
    this[HOST] = surroundingsOfAll(members);
    this[NEEDS_KEY] = members.map(needOfKey).find((need) => need !== undefined);
    const [outermost, ...others] = members;
    this.#outermost = stepOf(outermost);
    this.#others = others.map(stepOf).reverse();
  }

  [RUN]<T>(next: Next<T>, scope: Scope): Promise<T> {
    let run = next;
    for (const step of this.#others) {
      const inside = run;
      run = (given) => step(inside, given);
    }
    return this.#outermost(run, scope);
  }
}

/** The clock of the outermost policy, else of the outermost breaker; a failure is told where somebody hears of it. */
function surroundingsOfAll(members: Members): Surroundings {
  const all = members.map((member) =>
    member instanceof CircuitBreaker ? surroundingsOf(member) : member[HOST],
  );
  const timed = members.findIndex((member) => !(member instanceof CircuitBreaker));
  return {
    // A pipeline has one member or more.
    clock: (all[timed] ?? (all[0] as Surroundings)).clock,
    isUnheard: all.every(({ isUnheard }) => isUnheard),
    get hearsFailures() {
      return all.some(({ hearsFailures }) => hearsFailures);
    },
    failed: (callback, thrown, scope) =>
      all.find(({ hearsFailures }) => hearsFailures)?.failed(callback, thrown, scope),
  };
}

const needOfKey = (member: PipelineMember): string | undefined =>
  member instanceof CircuitBreaker ? undefined : member[NEEDS_KEY];

function stepOf(member: PipelineMember): Step {
  if (!(member instanceof CircuitBreaker)) return (next, scope) => member[RUN](next, scope);
  return (next, scope) => {
    const { signal, context } = scope;
    const run = () => next(scope);
    if (signal === undefined && context === undefined) return member.call(run);
    return member.call(run, { signal, context });
  };
}

/**
 * Puts policies and breakers around each other, the outermost first. The types say what a call may give and what its
 * function receives. Recommended is, from outside to inside: fallback, timeout over all, retry, bulkhead, breaker,
 * timeout per attempt.
 *
 * @throws {TypeError} when there is no member, or one is neither a policy nor a breaker
 * @example
 * const guarded = pipeline(
 *   fallback("quotes", { fail: "open", value: null }),
 *   retry("quotes"),
 *   new CircuitBreaker("quotes"),
 *   timeout("quotes", { limitMs: 2_000 }),
 * );
 * const quote = await guarded.call((signal) => fetchQuote(signal));
 */
export function pipeline<const P extends readonly [PipelineMember, ...PipelineMember[]]>(
  ...members: P
): Pipeline<ValueOfAll<P>, TakenByAll<P>, ArgsOfAll<P>> {
  const check = new Check("create pipeline");
  if (members.length === 0) check.type("members", "one policy or more", members);
  for (const [index, member] of members.entries()) {
    if (!(member instanceof CircuitBreaker) && !(member instanceof Policy)) {
      check.type(`members[${index}]`, "a policy or a CircuitBreaker", member);
    }
  }
  return new Pipeline(members);
}
