import {
  CircuitBreaker,
  type CircuitBreakerOptions,
  type CircuitEvent,
  exponentialCooldown,
  failureRate,
  slowRate,
} from "../../src/index.ts";
import { BOOM, failTimes, watch } from "./breaker.ts";
import { FakeClock } from "./fake-clock.ts";

/** Options with every kind of rule, window, candidate and traffic that a snapshot can hold something of. */
export const RICH = {
  failureThreshold: 9,
  latencyTripMs: 50,
  inFlight: true,
  trip: [
    failureRate({ threshold: 1, window: { calls: 20 } }),
    failureRate({ threshold: 1, window: { durationMs: 10_000 } }),
    slowRate({ latencyMs: 20, threshold: 1, window: { calls: 6 } }),
  ],
  shadow: failureRate({ threshold: 0.5, window: { calls: 3 } }),
  cooldownMs: exponentialCooldown({ initialMs: 1_000, maxMs: 8_000, jitter: 0 }),
  degradation: [1, 1, 1, 0.5],
  rampUp: { durationMs: 4_096, from: 0.5 },
  random: () => 0.25,
} satisfies CircuitBreakerOptions;

/** Lives that end with something to save in each state; the same each time. */
export const LIVES: Readonly<Record<string, (breaker: CircuitBreaker, clock: FakeClock) => void>> =
  {
    idle: () => {},
    closed: (breaker, clock) => {
      breaker.recordSuccess(10);
      for (const latencyMs of [5, 60, 5]) {
        clock.advance(700);
        breaker.recordFailure(BOOM, latencyMs);
      }
      breaker.recordSuccess(30);
    },
    recovered: (breaker, clock) => {
      for (let n = 0; n < 9; n++) breaker.recordFailure(BOOM, 5);
      clock.advance(1_000);
      breaker.recordSuccess(5);
      clock.advance(100);
      breaker.recordFailure(BOOM, 5);
    },
    open: (breaker, clock) => {
      for (let n = 0; n < 9; n++) breaker.recordFailure(BOOM, 5);
      clock.advance(1_000);
      breaker.recordFailure(BOOM, 5);
      clock.advance(250);
      breaker.admit();
    },
    half_open: (breaker, clock) => {
      for (let n = 0; n < 9; n++) breaker.recordFailure(BOOM, 5);
      clock.advance(1_200);
      breaker.admit();
    },
    forced: (breaker, clock) => {
      breaker.forceOpen("maintenance", { forMs: 5_000 });
      clock.advance(2_000);
      breaker.admit();
    },
    held: (breaker) => breaker.forceOpen("maintenance"),
    disabled: (breaker, clock) => {
      breaker.disable();
      for (let n = 0; n < 12; n++) {
        clock.advance(10);
        breaker.recordFailure(BOOM, n % 2 === 0 ? 5 : 60);
      }
    },
  };

/** A breaker at the end of one of the lives. */
export function lived(
  name: string,
  listen = true,
): { readonly breaker: CircuitBreaker; readonly clock: FakeClock } {
  const clock = new FakeClock();
  const breaker = new CircuitBreaker("payments", { ...RICH, clock });
  if (listen) breaker.on("circuit.*", () => {});
  LIVES[name]?.(breaker, clock);
  return { breaker, clock };
}

/** A breaker that failed `times` times, and a new process to restore it in. */
export async function restarted(options: CircuitBreakerOptions = {}, times = 5) {
  const before = watch(options);
  await failTimes(before.breaker, times);
  return {
    before,
    /** A process that begins after so many milliseconds, its monotonic clock at 0. */
    after(downMs: number, changed: CircuitBreakerOptions = options) {
      const json = before.breaker.serialize();
      const clock = new FakeClock();
      clock.jumpWall(before.clock.nowMs + downMs);
      const events: CircuitEvent[] = [];
      const breaker = new CircuitBreaker("dependency", { ...changed, clock });
      breaker.on("circuit.*", (event) => events.push(event));
      return { breaker, clock, events, json };
    },
  };
}
