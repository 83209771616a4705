/**
 * Where a breaker takes the time from. Decisions use `monotonicMs`; events carry `epochMs` as well.
 *
 * @example
 * const clock = { monotonicMs: () => performance.now(), epochMs: () => Date.now() };
 */
export interface Clock {
  /** Milliseconds since any fixed moment; must not go backwards when the wall clock is set. */
  monotonicMs(): number;
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  epochMs(): number;
}
