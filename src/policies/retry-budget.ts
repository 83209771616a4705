import { Check } from "../events/check.ts";

/**
 * How many retries all callers together may make, so that retries never multiply an outage. Share one between every
 * retry policy of one dependency. `ratioBudget` and `tokenBudget` make one; one of your own must answer `withdraw` at
 * once. What it throws, also later by a promise, harms no call and is told as `policy.callback_failed`.
 */
export interface RetryBudget {
  /** A call begins its first attempt. */
  begin(): void;
  /**
   * Takes what a retry costs and returns it, 0 or more; null when there is not enough, and the retry may not be made. It
   * is not made either when this fails: a budget is there to keep load away.
   */
  withdraw(timedOut: boolean): number | null;
  /**
   * A retry that was paid for is not made: its caller left in the wait before it. Optional: without it the cost stays taken.
   */
  giveBack?(withdrawn: number): void;
  /** A call succeeded; `withdrawn` is what its last retry cost, 0 when the first attempt did it. */
  succeed(withdrawn: number): void;
  /** What is left. */
  readonly balance: number;
}

/** Options of {@link ratioBudget}. */
export interface RatioBudgetOptions {
  /**
   * Retries for each call, above 0, at most 1.
   * @default 0.1
   */
  readonly ratio?: number;
  /**
   * Retries that are there before the first call, so that a process with little traffic can retry at all. 0 or more.
   * @default 0
   */
  readonly reserve?: number;
  /**
   * The most retries that calls can save up, 1 or more: what a sudden outage may use at once.
   * @default 100
   */
  readonly capacity?: number;
}

/** Retries as a share of the calls. */
class RatioBudget implements RetryBudget {
  readonly #ratio: number;
  readonly #capacity: number;
  #calls = 0;
  /** What was there when the count of calls began, less what was withdrawn. */
  #base: number;

  constructor({ ratio, reserve, capacity }: Required<RatioBudgetOptions>) {
    this.#ratio = ratio;
    this.#capacity = Math.max(capacity, reserve);
    this.#base = reserve;
  }

  /** The product, not a sum: a thousand times 0.1 added up is not 100. */
  get balance(): number {
    return this.#base + this.#calls * this.#ratio;
  }

  begin(): void {
    this.#calls++;
    if (this.balance > this.#capacity) this.#restart(this.#capacity);
  }

  withdraw(): number | null {
    if (this.balance < 1) return null;
    this.#base--;
    return 1;
  }

  giveBack(withdrawn: number): void {
    this.#base += withdrawn;
    if (this.balance > this.#capacity) this.#restart(this.#capacity);
  }

  succeed(): void {}

  #restart(balance: number): void {
    this.#base = balance;
    this.#calls = 0;
  }
}

/**
 * The budget of Google's SRE book: retries are at most a share of the calls. Each call pays in `ratio`, each retry
 * takes 1, so that `retries <= reserve + ratio * calls` at any time, whatever the dependency does.
 *
 * @throws {TypeError|RangeError} when an option is of the wrong type or outside its range
 * @example
 * const budget = ratioBudget({ ratio: 0.1, reserve: 10 });
 * const orders = retry("orders", { budget });
 * const refunds = retry("refunds", { budget });
 * @see https://sre.google/sre-book/handling-overload/ "Deciding to Retry": per-client retry budget of 10 %
 */
export function ratioBudget(options: RatioBudgetOptions = {}): RetryBudget {
  const check = new Check("make a ratio budget");
  check.object("options", options);
  check.keys(options, ["ratio", "reserve", "capacity"]);
  const { ratio = 0.1, reserve = 0, capacity = 100 } = options;
  check.share("ratio", ratio);
  checkedAmount(check, "reserve", reserve, 0);
  checkedAmount(check, "capacity", capacity, 1);
  return new RatioBudget({ ratio, reserve, capacity });
}

/** Options of {@link tokenBudget}. */
export interface TokenBudgetOptions {
  /**
   * Tokens at first, and at the most.
   * @default 500
   */
  readonly capacity?: number;
  /**
   * Tokens that a retry takes, at most `capacity`; a success after it gives them back.
   * @default 5
   */
  readonly retryCost?: number;
  /**
   * Tokens that a retry after a timeout takes; with more than `capacity` there is none.
   * @default 10
   */
  readonly timeoutCost?: number;
  /**
   * Tokens that a success at the first attempt gives back.
   * @default 1
   */
  readonly refund?: number;
}

/** Tokens that retries take and successes give back. */
class TokenBudget implements RetryBudget {
  readonly #settings: Required<TokenBudgetOptions>;
  balance: number;

  constructor(settings: Required<TokenBudgetOptions>) {
    this.#settings = settings;
    this.balance = settings.capacity;
  }

  begin(): void {}

  withdraw(timedOut: boolean): number | null {
    const { retryCost, timeoutCost } = this.#settings;
    const cost = timedOut ? timeoutCost : retryCost;
    if (this.balance < cost) return null;
    this.balance -= cost;
    return cost;
  }

  giveBack(withdrawn: number): void {
    this.balance = Math.min(this.#settings.capacity, this.balance + withdrawn);
  }

  succeed(withdrawn: number): void {
    this.giveBack(withdrawn === 0 ? this.#settings.refund : withdrawn);
  }
}

/**
 * The retry quota of the AWS SDKs: a bucket of tokens. A retry takes `retryCost`, after a timeout `timeoutCost`; a
 * success gives back what its last retry took, or `refund` when the first attempt did it. A dependency that is dead
 * gives nothing back: it sees at most `capacity / retryCost` retries, however many calls there are.
 *
 * @throws {TypeError|RangeError} when an option is of the wrong type or outside its range
 * @example
 * const budget = tokenBudget();
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html (500, 5, 10 and 1, before 2026)
 */
export function tokenBudget(options: TokenBudgetOptions = {}): RetryBudget {
  const check = new Check("make a token budget");
  check.object("options", options);
  check.keys(options, ["capacity", "retryCost", "timeoutCost", "refund"]);
  const { capacity = 500, retryCost = 5, timeoutCost = 10, refund = 1 } = options;
  checkedAmount(check, "capacity", capacity, 1);
  checkedAmount(check, "retryCost", retryCost, 1);
  checkedAmount(check, "timeoutCost", timeoutCost, 1);
  checkedAmount(check, "refund", refund, 0);
  if (retryCost > capacity) {
    // The one that was given is to blame.
    if (options.capacity === undefined) {
      check.range("retryCost", `at most capacity (${capacity})`, retryCost);
    }
    check.range("capacity", `at least retryCost (${retryCost})`, capacity);
  }
  return new TokenBudget({ capacity, retryCost, timeoutCost, refund });
}

function checkedAmount(check: Check, field: string, value: unknown, least: number): void {
  const allowed = `a number, ${least} or more`;
  if (typeof value !== "number") check.type(field, allowed, value);
  else if (!(value >= least && Number.isFinite(value))) check.range(field, allowed, value);
}
