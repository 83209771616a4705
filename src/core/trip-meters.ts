import type { CallsUnderWay } from "./calls-under-way.ts";
import type { OverdueCount } from "./overdue-count.ts";
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

/** Marks the meters that count many successes at once. */
export const JOINT = Symbol("telltale.joint");

/** A meter that counts successes which came one after the other in one step. */
export interface JointMeter extends TripMeter {
  readonly [JOINT]: true;
  /** The first of them came at `nowMs` and the last before `sameUntilMs`. */
  recordSuccesses(count: number, nowMs: number): void;
  /** Until when a success counts as one at the moment of the last that was recorded. */
  readonly sameUntilMs: number;
}

interface Metered {
  readonly rule: TripRule;
  readonly meter: TripMeter;
  /** Its place in HEARINGS. */
  readonly hearing: number;
  /** Null when no call can be overdue for it. */
  readonly overdue: OverdueCount | null;
}

/** A meter that goes on under its rule, or under one of that name. */
export type LoadedMeter = Pick<Metered, "rule" | "meter">;

/** What the meter of a rule saved, for JSON. */
export interface SavedMeter {
  readonly rule: string;
  readonly saved: unknown;
}

/** The rule that is nearest to its trip, and how near. */
export interface Nearest {
  readonly metered: Metered;
  readonly rule: TripRule;
  readonly reading: TripReading;
}

/** The numbers of a rule, and the overdue calls among them. */
export interface Evidence extends TripEvidence {
  readonly rule: TripRule;
  readonly overdue: number;
  /** When the first of them became overdue, on the monotonic clock; null without one. */
  readonly firstOverdueMs: number | null;
}

/** The calls under way that count for rules, and from which moment on they do. */
export interface Following {
  readonly calls: CallsUnderWay | null;
  /** What became overdue before does not count. */
  readonly fromMs: number;
  /** What became overdue up to this moment has been counted. */
  readonly countedMs: number;
}

/** All calls under way count, if any do. */
export const followAll = (calls: CallsUnderWay | null): Following => ({
  calls,
  fromMs: Number.NEGATIVE_INFINITY,
  countedMs: Number.NEGATIVE_INFINITY,
});

