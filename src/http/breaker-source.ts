import type { CircuitBreaker } from "../core/circuit-breaker.ts";

/** Where breakers come from by name: a `BreakerRegistry`, or anything that has as much of one. */
export interface BreakerSource {
  get(name: string): CircuitBreaker;
}
