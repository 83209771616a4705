import type { ErrorInfo } from "../events/field.ts";

/** One incident of one breaker: from its first open to its close. */
export interface IncidentSummary {
  readonly incidentId: string;
  readonly breaker: string;
  /** The processes that it was recorded in; empty when the events name none. */
  readonly instances: readonly string[];
  /** The first open; worked out from later events when the record begins after it. */
  readonly openedAtMs: number;
  /** Null while open, and when the record has no close. */
  readonly closedAtMs: number | null;
  /** From the first open to the close; null without a close. */
  readonly mttrMs: number | null;
  /** From the first of the failures that decided to the open; null when forced or not recorded. */
  readonly detectMs: number | null;
  /** Why it began; null when the record begins after the open. */
  readonly reason: string | null;
  /** The rule that decided; null when forced or not recorded. */
  readonly rule: string | null;
  /** What closed it; null without a close. */
  readonly closeReason: string | null;
  /** Calls refused; exact with a close, at least this many without one. */
  readonly skips: number;
  /** Failures that decided an open of it: those of the trip, and the failed probes. */
  readonly failures: number;
  /** Failed recoveries. */
  readonly reopens: number;
  readonly probes: number;
  /** Places where events are missing from the record. */
  readonly gaps: number;
  /** `failures` by reason. */
  readonly causes: { readonly error: number; readonly latency: number };
  /** `mttrMs`; without a close, how long it was open at least. */
  readonly openMs: number;
  /** It is over, but the record has no close of it: the process died, or the line was lost. */
  readonly closeLost: boolean;
  /** What the operator said when opening it by force. */
  readonly note: string | null;
  /** What the failure that opened it threw. */
  readonly error: ErrorInfo | null;
}

/** Times to recovery; null where there was none. */
export interface RecoveryTimes {
  readonly mttrMeanMs: number | null;
  readonly mttrMedianMs: number | null;
  /** The smallest time that at least 90 % of the recoveries did not exceed. */
  readonly mttrP90Ms: number | null;
  readonly mttrMaxMs: number | null;
}

/** One breaker over the whole record, all its instances together. */
export interface BreakerSummary extends RecoveryTimes {
  readonly incidents: number;
  /** Incidents without a recorded close. */
  readonly stillOpen: number;
  /** Time in which at least one instance was in an incident. With incidents still open, at least this much. */
  readonly openMs: number;
  readonly skips: number;
  /** Incidents that the times to recovery are of: begun by a trip or a peer, ended by a probe or a peer. */
  readonly recovered: number;
  /** Incidents that a person or a reset began or ended, which say nothing of recovery. */
  readonly excluded: {
    readonly incidents: number;
    readonly meanMs: number | null;
    readonly maxMs: number | null;
  };
  /** Of `stillOpen`: those that are over without a recorded close. */
  readonly closesLost: number;
  /** Places where events of the breaker are missing from the record. */
  readonly gaps: number;
}

/** A place where events are missing. */
export interface Gap {
  readonly breaker: string;
  readonly instance: string | null;
  /** The last `seq` before, and the first after; null for the beginning of a process. */
  readonly afterSeq: number | null;
  readonly beforeSeq: number;
  readonly fromAtMs: number;
  readonly toAtMs: number;
}

/** What was read. `lines` is the sum of the others; empty lines are not counted. */
export interface InputCounts {
  readonly lines: number;
  readonly events: number;
  /** Lines of something else. */
  readonly ignored: number;
  /** JSON cut off, or an event without a usable envelope. */
  readonly damaged: number;
}

/** What a record of events tells of incidents. Plain data, safe for JSON. */
export interface IncidentReport {
  /** By the moment they began. */
  readonly incidents: readonly IncidentSummary[];
  readonly breakers: Readonly<Record<string, BreakerSummary>>;
  readonly input: InputCounts;
  /** Events of which a field did not fit the catalogue and was left out. */
  readonly flawed: number;
  /** The moments of the earliest and the latest event; null without events. */
  readonly fromAtMs: number | null;
  readonly toAtMs: number | null;
  /** The first hundred. */
  readonly gaps: readonly Gap[];
}