/** What every rule is asked by; the overdue calls are those of the rule that is asked. */
export type Moment = Situation & { readonly overdue: 0 };

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
  readonly #together: readonly JointMeter[] | null;
  /** Successes that the meters have yet to count, all as at `#waitingMs`. */
  #waiting = 0;
  #waitingMs = Number.NaN;
  #sameUntilMs = Number.NEGATIVE_INFINITY;
  readonly #calls: CallsUnderWay | null;
  #silent = false;

  constructor(
    rules: readonly TripRule[],
    told: Told,
    following: Following,
    before: readonly LoadedMeter[] = [],
  ) {
    const { calls } = following;
    this.#told = told;
    this.#calls = calls;
    const left = [...before];
    /** Each meter is handed on once, to the same rule or else to one of its name. */
    const handOver = (fits: (metered: LoadedMeter) => boolean): TripMeter | undefined => {
      const at = left.findIndex(fits);
      return at < 0 ? undefined : left.splice(at, 1)[0]?.meter;
    };
    const same = rules.map((rule) => handOver((metered) => metered.rule === rule));
    this.#metered = rules.flatMap((rule, at) => {
      const previous = () => handOver((metered) => metered.rule.name === rule.name);
      const meter = same[at] ?? this.#ask(rule, () => rule.begin(previous()));
      const hearing = HEARINGS.indexOf(rule.hears ?? "failures");
      if (meter === undefined) return [];
      const overdue = calls?.countFor(rule.latencyMs, following) ?? null;
      return [{ rule, meter, hearing, overdue }];
    });
    const hearers = this.#metered.filter(({ hearing }) => hearing >= HEARS_SUCCESSES);
    const rates = hearers.flatMap(({ meter }) => (isJoint(meter) ? [meter] : []));
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

  #turn(meters: readonly JointMeter[], nowMs: number): void {
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
  succeededBy(rules: readonly TripRule[], following: Following): TripMeters {
    this.#countWaiting();
    this.end();
    return new TripMeters(rules, this.#told, following, this.#metered);
  }

  /** What the meters have counted, of those that can say. */
  save(nowMs: number): SavedMeter[] {
    this.#countWaiting();
    return this.#metered.flatMap(({ rule, meter }) => {
      const saved = this.#ask(rule, () => meter.save?.(nowMs));
      return saved === undefined ? [] : [{ rule: rule.name, saved }];
    });
  }

  /** When the next call becomes overdue by the limit of any rule; Infinity when none does. */
  get nextOverdueMs(): number {
    return this.#metered.reduce(
      (next, { overdue }) => Math.min(next, overdue?.nextMs ?? next),
      Number.POSITIVE_INFINITY,
    );
  }

  /** Lets the calls count that become overdue at the moment `nextOverdueMs`. */
  takeOverdue(momentMs: number): void {
    for (const { overdue } of this.#metered) overdue?.take(momentMs);
  }

  /** No call under way counts any longer. */
  end(): void {
    for (const { overdue } of this.#metered) {
      if (overdue !== null) this.#calls?.stopCounting(overdue);
    }
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
  nearest(moment: Moment, least = 0): Nearest | null {
    this.#countWaiting();
    let nearest: Nearest | null = null;
    for (const metered of this.#metered) {
      if (metered.hearing >= least) nearest = this.#nearer(nearest, metered, moment);
    }
    return nearest;
  }

  /** The nearest of the rules for which a call counts since the last `takeOverdue`; null when there is none. */
  nearestByOverdue(moment: Moment): Nearest | null {
    this.#countWaiting();
    let nearest: Nearest | null = null;
    for (const metered of this.#metered) {
      if (metered.overdue?.grew === true) nearest = this.#nearer(nearest, metered, moment);
    }
    return nearest;
  }

  explain({ metered }: Nearest, moment: Moment): Evidence {
    const { rule, meter, overdue } = metered;
    const situation = this.#situation(metered, moment);
    const evidence = this.#ask(rule, () => completed(meter.explain(situation))) ?? NO_EVIDENCE;
    const counted = { rule, overdue: situation.overdue, firstOverdueMs: overdue?.firstMs ?? null };
    if (this.#calls === null) return { ...evidence, ...counted };
    const inFlight = { inFlight: this.#calls.count, overdue: situation.overdue };
    return { ...evidence, ...counted, window: { ...evidence.window, ...inFlight } };
  }

  /** The ratio for one who only reads: a rule that throws is left out, and nothing is told of it. */
  glance(moment: Moment): number {
    this.#silent = true;
    const ratio = this.nearest(moment)?.reading.ratio ?? 0;
    this.#silent = false;
    return ratio;
  }

  #nearer(nearest: Nearest | null, metered: Metered, moment: Moment): Nearest | null {
    const reading = this.#read(metered, moment);
    if (nearest !== null && reading.ratio <= nearest.reading.ratio) return nearest;
    return { metered, rule: metered.rule, reading };
  }

  #read(metered: Metered, moment: Moment): TripReading {
    try {
      return checked(metered.meter.read(this.#situation(metered, moment)));
    } catch (thrown) {
      this.#tellFailure(metered.rule, thrown);
      return NO_READING;
    }
  }

  /** What a rule is asked by: the calls under way are held against its own limit. */
  #situation({ rule, meter, overdue }: Metered, moment: Moment): Situation {
    if (overdue === null || this.#calls === null) return moment;
    const { consecutiveFailures, nowMs } = moment;
    const { lastSuccessMs } = this.#calls;
    const fromMs = this.#ask(rule, () => meter.overdueFromMs?.(nowMs, lastSuccessMs));
    if (fromMs !== undefined) overdue.forget(fromMs);
    return { consecutiveFailures, nowMs, overdue: overdue.count };
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

const isJoint = (meter: TripMeter): meter is JointMeter => JOINT in meter;

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
