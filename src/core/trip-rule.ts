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
  /**
   * Calls that are still under way and have been for longer than the limit: failures with reason `latency` that have
   * not ended. Add them to what the meter recorded; a call that ends is no longer among them, and is recorded as what
   * it is. 0 without the option `inFlight`.
   */
  readonly overdue: number;
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
  /**
   * The failures that decided, overdue calls among those with reason `latency`; null when the rule keeps none: then
   * those of the run of failures are told, and the overdue calls.
   */
  readonly failuresByReason: Readonly<Record<FailureReason, number>> | null;
  /**
   * When the first of them was counted, on the monotonic clock; null when the rule does not know. Overdue calls need
   * not be looked at: an earlier one of them is told instead.
   */
  readonly firstFailureMs: number | null;
}

/** The counts of one rule in one closed period; they die with it. */
export interface TripMeter {
  /** Counts a verdict; must take the same time however many came before. */
  record(verdict: Verdict, latencyMs: number | null, nowMs: number): void;
  read(situation: Situation): TripReading;
  explain(situation: Situation): TripEvidence;
  /**
   * Calls that became overdue before this moment count no longer in `Situation.overdue`: where a window begins, say,
   * so that calls which are stuck for ever do not add up. On the monotonic clock; it must not fall. `lastSuccessMs`
   * is the last success of the period, -Infinity before the first. Left out, a call counts until it ends.
   */
  overdueFromMs?(nowMs: number, lastSuccessMs: number): number;
  /**
   * What it has counted, as plain data for JSON; moments as the milliseconds that have passed since, because the
   * monotonic clock ends with the process. Left out, a restored breaker begins the counts of this rule anew.
   */
  save?(nowMs: number): unknown;
  /**
   * Goes on with what the meter of a rule of the same name saved, perhaps in an earlier version of the program;
   * `savedMs` is when that was, on the monotonic clock of now. For a meter that has just begun.
   * @throws when it cannot be used: the whole snapshot is refused then, and nothing has changed
   */
  load?(saved: unknown, savedMs: number): void;
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
   * With the option `inFlight`: how long a call may be under way before it is overdue for this rule, in milliseconds.
   * The rule is asked at the moment at which a call becomes that.
   * @default the breaker's `latencyTripMs`
   */
  readonly latencyMs?: number;
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

/**
 * The rule of consecutive failures, its argument already checked. It reads the breaker's own count. A call that became
 * overdue before the last success is not in a row.
 */
export function consecutiveRule(n: number): TripRule {
  const meter: TripMeter = {
    record() {},
    read({ consecutiveFailures, overdue }) {
      const failures = consecutiveFailures + overdue;
      return { ratio: failures / n, failuresToTrip: Math.max(0, n - failures) };
    },
    explain({ consecutiveFailures, overdue }) {
      const failures = consecutiveFailures + overdue;
      return {
        window: { calls: failures, failures },
        failuresByReason: null,
        firstFailureMs: null,
      };
    },
    overdueFromMs: (_, lastSuccessMs) => lastSuccessMs,
  };
  return { name: "consecutive", threshold: n, levels: progressLevels(n), begin: () => meter };
}
