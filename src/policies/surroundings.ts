import { failedBeside, hearsFailedBeside } from "../core/beside-breaker.ts";
import { type CircuitBreaker, circuitOf } from "../core/circuit-breaker.ts";
import type { Clock } from "../core/clock.ts";
import type { Scope } from "./call-scope.ts";

/** What surrounds a policy: the time, and those who listen. */
export interface Surroundings {
  readonly clock: Clock;
  /** Whether nobody can ever listen. */
  readonly isUnheard: boolean;
  /** Whether somebody hears of failures now. */
  readonly hearsFailures: boolean;
  /** Tells that something the user gave failed. */
  failed(callback: string, thrown: unknown, scope: Pick<Scope, "context"> | undefined): void;
}

/** Those of a breaker. */
export const surroundingsOf = (breaker: CircuitBreaker): Surroundings => ({
  clock: circuitOf(breaker).clock,
  isUnheard: false,
  get hearsFailures() {
    return hearsFailedBeside(breaker);
  },
  failed: (callback, thrown) => failedBeside(breaker, callback, thrown),
});
