import type { Check } from "../events/check.ts";
import { type Backoff, backoffOf, type ExponentialBackoffOptions } from "./backoff.ts";
import { checkedPolicy, checkedTimerMs, checkedWaitMs, type PolicyOptions } from "./policy-host.ts";
import type { RetryBudget } from "./retry-budget.ts";

/** Options of {@link retry}. Unknown keys are refused. */
export interface RetryOptions extends PolicyOptions {
  /**
   * Attempts in all, the first included.
   * @default 3
   */
  readonly attempts?: number;
  /**
   * The wait before each retry: options of `exponentialBackoff`, or a function of your own. When that fails, the
   * default holds and `policy.callback_failed` says so. It is added to what a dependency or a breaker asks for, so that
   * callers which were told the same moment do not come back together.
   * @default exponentialBackoff()
   */
  readonly backoff?: ExponentialBackoffOptions | Backoff;
  /**
   * The time that all attempts and waits have together, in milliseconds. At its end the signal that `fn` receives is
   * aborted and the call rejects; a retry whose wait would not end before is not begun.
   * @default no limit
   */
  readonly totalMs?: number;
  /**
   * The longest wait that a dependency or a breaker may ask for, in milliseconds: if it asks for more, the call is
   * given up at once, because it must not be tried earlier. So it is when the wait does not end before `totalMs`, or before
   * the limit of a `timeout` around it in a pipeline. 0 waits for nobody: whatever a breaker or a bulkhead refuses is
   * given up at once, and takes nothing from the budget. 0 or more, at most 2 147 483 646.
   * @default 30_000
   */
  readonly maxRetryAfterMs?: number;
  /**
   * How many retries all callers together may make; share one between the policies of a dependency. Of retries inside
   * each other give it to the outermost, or each of its attempts counts as a call of the inner one.
   * @default no limit
   */
  readonly budget?: RetryBudget;
  /**
   * Whether a call may be made twice. If not, it is tried again only when it is known not to have been done: it was
   * refused in this process, no connection was made, or the answer was HTTP 408, 425 or 429. The option of the same
   * name of a call wins.
   * @default true
   */
  readonly idempotent?: boolean;
  /**
   * Whether an error is worth another try. Undefined leaves it to the defaults: everything is, but what `permanent`
   * marked, HTTP 4xx other than 408, 425 and 429, HTTP 501 and 505, wrong certificates and addresses, and an
   * `AbortError`. An error that `permanent` marked is never asked about. If it throws or answers anything else, such as a
   * promise, the defaults hold and `policy.callback_failed` says so.
   * @default the defaults above
   */
  readonly shouldRetry?: (error: unknown, attempt: number) => boolean | undefined;
  /**
   * Whether a returned value is worth another try, such as a `Response` of status 503. When no retry is left, the
   * caller gets the value. Of a `Response` that is tried again the body is cancelled, unless somebody reads it. If it throws or answers anything else, such as a promise, the value counts as good and
   * `policy.callback_failed` says so.
   * @default every value is good
   */
  readonly shouldRetryResult?: (value: unknown, attempt: number) => boolean;
  /**
   * Where chance comes from: a number in [0, 1).
   * @default Math.random
   */
  readonly random?: () => number;
}

/** The options after the check, with every default in place. */
export interface RetrySettings {
  readonly attempts: number;
  readonly backoff: Backoff;
  /** Undefined without a limit. */
  readonly totalMs: number | undefined;
  readonly maxRetryAfterMs: number;
  readonly budget: RetryBudget | undefined;
  readonly idempotent: boolean;
  readonly shouldRetry: RetryOptions["shouldRetry"];
  readonly shouldRetryResult: RetryOptions["shouldRetryResult"];
}

const KEYS = [
  "attempts",
  "backoff",
  "totalMs",
  "maxRetryAfterMs",
  "budget",
  "idempotent",
  "shouldRetry",
  "shouldRetryResult",
  "random",
];
const DEFAULT_ATTEMPTS = 3;
const DEFAULT_MAX_RETRY_AFTER_MS = 30_000;

/** Checks the options of a retry policy. */
export function checkedRetry(check: Check, name: unknown, options: RetryOptions): RetrySettings {
  const given = checkedPolicy(check, name, options, KEYS);
  const { attempts, backoff, totalMs, maxRetryAfterMs, budget, idempotent = true } = given;
  const { shouldRetry, shouldRetryResult, random } = given;
  check.flag("idempotent", idempotent);
  if (random !== undefined) check.function("random", random);
  return {
    attempts:
      attempts === undefined ? DEFAULT_ATTEMPTS : check.positiveInteger("attempts", attempts),
    backoff: typeof backoff === "function" ? backoff : backoffOf(check, backoff, "backoff"),
    totalMs: totalMs === undefined ? undefined : checkedTimerMs(check, "totalMs", totalMs),
    maxRetryAfterMs:
      maxRetryAfterMs === undefined
        ? DEFAULT_MAX_RETRY_AFTER_MS
        : checkedWaitMs(check, "maxRetryAfterMs", maxRetryAfterMs),
    budget: budget === undefined ? undefined : checkedBudget(check, budget),
    idempotent,
    shouldRetry: shouldRetry === undefined ? undefined : check.function("shouldRetry", shouldRetry),
    shouldRetryResult:
      shouldRetryResult === undefined
        ? undefined
        : check.function("shouldRetryResult", shouldRetryResult),
  };
}

function checkedBudget(check: Check, budget: RetryBudget): RetryBudget {
  check.object("budget", budget);
  for (const method of ["begin", "withdraw", "succeed"] as const) {
    check.function(`budget.${method}`, budget[method]);
  }
  if (budget.giveBack !== undefined) check.function("budget.giveBack", budget.giveBack);
  return budget;
}
