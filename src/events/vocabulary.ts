// The words of the field, one list for each. Types, metrics labels and counters are made from these lists.

/** The states of a breaker. */
export const STATES = ["closed", "open", "half_open", "forced_open", "disabled"] as const;
/**
 * A state of a breaker. `forced_open`: held open by an operator or a permanent failure.
 * `disabled`: calls pass and are measured, and the breaker never opens.
 */
export type CircuitState = (typeof STATES)[number];

/** What a finished call counts as. */
export const COUNTED_AS = [
  "success",
  "error",
  "latency",
  "ignored",
  "cancelled",
  "unreached",
  "late",
] as const;
/**
 * What a finished call counts as. `success`, `error` (threw) and `latency` (too slow, or a `TimeoutError`) are
 * verdicts on the dependency; the others decide nothing. `unreached`: refused inside this process before it
 * reached the dependency. `late`: the result belongs to an older generation, or came after its probe lease.
 */
export type CountedAs = (typeof COUNTED_AS)[number];

/** What a classifier may say of a call; `late` is decided by the breaker alone. */
export const OUTCOMES = [
  "success",
  "error",
  "latency",
  "ignored",
  "cancelled",
  "unreached",
] as const;
/** What a classifier may say of a call. */
export type Outcome = (typeof OUTCOMES)[number];

/** Why a verdict is a failure: the call was too slow, or it threw. */
export const FAILURE_REASONS = ["error", "latency"] as const;
/** Why a verdict is a failure: the call was too slow, or it threw. */
export type FailureReason = (typeof FAILURE_REASONS)[number];

/** Why a call was refused. */
export const SKIP_REASONS = [
  "open",
  "half_open",
  "forced_open",
  "degraded",
  "ramping",
  "quota",
  "bulkhead",
] as const;
/** Why a call was refused. */
export type SkipReason = (typeof SKIP_REASONS)[number];

/** Why a breaker opened. */
export const OPEN_REASONS = ["error", "latency", "forced", "peer"] as const;
/** Why a breaker opened. */
export type OpenReason = (typeof OPEN_REASONS)[number];

/** Why a breaker closed. */
export const CLOSE_REASONS = ["probe", "reset", "peer", "disabled"] as const;
/** Why a breaker closed. */
export type CloseReason = (typeof CLOSE_REASONS)[number];

/** How a probe ended: what it counted as, or `expired` when its lease ended first. */
export const PROBE_OUTCOMES = [...COUNTED_AS, "expired"] as const;
/** How a probe ended: what it counted as, or `expired` when its lease ended first. */
export type ProbeOutcome = (typeof PROBE_OUTCOMES)[number];

/** Every committed state change that can happen, as `[from, to]`. */
export const TRANSITIONS = [
  ["closed", "open"],
  ["closed", "forced_open"],
  ["closed", "disabled"],
  ["open", "half_open"],
  ["open", "closed"],
  ["open", "forced_open"],
  ["half_open", "open"],
  ["half_open", "closed"],
  ["half_open", "forced_open"],
  ["forced_open", "half_open"],
  ["forced_open", "closed"],
  ["disabled", "closed"],
  ["disabled", "forced_open"],
] as const satisfies readonly (readonly [CircuitState, CircuitState])[];

type PairKey<P> = P extends readonly [infer F extends string, infer T extends string]
  ? `${F}->${T}`
  : never;
/** A committed state change as one word, for example `"closed->open"`. */
export type Transition = PairKey<(typeof TRANSITIONS)[number]>;

/** The events of a committed change of state; each has `from`. Others have a `from` of another meaning. */
export const STATE_CHANGES = [
  "circuit.open",
  "circuit.half_open",
  "circuit.close",
  "circuit.disable",
  "circuit.enable",
] as const;

/** Why a breaker left its registry: it made room for another, or the control call. */
export const REMOVAL_REASONS = ["evicted", "deleted"] as const;
/** Why a breaker left its registry: it made room for another, or the control call. */
export type RemovalReason = (typeof REMOVAL_REASONS)[number];

/** What of a snapshot was applied. */
export const RESTORED = ["state", "counters"] as const;

/** How loud an event is; the names are pino's levels. */
export const SEVERITIES = ["trace", "debug", "info", "warn", "error"] as const;
/** How loud an event is; the names are pino's levels. */
export type Severity = (typeof SEVERITIES)[number];
