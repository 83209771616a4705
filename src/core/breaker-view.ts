import type { CircuitMatching, CircuitPattern } from "../events/event.ts";
import type { EventBus, ListenOptions } from "../events/event-bus.ts";
import type { Scalar } from "../events/field.ts";
import type {
  CircuitState,
  CountedAs,
  FailureReason,
  ProbeOutcome,
  SkipReason,
  Transition,
} from "../events/vocabulary.ts";
import type { DurationListener } from "./call-durations.ts";

/** What a breaker has counted since it was made; frozen. The counters never go back. */
export interface BreakerStats {
  /** Finished calls by what they counted as. */
  readonly calls: Readonly<Record<CountedAs, number>>;
  /** Refused calls by reason. */
  readonly skips: Readonly<Record<SkipReason, number>>;
  /** Opens for reason error or latency. */
  readonly trips: Readonly<Record<FailureReason, number>>;
  /** Committed state changes, for example `transitions["closed->open"]`. */
  readonly transitions: Readonly<Record<Transition, number>>;
  /** Ended probes by outcome. */
  readonly probes: Readonly<Record<ProbeOutcome, number>>;
  /** Failures in a row; survives the trip, grows with each failed probe, 0 after a close. */
  readonly consecutiveFailures: number;
  /** Epoch milliseconds; null when there was none. */
  readonly lastFailureAtMs: number | null;
  /**
   * Epoch milliseconds; null when there was none. Where nothing needs the time, a burst of more than a thousand
   * successes a second is sampled: it and the first calls after it may be off by up to sixteen successes.
   */
  readonly lastSuccessAtMs: number | null;
  /** Time spent in each committed state; the sum is the breaker's age. */
  readonly timeInStateMs: Readonly<Record<CircuitState, number>>;
}

/** Is told which breakers a registry holds. */
export interface RegistryFollower<Breaker = BreakerView> {
  added(breaker: Breaker): void;
  removed(breaker: Breaker): void;
}

/** What exporters need of a registry. */
export interface RegistryView {
  /** Carries the events of all its breakers. */
  readonly bus: EventBus;
  /** Tells of the breakers there are, at once, and from then on of each that comes or goes. */
  follow(follower: RegistryFollower, options?: Pick<ListenOptions, "sink">): () => void;
}

/** What may be read of a breaker; exporters need no more than this. No getter has an effect. */
export interface BreakerView {
  readonly name: string;
  /** The static key/values that are on every event; empty when there are none. */
  readonly attributes: Readonly<Record<string, Scalar>>;
  /** The effective state: an open breaker whose cooldown is over reads `half_open`. */
  readonly state: CircuitState;
  /** The share of calls that pass, 0 to 1. */
  readonly trafficShare: number;
  /** How near the trip is, 0 to 1; 1 unless closed. */
  readonly tripProgress: number;
  /** Consecutive failures that trip; null when no rule counts them. */
  readonly failureThreshold: number | null;
  /** Probes under way whose lease has not ended. */
  readonly probesInFlight: number;
  /** When the present incident began, in epoch milliseconds; null when there is none. */
  readonly openedAtMs: number | null;
  /** Milliseconds until a call may be tried: 0 when one may be now, null when that is unknown. A view may do without. */
  readonly retryAfterMs?: number | null;
  readonly stats: BreakerStats;
  readonly bus: EventBus;
  /** Commits and tells what time alone has brought about; exporters call it before they read. A view may do without. */
  catchUp?(): void;
  /** Listens to the breaker's own events only. */
  on<P extends CircuitPattern>(
    type: P,
    listener: (event: CircuitMatching<P>) => void,
    options?: ListenOptions,
  ): () => void;
  /**
   * Tells the length of each call that counts as success, error or latency, without an event: what a histogram needs.
   * Calls are timed as long as somebody listens; the length of one that was not timed is not told. Runs after the
   * listeners of the call's events. A listener that throws disturbs nobody and is reported as `bus.listener_failed`.
   * @returns a function that ends it
   */
  onDuration(listener: DurationListener, options?: Pick<ListenOptions, "sink">): () => void;
}
