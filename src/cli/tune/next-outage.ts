import { type Figures, meanMs } from "./figures.ts";
import { type Costs, totalCost } from "./front.ts";
import type { Outcome } from "./replay-all.ts";
import type { Setting } from "./setting.ts";

/** Between what a figure lies. */
export interface Span {
  readonly low: number;
  readonly high: number;
}

/** What the next outage is to be expected to come to, if it is as long and as bad as the recorded one. */
export interface NextOutage {
  /** On the mean of the incidents; null when none recovered. */
  readonly recoveryMs: Span | null;
  readonly badPassed: Span;
  readonly goodRefused: Span;
  /** Both costs together. */
  readonly cost: Span;
  /** The costs on the mean, as is likeliest. */
  readonly expected: Costs;
}

/**
 * How much longer or shorter the cooldown is in the replays that show what chance does. Whether a probe runs just before
 * the dependency is back or just after is luck, and most of the difference between similar settings.
 */
const FACTORS = [0.8, 0.87, 0.93, 1.07, 1.13, 1.2];

/** The same setting with the cooldowns that show what chance does. */
export function variationsOf(setting: Setting): readonly Setting[] {
  const { cooldownMs } = setting;
  return FACTORS.map((factor) => ({
    ...setting,
    cooldownMs:
      typeof cooldownMs === "number"
        ? cooldownMs * factor
        : { initialMs: cooldownMs.initialMs * factor, maxMs: cooldownMs.maxMs * factor },
  }));
}

/** 95 of 100 lie within so many standard deviations, and within so many roots of a count of independent chances. */
const DEVIATIONS = 2;

/** The spans, from the replays of a setting and of its variations. */
export function forecastOf(replays: readonly Outcome[], weight: number): NextOutage {
  const count = (of: (figures: Figures) => number): Span => {
    const { low, high } = spread(replays, of) ?? { low: 0, high: 0 };
    const byChance = DEVIATIONS * Math.sqrt(Math.max(0, high));
    return { low: Math.max(0, low - byChance), high: high + byChance };
  };
  const mean = (of: (figures: Figures) => number): number =>
    replays.reduce((sum, { likely }) => sum + of(likely), 0) / replays.length;
  return {
    recoveryMs: spread(replays, ({ recovery }) => meanMs(recovery)),
    badPassed: count(({ badPassed }) => badPassed),
    goodRefused: count(({ goodRefused }) => goodRefused),
    cost: count((figures) => totalCost(figures, weight)),
    expected: {
      badPassed: mean(({ badPassed }) => badPassed),
      goodRefused: mean(({ goodRefused }) => goodRefused),
    },
  };
}

/** The mean by each assumption, less and more twice the standard deviation; null when there is no value. */
function spread(replays: readonly Outcome[], of: (figures: Figures) => number | null): Span | null {
  const spans = (["likely", "better", "worse"] as const).flatMap((assumption) => {
    const values = replays
      .map((outcome) => of(outcome[assumption]))
      .filter((each) => each !== null);
    if (values.length === 0) return [];
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    const width = DEVIATIONS * Math.sqrt(squares / Math.max(1, values.length - 1));
    return [{ low: Math.max(0, mean - width), high: mean + width }];
  });
  if (spans.length === 0) return null;
  return {
    low: Math.min(...spans.map(({ low }) => low)),
    high: Math.max(...spans.map(({ high }) => high)),
  };
}
