import type { FailureReason } from "../events/vocabulary.ts";

/** A verdict as a rule counts it; null for a success. */
export type Verdict = FailureReason | null;

/** What a rule must hear of, from the least to the most. */
export const HEARINGS = ["failures", "successes", "moments", "latencies"] as const;
/** What a rule must hear of; each includes those before it. */
export type Hearing = (typeof HEARINGS)[number];

/** The places in HEARINGS. */
export const HEARS_SUCCESSES = 1;
export const HEARS_MOMENTS = 2;
export const HEARS_LATENCIES = 3;

/** What the breaker knows when it asks a rule. */
export interface Situation {
  /** Failures in a row, as the breaker counts them. */
  readonly consecutiveFailures: number;
  /** The moment of the question, on the monotonic clock. */
  readonly nowMs: number;
}

/** How near a rule is to its trip. */
export interface TripReading {
  /** 1 and more is a trip. */
  readonly ratio: number;
  /** Further failures in a row that would trip, where the rule counts failures. */
  readonly failuresToTrip?: number;
}

/** The numbers that decided, for `circuit.open`. */
export interface TripEvidence {
  /** What was held against the threshold, and what it was made of. */
  readonly window: Readonly<Record<string, number>>;
  /** The failures that decided; null when the rule keeps none: then those of the run of failures are told. */
  readonly failuresByReason: Readonly<Record<FailureReason, number>> | null;
  /** When the first of them was counted, on the monotonic clock; null when the rule does not know. */
  readonly firstFailureMs: number | null;
}

/** The counts of one rule in one closed period; they die with it. */
export interface TripMeter {
  /** Counts a verdict; must take the same time however many came before. */
  record(verdict: Verdict, latencyMs: number | null, nowMs: number): void;
  read(situation: Situation): TripReading;
  explain(situation: Situation): TripEvidence;
}

/**
 * Decides when the failures of a closed period are enough. The breaker begins a meter in each closed period, lets it
 * record what it hears, and reads it after each failure. Write your own against this interface.
 *
 * @example
 * // Trips at 20 failures within one closed period, successes or not.
 * const total: TripRule = {
 *   name: "total",
 *   threshold: 20,
 *   begin() {
 *     let failures = 0;
 *     return {
 *       record: (verdict) => { if (verdict !== null) failures++; },
 *       read: () => ({ ratio: failures / 20 }),
 *       explain: () => ({ window: { failures }, failuresByReason: null, firstFailureMs: null }),
 *     };
 *   },
 * };
 */
export interface TripRule {
  /** Named in `circuit.open` and `circuit.progress`. */
  readonly name: string;
  /** The limit, in the unit of the rule. */
  readonly threshold: number;
  /**
   * The steps of progress worth an event, rising, each above 0 and below 1.
   * @default the tenths
   */
  readonly levels?: readonly number[];
  /**
   * What its meter must be told; each includes those before it. `"successes"`: every success, its moment unknown
   * (`nowMs` is NaN). `"moments"`: and when it was. `"latencies"`: and how long it took; such a rule may trip on a
   * success. The more it hears, the more each call costs.
   * @default "failures"
   */
  readonly hears?: Hearing;
  /**
   * Starts the counts of one closed period. `previous` is given when `reconfigure` puts this rule in the place of
   * another of its name: the meter of that one, which the new one may take over what it can use from.
   */
  begin(previous?: TripMeter): TripMeter;
}

const FINE_LEVELS_UP_TO = 10;
/** The steps of progress of a rule that names none. */
export const TENTHS: readonly number[] = Array.from({ length: 9 }, (_, index) => (index + 1) / 10);

/** Every k/n for n up to 10; beyond that the tenths and the last two failures. */
function progressLevels(n: number): readonly number[] {
  if (n <= FINE_LEVELS_UP_TO) return Array.from({ length: n - 1 }, (_, index) => (index + 1) / n);
  const last = [(n - 2) / n, (n - 1) / n];
  return [...new Set([...TENTHS, ...last])].sort((a, b) => a - b);
}

/** The rule of consecutive failures, its argument already checked. It reads the breaker's own count. */
export function consecutiveRule(n: number): TripRule {
  const meter: TripMeter = {
    record() {},
    read: ({ consecutiveFailures: failures }) => ({
      ratio: failures / n,
      failuresToTrip: Math.max(0, n - failures),
    }),
    explain: ({ consecutiveFailures: failures }) => ({
      window: { calls: failures, failures },
      failuresByReason: null,
      firstFailureMs: null,
    }),
  };
  return { name: "consecutive", threshold: n, levels: progressLevels(n), begin: () => meter };
}
