import type {
  CircuitState,
  CountedAs,
  FailureReason,
  ProbeOutcome,
  SkipReason,
  Transition,
} from "../events/vocabulary.ts";

/**
 * What the events of a breaker told of its counters; of the form of `breaker.stats`. They begin with the record: equal
 * to the breaker's own when it is whole from `seq` 1 (`missing` is 0) and holds every type of `circuit.*`.
 */
export interface ReplayedStats {
  readonly calls: Readonly<Record<CountedAs, number>>;
  readonly skips: Readonly<Record<SkipReason, number>>;
  readonly trips: Readonly<Record<FailureReason, number>>;
  readonly transitions: Readonly<Record<Transition, number>>;
  /** Probes that ended. */
  readonly probes: Readonly<Record<ProbeOutcome, number>>;
  /**
   * As of the last event. What idle time takes off it under `degradation`, and a `reset` while closed or disabled, are
   * told by no event: they show at the next event that tells the count, or a higher generation.
   */
  readonly consecutiveFailures: number;
  /** Epoch milliseconds; null when there was none. */
  readonly lastFailureAtMs: number | null;
  /** Epoch milliseconds; null when there was none. */
  readonly lastSuccessAtMs: number | null;
  /**
   * Time spent in each committed state up to the last event. Exact at every change of state, by the length that the
   * change itself tells. After it the wall clock is all there is; before the first change of a record, time is counted
   * from its first event.
   */
  readonly timeInStateMs: Readonly<Record<CircuitState, number>>;
}

/** The incident that a breaker is in, as its events told it. */
export interface ReplayedIncident {
  readonly incidentId: string;
  /** Epoch milliseconds; null when the record begins after it did. */
  readonly openedAtMs: number | null;
  /** The last open, epoch milliseconds; null when the record has none. */
  readonly lastOpenedAtMs: number | null;
  /** Why it began: null when the record begins after it did. */
  readonly reason: string | null;
  /** The rule that decided; null when forced or not recorded. */
  readonly rule: string | null;
  /** Calls refused since it began. */
  readonly skips: number;
  /** Calls refused since the last open. */
  readonly skipsSinceOpened: number;
  /** Probes that ended in it. A probe under way is told only when it ends. */
  readonly probes: number;
  /** Failed recoveries. */
  readonly reopens: number;
}

/** How near a trip a closed breaker was when it last told. */
export interface ReplayedProgress {
  /** 0 to 1; 1 would be the trip. */
  readonly ratio: number;
  /** The rule that was nearest to its trip. */
  readonly rule: string | null;
  /** Further failures in a row that would trip; null for rules that do not count them. */
  readonly failuresToTrip: number | null;
}

/**
 * The committed state of one breaker in one process, rebuilt from its events as of the last of them. Frozen plain data.
 *
 * No event tells: how far time has brought an effective state (a cooldown that is over, a lease that ends), the share that `rampUp` leaves, what lowers the progress, and the
 * counters that a restored snapshot brings along.
 */
export interface ReplayedBreaker {
  readonly breaker: string;
  /** The process; null when its events name none. */
  readonly instance: string | null;
  /** The `seq` of the last event. */
  readonly seq: number;
  /** The moment of the last event, epoch milliseconds. */
  readonly atMs: number;
  readonly state: CircuitState;
  /** When that state was entered, epoch milliseconds; null when the record does not have the change. */
  readonly stateSinceAtMs: number | null;
  readonly generation: number;
  readonly stats: ReplayedStats;
  /** Null when there is none. */
  readonly incident: ReplayedIncident | null;
  /** When a probe may run, as the last open told, epoch milliseconds; null when not waiting, or without an end. */
  readonly retryAtMs: number | null;
  /** Probes under way: at least so many, since one is told only when it ends. */
  readonly probesInFlight: number;
  /** The share of calls that degradation lets pass: 0 when not closed, 1 when disabled. */
  readonly trafficShare: number;
  /** Null unless it was told since the closed time began. */
  readonly progress: ReplayedProgress | null;
  /** Consecutive failures that trip, as last told; null when no rule counts them, and as long as nothing failed. */
  readonly failureThreshold: number | null;
  /** Events that were taken of this process. */
  readonly events: number;
  /** Events of this process that the record does not have: numbers up to `seq` that no event of it carries. */
  readonly missing: number;
  /** Skips that a sampling sink counted without writing them; by none of `stats.skips`. */
  readonly suppressed: number;
  /** How often a new process of the same name began; the counters begin again with each. */
  readonly restarts: number;
}
