import { refuseBeside } from "../core/beside-breaker.ts";
import type { CircuitBreaker } from "../core/circuit-breaker.ts";
import { rejection } from "../core/rejection.ts";
import type { Scalar } from "../events/field.ts";
import { followNext, type Next, type Scope } from "../policies/call-scope.ts";
import { HOST, Policy, RUN } from "../policies/policy.ts";
import { checkedCommon, PolicyHost, type PolicyOptions } from "../policies/policy-host.ts";
import { type ActualSpend, CreditLedger, type Reservation } from "./credit-ledger.ts";
import { checkOf } from "./quota-guard.ts";
import type { Usage } from "./spend-input.ts";

/** What an estimate may be made from: the options of the call. */
export interface EstimatedCall {
  readonly context: Readonly<Record<string, Scalar>> | undefined;
  readonly key: string | undefined;
}

/** How a call ended that was under a budget. */
export type SpentResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: unknown };

/** Options of {@link budgetGuard}. Unknown keys are refused. */
export interface BudgetGuardOptions<T> extends Omit<PolicyOptions, "timers"> {
  /** What a call will use, or a function that says it: held until the call has ended. */
  readonly estimate: Usage | ((call: EstimatedCall) => Usage);
  /**
   * What a call has used, by its result; null for nothing. When it fails, the estimate is recorded and
   * `policy.callback_failed` says so.
   * @default the estimate for a call that succeeded, nothing for one that failed
   */
  readonly actual?: (result: SpentResult<T>) => ActualSpend | null;
}

/** The policy that {@link budgetGuard} makes. */
export class BudgetGuard<T> extends Policy<never, T> {
  readonly #breaker: CircuitBreaker;
  readonly #ledger: CreditLedger;
  readonly #options: BudgetGuardOptions<T>;
  readonly #host: PolicyHost;

  constructor(breaker: CircuitBreaker, ledger: CreditLedger, options: BudgetGuardOptions<T>) {
    super();
    this.#breaker = breaker;
    this.#ledger = ledger;
    this.#options = options;
    this.#host = new PolicyHost(breaker.name, options);
  }

  /** The name of its breaker. */
  get name(): string {
    return this.#breaker.name;
  }

  get [HOST](): PolicyHost {
    return this.#host;
  }

  [RUN]<R>(next: Next<R>, scope: Scope): Promise<R> {
    if (scope.signal?.aborted === true) return Promise.reject(scope.signal.reason);
    let estimate: Usage;
    let held: ReturnType<CreditLedger["reserve"]>;
    try {
      estimate = this.#estimateOf(scope);
      held = this.#ledger.reserve(estimate);
    } catch (wrong) {
      // Nothing is known of what the call will cost: it must not run past the budget.
      return Promise.reject(wrong);
    }
    if (!held.ok) {
      const { retryAfterMs } = held;
      const beside = { reason: "quota", waitMs: retryAfterMs ?? Number.POSITIVE_INFINITY } as const;
      return Promise.reject(refuseBeside(this.#breaker, beside, scope.context));
    }
    const reservation = held;
    return followNext(
      next,
      scope,
      (value) => {
        // The public types of `call` say that what calls return is a T.
        this.#spend(reservation, estimate, { ok: true, value: value as unknown as T });
        return value;
      },
      (error: unknown) => {
        this.#spend(reservation, estimate, { ok: false, error });
        return rejection(error);
      },
    );
  }

  #estimateOf({ context, key }: Scope): Usage {
    const { estimate } = this.#options;
    return typeof estimate === "function" ? estimate({ context, key }) : estimate;
  }

  /** Records what the call has used. Never throws: the caller gets the result of the call whatever happens here. */
  #spend(reservation: Reservation, estimate: Usage, result: SpentResult<T>): void {
    const { actual } = this.#options;
    const { provider: _, model: __, ...estimated } = estimate;
    if (actual === undefined) {
      this.#settle(reservation, result.ok ? estimated : null);
      return;
    }
    try {
      const spent = actual(result);
      if (spent === null) reservation.release();
      else reservation.commit(spent);
    } catch (thrown) {
      this.#host.failed("actual", thrown, undefined);
      this.#settle(reservation, estimated);
    }
  }

  #settle(reservation: Reservation, spent: ActualSpend | null): void {
    try {
      if (spent === null) reservation.release();
      else reservation.commit(spent);
    } catch (thrown) {
      // A sum that would no longer be exact.
      this.#host.failed("ledger.commit", thrown, undefined);
      reservation.release();
    }
  }
}

/**
 * Holds what calls will cost under the hard budgets and rate limits of a ledger, and records what they did, on behalf of
 * a breaker: a call that does not fit is a skip of that breaker with reason `quota`, counted and told once by it; its
 * `retryAfterMs` is null where the ledger does not know when it may fit. Other breakers around it count the call as
 * `unreached`. A call whose estimate cannot be made, or names what a usage has not, rejects with that error.
 *
 * Put it around its breaker and inside of a retry, so that each attempt is paid for.
 *
 * @throws {TypeError|RangeError} when an argument is of the wrong type or outside its range
 * @example
 * const paid = budgetGuard(breaker, ledger, {
 *   estimate: { provider: "openai", model: "gpt-5", tokens: { input: 900, output: 500 } },
 *   actual: (result: SpentResult<Reply>) => (result.ok ? { tokens: result.value.usage, id: result.value.id } : null),
 * });
 * const guarded = pipeline(paid, breaker);
 */
export function budgetGuard<T = unknown>(
  breaker: CircuitBreaker,
  ledger: CreditLedger,
  options: BudgetGuardOptions<T>,
): BudgetGuard<T> {
  const check = checkOf("budget guard", breaker);
  if (!(ledger instanceof CreditLedger)) check.type("ledger", "a CreditLedger", ledger);
  check.object("options", options);
  check.keys(options, ["estimate", "actual", "bus", "clock"]);
  checkedCommon(check, options, ["estimate", "actual"]);
  const { estimate, actual } = options;
  if (typeof estimate !== "function") check.object("estimate", estimate);
  if (actual !== undefined) check.function("actual", actual);
  return new BudgetGuard(breaker, ledger, options);
}
