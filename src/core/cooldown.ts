import { Check } from "../events/check.ts";

/**
 * The cooldown of an open, in milliseconds. `attempt` is 1 for the first open after sustained health and grows with
 * each open after it; `random` is the breaker's, a number in [0, 1).
 */
export type Cooldown = (attempt: number, random: () => number) => number;

/** Options of {@link exponentialCooldown}. */
export interface ExponentialCooldownOptions {
  /** The cooldown of the first attempt, in milliseconds. */
  readonly initialMs: number;
  /** The longest cooldown, in milliseconds. */
  readonly maxMs: number;
  /**
   * What each further attempt multiplies it by.
   * @default 2
   */
  readonly factor?: number;
  /**
   * The share of the cooldown that chance may take away, 0 to 1, so that instances do not probe in step.
   * @default 0.25
   */
  readonly jitter?: number;
}

const KEYS = ["initialMs", "maxMs", "factor", "jitter"];

/**
 * A cooldown that grows with each open. It begins again only after the breaker stayed closed for as long as the last
 * cooldown was, so that one lucky probe does not make it flap.
 *
 * @throws {TypeError|RangeError} when an option is of the wrong type or outside its range
 * @example
 * const cooldownMs = exponentialCooldown({ initialMs: 1_000, maxMs: 60_000 });
 * const breaker = new CircuitBreaker("payments", { cooldownMs });
 * @see https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
 */
export function exponentialCooldown(options: ExponentialCooldownOptions): Cooldown {
  const check = new Check("make an exponential cooldown");
  check.object("options", options);
  check.keys(options, KEYS);
  const initialMs = check.positiveMs("initialMs", options.initialMs);
  const maxMs = check.positiveMs("maxMs", options.maxMs);
  if (maxMs < initialMs) check.range("maxMs", `at least initialMs (${initialMs})`, maxMs);
  const { factor = 2, jitter = 0.25 } = options;
  if (typeof factor !== "number") check.type("factor", "a number, 1 or more", factor);
  if (!(factor >= 1 && Number.isFinite(factor)))
    check.range("factor", "a number, 1 or more", factor);
  if (typeof jitter !== "number") check.type("jitter", "a number from 0 to 1", jitter);
  if (!(jitter >= 0 && jitter <= 1)) check.range("jitter", "a number from 0 to 1", jitter);
  return (attempt, random) =>
    Math.min(maxMs, initialMs * factor ** (attempt - 1)) * (1 - jitter * random());
}

/** A cooldown that runs, or that is about to. */
export interface Cooling {
  /** When it began, on the monotonic clock. */
  readonly sinceMs: number;
  readonly cooldownMs: number;
  /** 0 when the cooldown is a number: nobody counts then. */
  readonly attempt: number;
}

/** How often the breaker opened without sustained health in between. */
export class CooldownAttempts {
  #attempt: number;
  #lastMs: number;

  constructor(attempt = 0, lastMs = 0) {
    this.#attempt = attempt;
    this.#lastMs = lastMs;
  }

  /** The number of the last attempt, and the cooldown that it had. */
  get last(): { readonly attempt: number; readonly cooldownMs: number } {
    return { attempt: this.#attempt, cooldownMs: this.#lastMs };
  }

  /** The breaker leaves the closed state after `healthyMs`: long enough, and the count begins again. */
  leaveClosed(healthyMs: number): void {
    if (healthyMs >= this.#lastMs) this.#attempt = 0;
  }

  /** The number of the attempt that an open would be, out of the closed state after `healthyMs`, else null. */
  next(healthyMs: number | null): number {
    return healthyMs !== null && healthyMs >= this.#lastMs ? 1 : this.#attempt + 1;
  }

  begun({ attempt, cooldownMs }: Cooling): void {
    this.#attempt = attempt;
    this.#lastMs = cooldownMs;
  }
}
