import { RateMeter } from "./rate-meter.ts";
import {
  HEARINGS,
  HEARS_SUCCESSES,
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

interface Metered {
  readonly rule: TripRule;
  readonly meter: TripMeter;
  /** Its place in HEARINGS. */
  readonly hearing: number;
}

/** Who is told when a rule throws: the circuit. */
interface Told {
  callbackFailed(callback: string, thrown: unknown): void;
}

const NO_READING: TripReading = { ratio: 0 };
const NO_EVIDENCE: TripEvidence = { window: {}, failuresByReason: null, firstFailureMs: null };

/** The meters of all rules of a breaker in one period. A rule of the user's making that throws is told and left out. */
export class TripMeters {
  readonly #metered: readonly Metered[];
  readonly #told: Told;
  /** The meters that hear successes, when all of them can count many at once. */
  readonly #together: readonly RateMeter[] | null;
  /** Successes that the meters have yet to count, all as at `#waitingMs`. */
  #waiting = 0;
  #waitingMs = Number.NaN;
  #sameUntilMs = Number.NEGATIVE_INFINITY;
  #silent = false;

  constructor(rules: readonly TripRule[], told: Told, before: readonly Metered[] = []) {
    this.#told = told;
    const left = [...before];
    /** Each meter is handed on once, to the same rule or else to one of its name. */
    const handOver = (fits: (metered: Metered) => boolean): TripMeter | undefined => {
      const at = left.findIndex(fits);
      return at < 0 ? undefined : left.splice(at, 1)[0]?.meter;
    };
    const same = rules.map((rule) => handOver((metered) => metered.rule === rule));
    this.#metered = rules.flatMap((rule, at) => {
      const previous = () => handOver((metered) => metered.rule.name === rule.name);
      const meter = same[at] ?? this.#ask(rule, () => rule.begin(previous()));
      const hearing = HEARINGS.indexOf(rule.hears ?? "failures");
      return meter === undefined ? [] : [{ rule, meter, hearing }];
    });
    const hearers = this.#metered.filter(({ hearing }) => hearing >= HEARS_SUCCESSES);
    const rates = hearers.flatMap(({ meter }) => (meter instanceof RateMeter ? [meter] : []));
    this.#together = rates.length === hearers.length ? rates : null;
  }

  /**
   * Records a success of which nothing but its moment is known (NaN when no rule must hear it). Rates let successes
   * wait and count them together before the next reading, so that most of them cost an addition.
   */
  success(nowMs: number): void {
    if (this.#together === null) this.record(null, null, nowMs);
    // False for NaN: no window needs the moment.
    else if (nowMs >= this.#sameUntilMs) this.#turn(this.#together, nowMs);
    else this.#waiting++;
  }

  #turn(meters: readonly RateMeter[], nowMs: number): void {
    this.#countWaiting();
    let sameUntilMs = Number.POSITIVE_INFINITY;
    for (const meter of meters) {
      meter.recordSuccesses(1, nowMs);
      sameUntilMs = Math.min(sameUntilMs, meter.sameUntilMs);
    }
    this.#sameUntilMs = sameUntilMs;
    this.#waitingMs = nowMs;
  }

  #countWaiting(): void {
    if (this.#waiting === 0) return;
    const count = this.#waiting;
    this.#waiting = 0;
    for (const meter of this.#together ?? []) meter.recordSuccesses(count, this.#waitingMs);
  }

  /** The meters of the rules that come in the place of these: what they have counted goes on. */
  succeededBy(rules: readonly TripRule[]): TripMeters {
    this.#countWaiting();
    return new TripMeters(rules, this.#told, this.#metered);
  }

  record(verdict: Verdict, latencyMs: number | null, nowMs: number): void {
    this.#countWaiting();
    for (const { rule, meter, hearing } of this.#metered) {
      // What a rule hears must not depend on the rules beside it.
      if (verdict === null && hearing < HEARS_SUCCESSES) continue;
      try {
        meter.record(verdict, latencyMs, nowMs);
      } catch (thrown) {
        this.#tellFailure(rule, thrown);
      }
    }
  }

  /** Null when there is no rule to ask. Only those are asked that hear at least `least`, a place in HEARINGS. */
  nearest(situation: Situation, least = 0): Nearest | null {
    this.#countWaiting();
    let nearest: Nearest | null = null;
    for (const { rule, meter, hearing } of this.#metered) {
      if (hearing < least) continue;
      const reading = this.#read(rule, meter, situation);
      if (nearest === null || reading.ratio > nearest.reading.ratio) {
        nearest = { rule, meter, reading };
      }
    }
    return nearest;
  }

  explain({ rule, meter }: Nearest, situation: Situation): TripEvidence {
    return this.#ask(rule, () => completed(meter.explain(situation))) ?? NO_EVIDENCE;
  }

  /** The ratio for one who only reads: a rule that throws is left out, and nothing is told of it. */
  glance(situation: Situation): number {
    this.#silent = true;
    const ratio = this.nearest(situation)?.reading.ratio ?? 0;
    this.#silent = false;
    return ratio;
  }

  #read(rule: TripRule, meter: TripMeter, situation: Situation): TripReading {
    try {
      return checked(meter.read(situation));
    } catch (thrown) {
      this.#tellFailure(rule, thrown);
      return NO_READING;
    }
  }

  #tellFailure({ name }: TripRule, thrown: unknown): void {
    if (!this.#silent) this.#told.callbackFailed(`trip.${name}`, thrown);
  }

  #ask<T>(rule: TripRule, answer: () => T): T | undefined {
    try {
      return answer();
    } catch (thrown) {
      this.#tellFailure(rule, thrown);
      return undefined;
    }
  }
}

/** Evidence that an event can carry, whatever a rule of the user's making left out. */
function completed({ window, failuresByReason, firstFailureMs }: TripEvidence): TripEvidence {
  return {
    window: window ?? {},
    failuresByReason: failuresByReason ?? null,
    firstFailureMs: Number.isFinite(firstFailureMs) ? firstFailureMs : null,
  };
}

/** A reading that can be compared: a NaN would hide every rule after it. */
function checked(reading: TripReading): TripReading {
  const { ratio } = reading;
  if (typeof ratio === "number" && ratio >= 0) return reading;
  throw new TypeError(`read must return a ratio of 0 or more, received ${String(ratio)}`);
}

/** The steps of progress of a rule. */
export function levelsOf({ levels }: TripRule): readonly number[] {
  return levels ?? TENTHS;
}
