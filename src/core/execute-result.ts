import type { CountedAs, SkipReason } from "../events/vocabulary.ts";
import { type CircuitOpenError, type RefusalFacts, refusalError } from "./circuit-open-error.ts";

interface Measured {
  /** How long the call took, in milliseconds; 0 for a refusal. */
  readonly latencyMs: number;
  /** Failures in a row after this call. */
  readonly consecutiveFailures: number;
  /** What the call counted as. A refusal is in no `calls` counter; it reads `unreached`, as an outer breaker counts it. */
  readonly countedAs: CountedAs;
}

/** The call returned a value in time. */
export interface OkResult<T> extends Measured {
  readonly outcome: "ok";
  readonly value: T;
  readonly latencyTripped: false;
}

/** The call returned a value, slower than `latencyTripMs`. */
export interface LatencyResult<T> extends Measured {
  readonly outcome: "latency";
  readonly value: T;
  readonly latencyTripped: true;
}

/** The call threw; `error` is the thrown value untouched. */
export interface ErrorResult extends Measured {
  readonly outcome: "error";
  readonly error: unknown;
  /** It threw a `TimeoutError`, or later than `latencyTripMs`. */
  readonly latencyTripped: boolean;
}

/** The breaker refused the call, and it did not run. */
export class RefusedResult implements Measured {
  readonly outcome = "circuit-open";
  readonly reason: SkipReason;
  /** Time since the last open, in milliseconds; 0 when closed. */
  readonly openMs: number;
  /** Calls refused since the last open, this one included. */
  readonly skipsSinceOpened: number;
  /** When to try again, in milliseconds; null when that is unknown. */
  readonly retryAfterMs: number | null;
  readonly latencyMs = 0;
  readonly latencyTripped = false;
  readonly consecutiveFailures: number;
  readonly countedAs = "unreached";
  readonly #facts: RefusalFacts;
  #error: CircuitOpenError | undefined;

  constructor(facts: RefusalFacts, consecutiveFailures: number) {
    this.#facts = facts;
    this.reason = facts.reason;
    this.openMs = facts.openMs;
    this.skipsSinceOpened = facts.skipsSinceOpened;
    this.retryAfterMs = facts.retryAfterMs;
    this.consecutiveFailures = consecutiveFailures;
  }

  /** What `call` would have thrown; built when first read. */
  get error(): CircuitOpenError {
    this.#error ??= refusalError(this.#facts);
    return this.#error;
  }
}

/** What {@link CircuitBreaker.execute} returns, told apart by `outcome`: what the caller holds. */
export type ExecuteResult<T> = OkResult<T> | LatencyResult<T> | ErrorResult | RefusedResult;
