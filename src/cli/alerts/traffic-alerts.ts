import type { PromQl } from "./promql.ts";
import { type AlertingRule, lines, percent, type RecordingRule, type RuleGroup } from "./rule.ts";
import type { Thresholds } from "./thresholds.ts";

/** Calls that were asked of a breaker, finished or refused, per second. */
const ATTEMPTS = {
  "5m": "breaker:circuit_breaker_attempts:rate5m",
  "1h": "breaker:circuit_breaker_attempts:rate1h",
} as const;
/** The share of them that failed, was too slow or was refused. */
const FAILURES = {
  "5m": "breaker:circuit_breaker_failures:ratio_rate5m",
  "1h": "breaker:circuit_breaker_failures:ratio_rate1h",
} as const;
/** The share of them that was refused. */
const SKIPS = "breaker:circuit_breaker_skips:ratio_rate5m";

type Range = keyof typeof ATTEMPTS;

/** The alerts about trips, and about what becomes of calls. */
export function trafficAlerts(q: PromQl, thresholds: Thresholds): RuleGroup {
  return {
    name: "telltale-traffic",
    rules: [
      ...recordings(q),
      ...tripAlerts(q),
      skipRatioHigh(q, thresholds),
      errorBudgetBurn(q, thresholds),
    ],
  };
}

function recordings(q: PromQl): RecordingRule[] {
  const skips = q.series("circuit_breaker_skips_total");
  const calls = q.series("circuit_breaker_calls_total");
  const failed = q.series("circuit_breaker_calls_total", 'outcome=~"error|latency"');
  const rate = (series: string, range: Range): string =>
    `sum by (${q.breaker}) (rate(${series}[${range}]))`;
  const attempts = (range: Range): RecordingRule => ({
    record: ATTEMPTS[range],
    expr: lines(rate(calls, range), `+ ${rate(skips, range)}`),
  });
  const failures = (range: Range): RecordingRule => ({
    record: FAILURES[range],
    expr: lines(
      `(${rate(failed, range)}`,
      `+ ${rate(skips, range)})`,
      `/ (${ATTEMPTS[range]} > 0)`,
    ),
  });
  return [
    attempts("5m"),
    attempts("1h"),
    { record: SKIPS, expr: lines(rate(skips, "5m"), `/ (${ATTEMPTS["5m"]} > 0)`) },
    failures("5m"),
    failures("1h"),
  ];
}

function tripAlerts(q: PromQl): AlertingRule[] {
  const trips = (reason: "latency" | "error"): string =>
    `sum by (${q.breaker}) (increase(${q.series("circuit_breaker_trips_total", `reason="${reason}"`)}[10m])) > 0`;
  const atOnce = { for: "0s", keepFiringFor: "0s", severity: "warning" } as const;
  // By the counter: an open that lasts less than a scrape interval is seen, too.
  const times = `{{ $value | printf "%.0f" }} times in 10 minutes, failed probes included`;
  return [
    {
      alert: "CircuitBreakerLatencyTrips",
      when: "slow calls tripped a breaker within 10 minutes",
      expr: trips("latency"),
      ...atOnce,
      summary: `Circuit breaker ${q.breakerName} trips because calls are slow (${q.serviceText})`,
      description: `It opened ${times}, because calls were slower than allowed (latencyTripMs, slowRate): the dependency answers, too late. Look for load, saturation and slow queries there, not for errors.`,
    },
    {
      alert: "CircuitBreakerErrorTrips",
      when: "failing calls tripped a breaker within 10 minutes, however short the open was",
      expr: trips("error"),
      ...atOnce,
      summary: `Circuit breaker ${q.breakerName} trips because calls fail (${q.serviceText})`,
      description: `It opened ${times}, because calls failed: look for errors, refused connections, a bad release or expired credentials of the dependency.`,
    },
  ];
}

function skipRatioHigh(q: PromQl, thresholds: Thresholds): AlertingRule {
  return {
    alert: "CircuitBreakerSkipRatioHigh",
    when: `more than ${percent(thresholds["skip-ratio"])} of the calls of 5 minutes are refused, with ${thresholds["skip-minimum-rate"]} calls a second or more`,
    expr: lines(
      `${SKIPS} > ${thresholds["skip-ratio"]}`,
      `and ${ATTEMPTS["5m"]} >= ${thresholds["skip-minimum-rate"]}`,
    ),
    for: "5m",
    keepFiringFor: "5m",
    severity: "warning",
    summary: `Circuit breaker ${q.breakerName} refuses many calls (${q.serviceText})`,
    description:
      "{{ $value | humanizePercentage }} of its calls in 5 minutes were refused without being tried.",
  };
}

function errorBudgetBurn(q: PromQl, thresholds: Thresholds): AlertingRule {
  const limit = burnLimit(thresholds);
  return {
    alert: "CircuitBreakerErrorBudgetBurn",
    when: `more than ${percent(limit)} of the calls fail, are slow or refused, over an hour and over 5 minutes (${thresholds["burn-rate"]} times what the objective of ${percent(thresholds.objective)} allows)`,
    // The long window shows that it matters, the short one that it goes on.
    expr: lines(
      `${FAILURES["1h"]} > ${limit}`,
      `and ${FAILURES["5m"]} > ${limit}`,
      `and ${ATTEMPTS["1h"]} >= ${thresholds["burn-minimum-rate"]}`,
    ),
    for: "0s",
    keepFiringFor: "5m",
    severity: "critical",
    summary: `Calls through circuit breaker ${q.breakerName} use up their error budget (${q.serviceText})`,
    description: `{{ $value | humanizePercentage }} of its calls in an hour failed, were too slow or were refused, and it goes on: more than ${thresholds["burn-rate"]} times what the objective of ${percent(thresholds.objective)} allows.`,
  };
}

/** The share of failures that the alert fires above. Rounded, since 1 - 0.99 is not 0.01 in binary. */
export function burnLimit(thresholds: Thresholds): number {
  return Number((thresholds["burn-rate"] * (1 - thresholds.objective)).toPrecision(12));
}
