import type { FailureReason } from "../events/vocabulary.ts";

/**
 * The failures since the last success of one closed period: what every rule may read. Made at the first failure.
 */
export class FailureRun {
  readonly byReason: Record<FailureReason, number> = { error: 0, latency: 0 };
  readonly firstAtMs: number;
  readonly firstMonotonicMs: number;
  last: FailureReason = "error";

  constructor(firstAtMs: number, firstMonotonicMs: number) {
    this.firstAtMs = firstAtMs;
    this.firstMonotonicMs = firstMonotonicMs;
  }

  add(reason: FailureReason): void {
    this.byReason[reason]++;
    this.last = reason;
  }

  /** The reason of most failures; the last one's on a tie. */
  majority(): FailureReason {
    const { error, latency } = this.byReason;
    if (error === latency) return this.last;
    return error > latency ? "error" : "latency";
  }
}

/** How near a rule is to its trip, with the numbers that say so. */
export interface TripReading {
  /** 1 and more is a trip. */
  readonly ratio: number;
  /** Further failures in a row that would trip, where the rule counts failures. */
  readonly failuresToTrip?: number;
}

/**
 * Decides when the failures of a closed period are enough. A rule holds no counts: the breaker asks it after each
 * failure, with the count of consecutive failures as it stands.
 */
export interface TripRule {
  /** Named in `circuit.open` and `circuit.progress`. */
  readonly name: string;
  /** The limit, in the unit of the rule. */
  readonly threshold: number;
  /** The steps of progress worth an event, rising, each below 1. */
  readonly levels: readonly number[];
  /** Asked after every failure. */
  read(consecutiveFailures: number): TripReading;
  /** The numbers that decided, for `circuit.open`. */
  window(consecutiveFailures: number): Readonly<Record<string, number>>;
}

const FINE_LEVELS_UP_TO = 10;

/** Every k/n for n up to 10; beyond that the tenths and the last two failures. */
export function progressLevels(n: number): readonly number[] {
  if (n <= FINE_LEVELS_UP_TO) return Array.from({ length: n - 1 }, (_, index) => (index + 1) / n);
  const tenths = Array.from({ length: 9 }, (_, index) => (index + 1) / 10);
  const last = [(n - 2) / n, (n - 1) / n];
  return [...new Set([...tenths, ...last])].sort((a, b) => a - b);
}

/** Trips at `n` consecutive failures. */
export function consecutive(n: number): TripRule {
  return {
    name: "consecutive",
    threshold: n,
    levels: progressLevels(n),
    read: (failures) => ({ ratio: failures / n, failuresToTrip: Math.max(0, n - failures) }),
    window: (failures) => ({ calls: failures, failures }),
  };
}
