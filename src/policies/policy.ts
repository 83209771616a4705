import { Check, tooMany } from "../events/check.ts";
import {
  type CallReport,
  checkedScope,
  followNext,
  type Given,
  type HostSignal,
  invoke,
  type Next,
  PLAIN_SCOPE,
  type PolicyCallOptions,
  type Scope,
  withReport,
} from "./call-scope.ts";
import { type AnyResult, type PolicyResult, returned, threw } from "./policy-result.ts";
import type { Surroundings } from "./surroundings.ts";

/** The door by which a pipeline runs its members. */
export const RUN = Symbol("run");
/** What surrounds a policy: the time, and those who listen. */
export const HOST = Symbol("host");
/** Whether calls must have a key: asked before the first policy has begun, so that none takes the slip for a failure. */
export const NEEDS_KEY = Symbol("needs key");

declare const traits: unique symbol;

/** Options with a signal, which the function then receives. */
export type SignalledCallOptions = PolicyCallOptions & { readonly signal: HostSignal };

/**
 * Runs calls under a rule. `V` is what it may give instead of a call's own value, `Taken` what the values of calls must
 * be, `Args` what the function receives when no signal was given with the call.
 */
export abstract class Policy<V = never, Taken = unknown, Args extends readonly unknown[] = []> {
  declare readonly [traits]?: { value: V; taken: (value: Taken) => void; args: Args };
  /** The name that its events and errors carry. */
  abstract readonly name: string;
  /** Whose clock `execute` measures with, and who tells what does not fit of a call's own options. */
  abstract readonly [HOST]: Surroundings;

  /** The name of the fallback that no call without a key can pass; undefined when there is none. */
  readonly [NEEDS_KEY]: string | undefined = undefined;

  /** Runs the rest of the call under the rule of this policy. */
  abstract [RUN]<T>(next: Next<T>, scope: Scope): Promise<T>;

  /**
   * Runs `fn` under the policy. `fn` may return a value, a promise or any thenable, or throw at once; it receives a
   * signal when one was given, or when a time limit applies.
   * @throws whatever `fn` threw, unless the policy says otherwise; the signal's reason when that ended the call
   */
  call<T extends Taken>(
    fn: (signal: HostSignal) => T | PromiseLike<T>,
    options: SignalledCallOptions,
  ): Promise<T | V>;
  call<T extends Taken>(
    fn: (...args: Args) => T | PromiseLike<T>,
    options?: PolicyCallOptions,
  ): Promise<T | V>;
  call<T>(fn: Given<T>, options?: PolicyCallOptions): Promise<T> {
    try {
      const scope = this.#scopeOf(fn, options);
      if (scope.signal?.aborted === true) return Promise.reject(scope.signal.reason);
      return this[RUN]((inner) => invoke(fn, inner), scope);
    } catch (refused) {
      return Promise.reject(refused);
    }
  }

  /**
   * Runs `fn` under the policy and describes how it ended instead of throwing: told apart by `outcome`.
   * @throws {TypeError|RangeError} only when `fn` or an option is of the wrong type or outside its range, or the key is
   * missing that a fallback needs
   */
  execute<T extends Taken>(
    fn: (signal: HostSignal) => T | PromiseLike<T>,
    options: SignalledCallOptions,
  ): Promise<PolicyResult<T, V>>;
  execute<T extends Taken>(
    fn: (...args: Args) => T | PromiseLike<T>,
    options?: PolicyCallOptions,
  ): Promise<PolicyResult<T, V>>;
  execute<T>(fn: Given<T>, options?: PolicyCallOptions): Promise<AnyResult<T>> {
    const report: CallReport = { retries: 0, served: null };
    let scope: Scope;
    try {
      scope = withReport(this.#scopeOf(fn, options), report);
    } catch (refused) {
      return Promise.reject(refused);
    }
    const { clock } = this[HOST];
    const startMs = clock.monotonicMs();
    const latencyMs = (): number => Math.max(0, clock.monotonicMs() - startMs);
    const run = (given: Scope): T | PromiseLike<T> => {
      if (given.signal?.aborted === true) throw given.signal.reason;
      return this[RUN]((inner) => invoke(fn, inner), given);
    };
    return followNext(
      run,
      scope,
      (value) => returned(value, report, latencyMs()),
      (thrown) => threw(thrown, report, latencyMs()),
    );
  }

  #scopeOf(fn: unknown, options: PolicyCallOptions | undefined): Scope {
    const keyed = this[NEEDS_KEY];
    if (typeof fn === "function" && options === undefined && keyed === undefined) {
      return PLAIN_SCOPE;
    }
    const check = new Check(`call "${this.name}"`);
    check.function("fn", fn);
    const { scope, leftOut } =
      options === undefined ? { scope: PLAIN_SCOPE, leftOut: 0 } : checkedScope(check, options);
    if (keyed !== undefined && scope.key === undefined) {
      const unkeyed = new Check(`call fallback "${keyed}"`);
      unkeyed.type("key", "given with the call or as cache.key", scope.key);
    }
    if (leftOut > 0) {
      const tooLarge = new RangeError(`Cannot take the context: ${tooMany("context", leftOut)}`);
      this[HOST].failed("context", tooLarge, scope);
    }
    return scope;
  }
}

/** A policy of any kind. */
export type AnyPolicy = Policy<unknown, never, readonly unknown[]>;
