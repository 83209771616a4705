import type { PromQl } from "./promql.ts";
import { lines, type RuleGroup } from "./rule.ts";
import type { Thresholds } from "./thresholds.ts";

const DAY = "breaker:circuit_breaker_recovery_duration_seconds:mean1d";
const WEEK = "breaker:circuit_breaker_recovery_duration_seconds:mean7d_offset1d";

/** The alert about how long recoveries take. */
export function recoveryAlerts(q: PromQl, thresholds: Thresholds): RuleGroup {
  const seconds = q.series("circuit_breaker_recovery_duration_seconds_sum");
  const recoveries = q.series("circuit_breaker_recovery_duration_seconds_count");
  // A mean of too few is left out, which also guards the division.
  const mean = (range: string): string => {
    const sum = `sum by (${q.breaker}) (increase(${seconds}${range}))`;
    const count = `sum by (${q.breaker}) (increase(${recoveries}${range}))`;
    return lines(sum, `/ (${count} >= ${thresholds["recovery-incidents"]})`);
  };
  return {
    name: "telltale-recovery",
    rules: [
      { record: DAY, expr: mean("[1d]") },
      { record: WEEK, expr: mean("[7d] offset 1d") },
      {
        alert: "CircuitBreakerRecoveryRegression",
        when: `the mean recovery of a day took over ${thresholds["recovery-factor"]} times that of the week before`,
        expr: `${DAY} > ${thresholds["recovery-factor"]} * ${WEEK}`,
        for: "0s",
        keepFiringFor: "0s",
        severity: "info",
        summary: `Circuit breaker ${q.breakerName} takes longer to recover (${q.serviceText})`,
        description: `Its recoveries of the last day took {{ $value | humanizeDuration }} on average, more than ${thresholds["recovery-factor"]} times the mean of the week before. Means of few incidents say little: a hint, not a verdict.`,
      },
    ],
  };
}
