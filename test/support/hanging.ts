import type { Permit } from "../../src/index.ts";
import { type CircuitBreaker, type CircuitBreakerOptions, failureRate } from "../../src/index.ts";
import { type Watched, watch } from "./breaker.ts";
import { permitOf } from "./states.ts";

/** The limit of the breakers that `watchHanging` makes. */
export const LIMIT_MS = 2_000;

/** Half of the last twenty calls. */
export const HALF = failureRate({ threshold: 0.5, window: { calls: 20 }, minimumCalls: 20 });

/** A breaker that counts calls under way, with a cooldown of 500 ms. */
export const watchHanging = (options: CircuitBreakerOptions = {}): Watched =>
  watch({ latencyTripMs: LIMIT_MS, inFlight: true, cooldownMs: 500, ...options });

/** Starts calls that never end. */
export function hang({ breaker }: { readonly breaker: CircuitBreaker }, calls: number): void {
  for (let n = 0; n < calls; n++) void breaker.call(() => new Promise<never>(() => {}));
}

/** Takes permits for calls that the test ends. */
export const permits = (watched: Pick<Watched, "breaker">, count: number): Permit[] =>
  Array.from({ length: count }, () => permitOf(watched));
