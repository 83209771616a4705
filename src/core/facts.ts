import type {
  CircuitState,
  CloseReason,
  FailureReason,
  OpenReason,
  SkipReason,
} from "../events/vocabulary.ts";
import type { CooldownAttempts } from "./cooldown.ts";
import type { PeerOrigin } from "./fleet.ts";
import type { Incident } from "./incident.ts";
import type { Period } from "./period.ts";

// What the steps of a circuit hand to its journal, beyond what the circuit itself holds.

/** Which rule tripped, and on what numbers. */
export interface TripCause {
  /** `probe` for a failed probe. */
  readonly rule: string;
  readonly threshold: number;
  readonly window: Readonly<Record<string, number>>;
  readonly failuresByReason: Readonly<Record<FailureReason, number>>;
  /** On the wall clock; null when the rule does not know. */
  readonly firstFailureAtMs: number | null;
  /** On the monotonic clock. */
  readonly firstFailureMs: number | null;
}

/** The state that a commit ended. */
export interface Left {
  readonly from: CircuitState;
  /** How long it had lasted. */
  readonly spentMs: number;
}

/** What a commit of an open state tells. */
export interface Opening {
  readonly from: CircuitState;
  readonly reason: OpenReason;
  /** Null when forced. */
  readonly cause: TripCause | null;
  readonly note: string | undefined;
  /** Null without an end. */
  readonly cooldownMs: number | null;
  /** When the cooldown began, on the monotonic clock. */
  readonly sinceMs: number;
  readonly thrown: { readonly value: unknown } | null;
  /** Who decided it, when another task did. */
  readonly peer?: PeerOrigin | undefined;
}

/** What a commit of `closed` tells; the incident is over by then. */
export interface Closing extends Left {
  readonly reason: CloseReason;
  readonly note: string | undefined;
  /** Who decided it, when another task did. */
  readonly peer?: PeerOrigin | undefined;
  readonly incident: Incident;
}

/** Where a circuit goes on from a snapshot. */
export interface Resumed {
  readonly generation: number;
  readonly period: Period;
  /** When its state was entered, on the monotonic clock. */
  readonly sinceMs: number;
  readonly incident: Incident | null;
  readonly consecutiveFailures: number;
  readonly attempts: CooldownAttempts | null;
}

/** What a refusal tells. */
export interface SkipFacts {
  readonly reason: SkipReason;
  readonly openMs: number;
  readonly retryAfterMs: number | null;
}
