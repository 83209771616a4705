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
  /** The first incidents, of today's setting and of those on the front. */
  readonly opened: Figures["opened"];
  /** Between what the next outage like the recorded one is to be expected. */
  readonly nextOutage: NextOutage;
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
  /** Of the front the one with the lowest total cost. */
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
export interface Gain {
  readonly badPassed: number;
  readonly goodRefused: number;
  /** `yes` by every assumption about what the recording leaves open, `open` by the likeliest alone. */
  readonly holds: "yes" | "open" | "none";
}

/** Recorded and replayed, to see how far the replay can be trusted. */
export interface ReplayCheck {
  readonly incidents: readonly [recorded: number, replayed: number];
  readonly refused: readonly [recorded: number, replayed: number];
  readonly recoveryMs: readonly [recorded: number | null, replayed: number | null];
}

/** What was replayed, and how its results are to be weighed. */
export interface Replayed {
  readonly recording: Recording;
  readonly settings: readonly Setting[];
  readonly outcomes: readonly Outcome[];
  /** The place of today's setting. */
  readonly todayAt: number;
  readonly slowMs: number;
  readonly weight: number;
}

/** Puts the outcomes of a grid together. */
export function tuningOf(
  { recording, settings, outcomes, todayAt, slowMs, weight }: Replayed,
  notes: readonly string[],
): Tuning {
  const today = settings[todayAt];
  const nearest = settings
    .map((_, place) => place)
    .sort((a, b) => distance(settings[a], today) - distance(settings[b], today) || a - b);
  // Of several with the same costs the front names the one that is nearest to today's.
  const front = frontOf(nearest.map((place) => costsOf(outcomes[place]))).map(
    (at) => nearest[at] ?? 0,
  );
  const alike = new Map<string, number>();
  for (const outcome of outcomes)
    alike.set(costKey(outcome), (alike.get(costKey(outcome)) ?? 0) + 1);
  const results = outcomes.map((outcome, place): SettingResult => {
    const setting = settings[place];
    // There is an outcome for each setting.
    if (setting === undefined) throw new RangeError(`Cannot tune: no setting ${place}`);
    return resultOf(setting, outcome, {
      isOnFront: front.includes(place),
      isToday: place === todayAt,
      alike: alike.get(costKey(outcome)) ?? 1,
      recording,
    });
  });
  const onFront = front.map((place) => at(results, place));
  const bestAt = front.reduce((best, place) =>
    totalCost(costsOf(outcomes[place]), weight) < totalCost(costsOf(outcomes[best]), weight)
      ? place
      : best,
  );
  return {
    breaker: recording.breaker,
    ...{ calls: recording.calls, unknown: recording.unknown, processes: recording.logs.length },
    ...{ fromAtMs: recording.fromAtMs, toAtMs: recording.toAtMs, input: recording.counts },
    slowMs: Number.isFinite(slowMs) ? slowMs : null,
    weight,
    today: at(results, todayAt),
    best: at(results, bestAt),
    gain: gainOf(at(outcomes, todayAt), at(outcomes, bestAt), weight),
    front: onFront,
    settings: results,
    check: checkOf(recording, at(outcomes, todayAt).likely),
    caveats: notes,
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

/** In how many respects two settings differ. */
function distance(a: Setting | undefined, b: Setting | undefined): number {
  if (a === undefined || b === undefined) return 0;
  const [one, other] = [keyText(a).split(" "), keyText(b).split(" ")];
  return one.filter((text, n) => text !== other[n]).length;
}

function resultOf(
  setting: Setting,
  outcome: Outcome,
  {
    isOnFront,
    isToday,
    alike,
    recording,
  }: Pick<SettingResult, "isOnFront" | "alike"> & {
    readonly isToday: boolean;
    readonly recording: Recording;
  },
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
    ...{ setting, text: settingText(setting), isOnFront, alike },
    ...figures,
    opened: isOnFront || isToday ? outcome.likely.opened : [],
    nextOutage: forecastOf(setting, figures, recording),
  };
}

function gainOf(today: Outcome, best: Outcome, weight: number): Gain {
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
