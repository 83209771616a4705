import { NEVER_TRIPS, STAYS_OPEN_MS } from "./subject.ts";

// Each peer is imported only by the cell that measures it, so that none disturbs another.

/** opossum without what can be turned off: time limit, snapshots, percentiles, all buckets but one. */
export async function opossumLean<R>(
  action: () => Promise<R>,
  { timeout }: { readonly timeout: number | false } = { timeout: false },
) {
  const { default: CircuitBreaker } = await import("opossum");
  return new CircuitBreaker(action, {
    timeout,
    resetTimeout: STAYS_OPEN_MS,
    rollingCountBuckets: 1,
    rollingPercentilesEnabled: false,
    enableSnapshots: false,
    // More than 100 % never fail.
    errorThresholdPercentage: 100,
  });
}

export async function opossumDefault<R>(action: () => Promise<R>) {
  const { default: CircuitBreaker } = await import("opossum");
  return new CircuitBreaker(action, { errorThresholdPercentage: 100 });
}

/** cockatiel, by default with a limit that is never reached. */
export async function cockatiel(
  rule: "consecutive" | "count" | "sampling",
  failures = NEVER_TRIPS,
) {
  const { circuitBreaker, ConsecutiveBreaker, CountBreaker, handleAll, SamplingBreaker } =
    await import("cockatiel");
  const breaker = {
    consecutive: () => new ConsecutiveBreaker(failures),
    count: () => new CountBreaker({ threshold: 0.5, size: 100 }),
    sampling: () => new SamplingBreaker({ threshold: 0.5, duration: 30_000 }),
  }[rule]();
  return circuitBreaker(handleAll, { halfOpenAfter: STAYS_OPEN_MS, breaker });
}

/** mollitia with a window of 100 calls. */
export async function mollitia(func: () => Promise<unknown>) {
  const { Circuit, SlidingCountBreaker } = await import("mollitia");
  const breaker = new SlidingCountBreaker({ slidingWindowSize: 100, minimumNumberOfCalls: 100 });
  return new Circuit({ func, options: { modules: [breaker] } });
}
