import { refuseBeside } from "../core/beside-breaker.ts";
import { CircuitBreaker } from "../core/circuit-breaker.ts";
import { isRefusal, reported } from "../core/circuit-open-error.ts";
import { rejection } from "../core/rejection.ts";
import { Check, hasMethods } from "../events/check.ts";
import { followNext, type Next, type Scope } from "../policies/call-scope.ts";
import { HOST, Policy, RUN } from "../policies/policy.ts";
import { checkedCommon, labelOf, PolicyHost, type PolicyOptions } from "../policies/policy-host.ts";
import type { ExhaustionRegistry } from "./exhaustion-registry.ts";

/** Which results of calls mark the provider. */
export type MarkedBy = "thrown" | "all" | "none";

const MARKED_BY = ["thrown", "all", "none"] as const satisfies readonly MarkedBy[];

/** Options of {@link quotaGuard}. Unknown keys are refused. */
export interface QuotaGuardOptions extends Omit<PolicyOptions, "timers"> {
  /**
   * The provider that the calls go to, as it is marked.
   * @default the breaker's name
   */
  readonly provider?: string;
  /**
   * Which results mark the provider when they say that its quota is used up: errors that were `thrown`, `all` results,
   * as for a `fetch` that resolves with a 429, or `none`, where somebody else marks.
   * @default "thrown"
   */
  readonly mark?: MarkedBy;
}

/** What the guard uses of an `ExhaustionRegistry`. */
type Marks = Pick<ExhaustionRegistry, "retryAfterMs" | "markFrom">;

/** The policy that {@link quotaGuard} makes. */
export class QuotaGuard extends Policy {
  readonly #breaker: CircuitBreaker;
  readonly #marks: Marks;
  readonly #provider: string;
  readonly #mark: MarkedBy;
  readonly #host: PolicyHost;

  constructor(
    breaker: CircuitBreaker,
    marks: Marks,
    options: { readonly provider: string; readonly mark: MarkedBy; readonly host: PolicyHost },
  ) {
    super();
    this.#breaker = breaker;
    this.#marks = marks;
    this.#provider = options.provider;
    this.#mark = options.mark;
    this.#host = options.host;
  }

  /** The name of its breaker. */
  get name(): string {
    return this.#breaker.name;
  }

  get [HOST](): PolicyHost {
    return this.#host;
  }

  [RUN]<T>(next: Next<T>, scope: Scope): Promise<T> {
    if (scope.signal?.aborted === true) return Promise.reject(scope.signal.reason);
    const waitMs = this.#waitMs(scope);
    if (waitMs > 0) {
      const beside = { reason: "quota", waitMs } as const;
      return Promise.reject(refuseBeside(this.#breaker, beside, scope.context));
    }
    return followNext(next, scope, this.#onValue<T>, this.#onThrow);
  }

  readonly #onValue = <T>(value: T): T => {
    if (this.#mark === "all") this.#markFrom(value);
    return value;
  };

  readonly #onThrow = (thrown: unknown): PromiseLike<never> => {
    // What a retry gave up on is told by its cause; what a breaker refused, the provider never said.
    const told = reported(thrown);
    if (this.#mark !== "none" && !isRefusal(told)) this.#markFrom(told);
    return rejection(thrown);
  };

  /** Marks of the user's making may fail: then no call is stopped, and none loses its result. */
  #waitMs(scope: Scope): number {
    try {
      return this.#marks.retryAfterMs(this.#provider);
    } catch (thrown) {
      this.#host.failed("exhaustion.retryAfterMs", thrown, scope);
      return 0;
    }
  }

  #markFrom(result: unknown): void {
    try {
      this.#marks.markFrom(this.#provider, result);
    } catch (thrown) {
      this.#host.failed("exhaustion.markFrom", thrown, undefined);
    }
  }
}

/**
 * Refuses calls while the quota of their provider is used up, on behalf of a breaker: such a call is a skip of that
 * breaker with reason `quota`, counted and told once by it, with the time until the mark ends as `retryAfterMs`. Other
 * breakers around it count the call as `unreached`. Results that say that the quota is used up mark the provider.
 *
 * It refuses whatever the breaker's state, and reaches no breaker inside it: put it around its breaker, so that no probe
 * takes a slot for a call that is refused.
 *
 * @throws {TypeError|RangeError} when an argument is of the wrong type or outside its range
 * @example
 * const exhausted = new ExhaustionRegistry({ bus });
 * const guarded = pipeline(quotaGuard(breaker, exhausted, { provider: "openai" }), breaker);
 */
export function quotaGuard(
  breaker: CircuitBreaker,
  exhaustion: Pick<ExhaustionRegistry, "retryAfterMs" | "markFrom">,
  options: QuotaGuardOptions = {},
): QuotaGuard {
  const check = checkOf("quota guard", breaker);
  if (!hasMethods(exhaustion, ["retryAfterMs", "markFrom"])) {
    return check.type("exhaustion", "an ExhaustionRegistry", exhaustion);
  }
  check.object("options", options);
  check.keys(options, ["provider", "mark", "bus", "clock"]);
  checkedCommon(check, options, ["provider", "mark"]);
  const { provider = breaker.name, mark = "thrown" } = options;
  return new QuotaGuard(breaker, exhaustion, {
    provider: check.text("provider", provider, LONGEST_NAME),
    mark: MARKED_BY.includes(mark) ? mark : check.type("mark", '"thrown", "all" or "none"', mark),
    host: new PolicyHost(breaker.name, options),
  });
}

const LONGEST_NAME = 256;

/** What checks the arguments of a guard that refuses on behalf of a breaker. */
export function checkOf(kind: string, breaker: unknown): Check {
  if (!(breaker instanceof CircuitBreaker)) {
    return new Check(`create ${kind}`).type("breaker", "a CircuitBreaker", breaker);
  }
  return new Check(`create ${labelOf(kind, breaker.name)}`);
}
