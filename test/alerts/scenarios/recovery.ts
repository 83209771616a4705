import type { Exported } from "../exported.ts";
import type { Scenario } from "../scenario.ts";

const REGRESSION = "CircuitBreakerRecoveryRegression";
const named = (circuit_breaker_name: string, job = "checkout") =>
  [REGRESSION, { job, circuit_breaker_name }] as const;
const told = (name: string, mean: string, job = "checkout") => ({
  alert: REGRESSION,
  labels: { job, circuit_breaker_name: name },
  summary: `Circuit breaker ${name} takes longer to recover (job ${job})`,
  description: `Its recoveries of the last day took ${mean} on average, more than 2 times the mean of the week before. Means of few incidents say little: a hint, not a verdict.`,
});

const HOUR = 3_600;
/** When the judgement is asked for, in hours: there are samples for eleven days before, one an hour. */
const NOW = 264;
const LENGTH = NOW + 13;

/** A recovery: how many hours ago it ended, and how long it had taken. */
type Recovery = readonly [hoursAgo: number, seconds: number];

/** The two counters of the histogram, from the recoveries that they count. */
function recovering(
  ...recoveries: readonly Recovery[]
): Pick<Exported, "recoverySeconds" | "recoveries"> {
  const until = (n: number) => recoveries.filter(([hoursAgo]) => NOW - hoursAgo <= n);
  const timeline = (figure: (done: readonly Recovery[]) => number): string =>
    Array.from({ length: LENGTH }, (_, n) => figure(until(n))).join(" ");
  return {
    recoverySeconds: timeline((done) => done.reduce((sum, [, seconds]) => sum + seconds, 0)),
    recoveries: timeline((done) => done.length),
  };
}

const week: readonly Recovery[] = [
  [170, 60],
  [120, 60],
  [80, 60],
  [40, 60],
];
const day = (seconds: number): readonly Recovery[] => [
  [22, seconds],
  [16, seconds],
  [8, seconds],
];

const DAY = "breaker:circuit_breaker_recovery_duration_seconds:mean1d";
const WEEK = "breaker:circuit_breaker_recovery_duration_seconds:mean7d_offset1d";
const labelled = (circuit_breaker_name: string) => ({ job: "checkout", circuit_breaker_name });

/** Counts by `step` every four hours, and begins anew after each ten hours: three recoveries, then two. */
function restarting(step: number): string {
  return Array.from({ length: LENGTH }, (_, n) => Math.floor((n % 10) / 4) * step).join(" ");
}

/** How long recoveries take: a day against the week before. */
export const RECOVERY_SCENARIOS: readonly Scenario[] = [
  {
    name: "CircuitBreakerRecoveryRegression fires above twice the mean of the week before, and resolves when the day has too few",
    length: LENGTH,
    stepSeconds: HOUR,
    exported: [
      { name: "twice", ...recovering(...week, ...day(120)) },
      { name: "more", ...recovering(...week, ...day(121)) },
      { name: "much-more", ...recovering(...week, ...day(3600)) },
      { name: "less", ...recovering(...week, ...day(20)) },
      { name: "none", ...recovering() },
      { name: "more", job: "stock", ...recovering(...week, ...day(150)) },
    ],
    firing: {
      "255h": [],
      "256h": [named("more"), named("much-more"), named("more", "stock")],
      "264h": [named("more"), named("much-more"), named("more", "stock")],
      // The first of the three is a day old.
      "265h": [named("more"), named("much-more"), named("more", "stock")],
      "266h": [],
    },
    told: {
      "264h": [
        told("more", "2m 1s"),
        told("much-more", "1h 0m 0s"),
        told("more", "2m 30s", "stock"),
      ],
    },
  },
  {
    name: "CircuitBreakerRecoveryRegression needs three recoveries on the day and three in the week, of all instances",
    length: LENGTH,
    stepSeconds: HOUR,
    exported: [
      { name: "two-on-the-day", ...recovering(...week, [16, 600], [8, 600]) },
      { name: "two-in-the-week", ...recovering([80, 60], [30, 60], ...day(600)) },
      { name: "three", ...recovering([100, 60], [80, 60], [30, 60], ...day(600)) },
      { name: "spread", instance: "a", ...recovering([100, 60], [80, 60], [22, 600], [16, 200]) },
      { name: "spread", instance: "b", ...recovering([30, 60], [8, 200]) },
    ],
    firing: { "264h": [named("three"), named("spread")] },
    told: { "264h": [told("three", "10m 0s"), told("spread", "5m 33s")] },
  },
  {
    name: "recorded means are those of a day, and of the seven days before it, of all instances and versions",
    length: LENGTH,
    stepSeconds: HOUR,
    exported: [
      // Beyond the eight days lie long ones; the day has four.
      {
        name: "edges",
        ...recovering(
          [200, 9000],
          [192, 9000],
          [191, 20],
          [100, 90],
          [24, 100],
          [23, 7],
          [16, 9],
          [8, 11],
          [0, 13],
        ),
      },
      {
        name: "spread",
        instance: "a",
        labels: { otel_scope_version: "0.1.0" },
        ...recovering([100, 10], [90, 20], [16, 100], [8, 200]),
      },
      {
        name: "spread",
        instance: "b",
        labels: { otel_scope_version: "0.2.0" },
        ...recovering([90, 30], [80, 40], [16, 300]),
      },
      { name: "restarted", recoverySeconds: restarting(40), recoveries: restarting(1) },
    ],
    firing: { "264h": [named("spread")] },
    recorded: {
      "264h": [
        {
          record: DAY,
          values: [
            [labelled("edges"), 10],
            [labelled("spread"), 200],
            [labelled("restarted"), 40],
          ],
        },
        {
          record: WEEK,
          values: [
            [labelled("edges"), 70],
            [labelled("spread"), 25],
            [labelled("restarted"), 40],
          ],
        },
      ],
    },
  },
  {
    name: "CircuitBreakerRecoveryRegression looks at a day and at the seven days before, and at no other time",
    length: LENGTH,
    stepSeconds: HOUR,
    exported: [
      // Beyond the eight days lie recoveries that would excuse the day; in the first of them are ones that accuse it.
      {
        name: "older-ones",
        ...recovering(
          [200, 9000],
          [194, 9000],
          [190, 20],
          [186, 20],
          [100, 90],
          [60, 70],
          [30, 100],
          ...day(121),
        ),
      },
      // What is just older than a day is the week's.
      {
        name: "yesterday",
        ...recovering([120, 60], [80, 60], [24, 20], [23, 100], [21, 100], [2, 100]),
      },
      {
        name: "good-yesterday",
        ...recovering([120, 60], [80, 60], [27, 60], [25, 1], [23, 200], [16, 100], [8, 100]),
      },
    ],
    firing: { "264h": [named("older-ones"), named("yesterday"), named("good-yesterday")] },
    told: {
      "264h": [
        told("older-ones", "2m 1s"),
        told("yesterday", "1m 40s"),
        told("good-yesterday", "2m 13s"),
      ],
    },
  },
];
