import type { CircuitState, FailureReason } from "../events/vocabulary.ts";
import type { Counted } from "./tally.ts";
import type { SavedMeter } from "./trip-meters.ts";

/** What a snapshot of a breaker says it is. */
export const BREAKER_KIND = "telltale.breaker";

/** Failures of a closed period since the last success. */
export interface RunSnapshot {
  readonly error: number;
  readonly latency: number;
  readonly last: FailureReason;
  readonly firstAtMs: number;
  readonly firstAgoMs: number;
}

/** What rules that only report have seen. */
export interface CandidateSnapshot {
  readonly run: RunSnapshot | null;
  readonly failures: number;
  /** How long they still look away after a would-be open. */
  readonly blindMs: number;
  readonly meters: readonly SavedMeter[];
}

/** The incident that a breaker is in. */
export interface IncidentSnapshot {
  readonly id: string;
  readonly startedAtMs: number;
  readonly startedAgoMs: number;
  /** The last open. */
  readonly openedAgoMs: number;
  readonly skips: number;
  readonly skipsSinceOpened: number;
  readonly probes: number;
  readonly reopens: number;
}

/** What a closed or disabled period has seen. */
export interface EvidenceSnapshot {
  readonly run: RunSnapshot | null;
  /** How near a trip the present climb has come; 0 without one. */
  readonly peak: number;
  /** Since the last verdict, where idle time counts. */
  readonly activeAgoMs: number;
  readonly meters: readonly SavedMeter[];
}

/**
 * A breaker at one moment, as plain data for JSON. Version 1. What ends in `AgoMs` is counted back from `takenAtMs`,
 * since the clock that decides ends with its process. It does not carry calls and probes under way, what the last
 * failure threw, and listeners.
 */
export interface BreakerSnapshot {
  readonly kind: typeof BREAKER_KIND;
  readonly v: 1;
  readonly name: string;
  /** The history that it belongs to: breakers that were restored from one another have the same. */
  readonly life: string;
  /** On the wall clock. */
  readonly takenAtMs: number;
  /** The number of the last event. */
  readonly seq: number;
  readonly generation: number;
  /** The committed state. */
  readonly state: CircuitState;
  /** Since that state was entered. */
  readonly enteredAgoMs: number;
  /** When a probe may run, on the wall clock; null when none is waited for, or when forced without an end. */
  readonly retryAtMs: number | null;
  /** What was left until then at `takenAtMs`, 0 when it was over: a restored breaker never waits longer. */
  readonly remainingMs: number | null;
  /** The reason that stands of a forced open; missing when there is none. */
  readonly note?: string;
  readonly consecutiveFailures: number;
  readonly lastFailureAtMs: number | null;
  readonly lastSuccessAtMs: number | null;
  /** Everything that was counted and is not 0. */
  readonly counts: Counted;
  readonly incident: IncidentSnapshot | null;
  /** How often it opened without sustained health in between, where the cooldown is a function. */
  readonly backoff: { readonly attempt: number; readonly cooldownMs: number } | null;
  /** Since a recovery, while traffic is let in bit by bit. */
  readonly rampAgoMs: number | null;
  /** Null when nothing was seen. */
  readonly evidence: EvidenceSnapshot | null;
  /** What the own rules of a disabled breaker would have decided by. */
  readonly own: CandidateSnapshot | null;
  /** The same of its candidates. */
  readonly shadow: CandidateSnapshot | null;
}
