import {
  type Situation,
  TENTHS,
  type TripEvidence,
  type TripMeter,
  type TripReading,
  type TripRule,
  type Verdict,
} from "./trip-rule.ts";

/** The rule that is nearest to its trip, and how near. */
export interface Nearest {
  readonly rule: TripRule;
  readonly meter: TripMeter;
  readonly reading: TripReading;
}

const NO_READING: TripReading = { ratio: 0 };
const NO_EVIDENCE: TripEvidence = { window: {}, failuresByReason: null, firstFailureMs: null };

/** The meters of all rules of a breaker in one period. A rule of the user's making that throws is told and left out. */
export class TripMeters {
  readonly #metered: readonly { readonly rule: TripRule; readonly meter: TripMeter }[];
  readonly #failed: (callback: string, thrown: unknown) => void;

  constructor(rules: readonly TripRule[], failed: (callback: string, thrown: unknown) => void) {
    this.#failed = failed;
    this.#metered = rules.flatMap((rule) => {
      const meter = this.#ask(rule, () => rule.begin());
      return meter === undefined ? [] : [{ rule, meter }];
    });
  }

  record(verdict: Verdict, latencyMs: number | null, nowMs: number): void {
    for (const { rule, meter } of this.#metered) {
      try {
        meter.record(verdict, latencyMs, nowMs);
      } catch (thrown) {
        this.#failed(`trip.${rule.name}`, thrown);
      }
    }
  }

  /** Null when there is no rule to ask. */
  nearest(situation: Situation): Nearest | null {
    let nearest: Nearest | null = null;
    for (const { rule, meter } of this.#metered) {
      const reading = this.#ask(rule, () => meter.read(situation)) ?? NO_READING;
      if (nearest === null || reading.ratio > nearest.reading.ratio) {
        nearest = { rule, meter, reading };
      }
    }
    return nearest;
  }

  explain({ rule, meter }: Nearest, situation: Situation): TripEvidence {
    return this.#ask(rule, () => meter.explain(situation)) ?? NO_EVIDENCE;
  }

  #ask<T>(rule: TripRule, answer: () => T): T | undefined {
    try {
      return answer();
    } catch (thrown) {
      this.#failed(`trip.${rule.name}`, thrown);
      return undefined;
    }
  }
}

/** The steps of progress of a rule. */
export function levelsOf({ levels }: TripRule): readonly number[] {
  return levels ?? TENTHS;
}
