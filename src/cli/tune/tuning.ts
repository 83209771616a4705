import type { ReadCounts } from "./call-reader.ts";
import { type Figures, meanMs } from "./figures.ts";
import { frontOf, totalCost } from "./front.ts";
import { keyText } from "./grid.ts";
import { forecastOf, type NextOutage } from "./next-outage.ts";
import type { Recording } from "./recording.ts";
import type { Outcome } from "./replay-all.ts";
import { type Setting, settingText } from "./setting.ts";

/** A figure, and between what it lies: the two are the same when the recording has an outcome for each call. */
export interface Figure {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** What the recording's calls would have come to under one setting. Times are in milliseconds. */
export interface SettingResult {
  readonly setting: Setting;
  /** As it is written on the command line. */
  readonly text: string;
  /** No other setting that was tried is better in one of the two costs and as good in the other. */
  readonly isOnFront: boolean;
  /** How many of the settings tried, this one included, came to the same costs. */
  readonly alike: number;
  readonly incidents: Figure;
  readonly stillOpen: Figure;
  /** From the first failure to the open, on the mean; null without an incident. */
  readonly detectMs: Figure | null;
  /** From the open to the close, on the mean of those that closed; null when none did. */
  readonly recoveryMs: Figure | null;
  readonly failedBeforeTrip: Figure;
  /** Calls let through that failed or were too slow: the first of the two costs. */
  readonly badPassed: Figure;
  /** How long those took together. */
  readonly badMs: Figure;
  readonly badUnderWay: Figure;
  readonly refused: Figure;
  /** Refused calls that would have succeeded in time: the second of the two costs. */
  readonly goodRefused: Figure;
  readonly reopens: Figure;
  readonly openMs: Figure;
  /** The first incidents, of settings that have a `nextOutage`. */
  readonly opened: Figures["opened"];
  /**
   * Between what the next outage like the recorded one is to be expected; null for settings that are neither today's,
   * nor on the front, nor near the lowest cost.
   */
  readonly nextOutage: NextOutage | null;
}

/** What a recording says about settings. */
export interface Tuning {
  readonly breaker: string;
  readonly calls: number;
  readonly unknown: number;
  readonly processes: number;
  readonly fromAtMs: number;
  readonly toAtMs: number;
  readonly input: ReadCounts;
  /** A call that took longer is of no use to its caller; null when only failures are bad. */
  readonly slowMs: number | null;
  /** So many bad calls let through are as bad as one good call refused. */
  readonly weight: number;
  readonly today: SettingResult;
  /** The one with the lowest total cost to be expected of the next outage: luck of the recorded one does not count. */
  readonly best: SettingResult;
  /** What holds of the best against today's. */
  readonly gain: Gain;
  readonly front: readonly SettingResult[];
  readonly settings: readonly SettingResult[];
  /** What the breaker did while it was recorded, beside the replay of today's setting; null for an access log. */
  readonly check: ReplayCheck | null;
  readonly caveats: readonly string[];
}

/** What the best setting would have changed. */
interface Gain {
  readonly badPassed: number;
  readonly goodRefused: number;
  /** `yes` by every assumption about what the recording leaves open, `open` by the likeliest alone. */
  readonly holds: "yes" | "open" | "none";
  /** Whether chance alone may make today's setting the better one in the next outage. */
  readonly mayReverse: boolean;
}

/** Recorded and replayed, to see how far the replay can be trusted. */
interface ReplayCheck {
  readonly incidents: readonly [recorded: number, replayed: number];
  readonly refused: readonly [recorded: number, replayed: number];
  readonly recoveryMs: readonly [recorded: number | null, replayed: number | null];
}

/** What was replayed, and how its results are to be weighed. */
export interface Replayed {
  readonly recording: Recording;
  readonly settings: readonly Setting[];
  readonly outcomes: readonly Outcome[];
  /** By the place of a setting, the outcomes of its variations; today's is among them. */
  readonly variations: ReadonlyMap<number, readonly Outcome[]>;
  /** The place of today's setting. */
  readonly todayAt: number;
  readonly slowMs: number;
  readonly weight: number;
}

/** Settings with the lowest costs that the luck of the recorded outage is taken out of. */
const MOST_CANDIDATES = 15;

/** The places of the settings of which the next outage is foretold: today's, the front, the lowest costs. */
export function candidatesOf({
  settings,
  outcomes,
  todayAt,
  weight,
}: Omit<Replayed, "variations">): readonly number[] {
  const cost = (place: number): number => totalCost(costsOf(outcomes[place]), weight);
  const cheapest = settings.map((_, place) => place).sort((a, b) => cost(a) - cost(b) || a - b);
  const front = frontPlaces({ settings, outcomes, todayAt });
  return [...new Set([todayAt, ...front, ...cheapest.slice(0, MOST_CANDIDATES)])];
}

/** Of several with the same costs the front has the one that is nearest to today's. */
function frontPlaces({
  settings,
  outcomes,
  todayAt,
}: Pick<Replayed, "settings" | "outcomes" | "todayAt">): readonly number[] {
  const texts = settings.map((setting) => keyText(setting).split(" "));
  const today = texts[todayAt] ?? [];
  const far = texts.map((text) => text.filter((part, at) => part !== today[at]).length);
  const nearest = settings
    .map((_, place) => place)
    .sort((a, b) => (far[a] ?? 0) - (far[b] ?? 0) || a - b);
  return frontOf(nearest.map((place) => costsOf(outcomes[place]))).map((at) => nearest[at] ?? 0);
}

/** Puts the outcomes of a grid together. */
export function tuningOf(
  { recording, settings, outcomes, variations, todayAt, slowMs, weight }: Replayed,
  caveats: readonly string[],
): Tuning {
  const front = frontPlaces({ settings, outcomes, todayAt });
  const isOnFront = new Set(front);
  const alike = new Map<string, number>();
  for (const outcome of outcomes) {
    alike.set(costKey(outcome), (alike.get(costKey(outcome)) ?? 0) + 1);
  }
  const results = outcomes.map((outcome, place) => {
    const varied = variations.get(place);
    return resultOf(at(settings, place), outcome, {
      isOnFront: isOnFront.has(place),
      alike: alike.get(costKey(outcome)) ?? 1,
      nextOutage: varied === undefined ? null : forecastOf([outcome, ...varied], weight),
    });
  });
  const expected = (place: number): number => {
    const { nextOutage } = at(results, place);
    return nextOutage === null ? Number.POSITIVE_INFINITY : totalCost(nextOutage.expected, weight);
  };
  // Today's stays unless something is better.
  const bestAt = [...variations.keys()].reduce(
    (best, place) => (expected(place) < expected(best) ? place : best),
    todayAt,
  );
  const [today, best] = [at(results, todayAt), at(results, bestAt)];
  return {
    breaker: recording.breaker,
    ...{ calls: recording.calls, unknown: recording.unknown, processes: recording.processes },
    ...{ fromAtMs: recording.fromAtMs, toAtMs: recording.toAtMs, input: recording.counts },
    slowMs: Number.isFinite(slowMs) ? slowMs : null,
    weight,
    today,
    best,
    gain: {
      ...gainOf(at(outcomes, todayAt), at(outcomes, bestAt), weight),
      mayReverse: (best.nextOutage?.cost.high ?? 0) >= (today.nextOutage?.cost.low ?? 0),
    },
    front: front.map((place) => at(results, place)),
    settings: results,
    check: checkOf(recording, at(outcomes, todayAt).likely),
    caveats,
  };
}

function at<T>(list: readonly T[], place: number): T {
  const found = list[place];
  if (found === undefined) throw new RangeError(`Cannot tune: nothing at ${place}`);
  return found;
}

const costsOf = (outcome: Outcome | undefined) => ({
  badPassed: outcome?.likely.badPassed ?? 0,
  goodRefused: outcome?.likely.goodRefused ?? 0,
});

const costKey = (outcome: Outcome): string => Object.values(costsOf(outcome)).join(" ");

function resultOf(
  setting: Setting,
  outcome: Outcome,
  about: Pick<SettingResult, "isOnFront" | "alike" | "nextOutage">,
): SettingResult {
  const figure = (of: (figures: Figures) => number): Figure => {
    const all = [outcome.likely, outcome.better, outcome.worse].map(of);
    return { value: of(outcome.likely), low: Math.min(...all), high: Math.max(...all) };
  };
  const mean = (of: (figures: Figures) => number | null): Figure | null => {
    const all = [outcome.likely, outcome.better, outcome.worse].map(of).filter((ms) => ms !== null);
    const value = of(outcome.likely) ?? all[0];
    return value === undefined ? null : { value, low: Math.min(...all), high: Math.max(...all) };
  };
  const figures = {
    incidents: figure(({ incidents }) => incidents),
    stillOpen: figure(({ stillOpen }) => stillOpen),
    detectMs: mean(({ detect }) => meanMs(detect)),
    recoveryMs: mean(({ recovery }) => meanMs(recovery)),
    failedBeforeTrip: figure(({ failedBeforeTrip }) => failedBeforeTrip),
    badPassed: figure(({ badPassed }) => badPassed),
    badMs: figure(({ badMs }) => badMs),
    badUnderWay: figure(({ badUnderWay }) => badUnderWay),
    refused: figure(({ refused }) => refused),
    goodRefused: figure(({ goodRefused }) => goodRefused),
    reopens: figure(({ reopens }) => reopens),
    openMs: figure(({ openMs }) => openMs),
  };
  return {
    ...{ setting, text: settingText(setting), ...about, ...figures },
    opened: about.nextOutage === null ? [] : outcome.likely.opened,
  };
}

function gainOf(today: Outcome, best: Outcome, weight: number): Omit<Gain, "mayReverse"> {
  const saved = (of: (outcome: Outcome) => Figures): number =>
    totalCost(of(today), weight) - totalCost(of(best), weight);
  const likely = saved((outcome) => outcome.likely);
  const isSure = saved((outcome) => outcome.better) > 0 && saved((outcome) => outcome.worse) > 0;
  return {
    badPassed: today.likely.badPassed - best.likely.badPassed,
    goodRefused: today.likely.goodRefused - best.likely.goodRefused,
    holds: likely <= 0 ? "none" : isSure ? "yes" : "open",
  };
}

function checkOf(
  { facts }: Recording,
  { incidents, refused, recovery }: Figures,
): ReplayCheck | null {
  if (facts === null) return null;
  const { recoveries, recoveryMs } = facts;
  return {
    incidents: [facts.incidents, incidents],
    refused: [facts.refused, refused],
    recoveryMs: [recoveries === 0 ? null : recoveryMs / recoveries, meanMs(recovery)],
  };
}
