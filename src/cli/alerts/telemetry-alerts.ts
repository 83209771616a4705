import type { PromQl } from "./promql.ts";
import { lines, type RuleGroup } from "./rule.ts";

/** The alerts about what the others need to see anything. */
export function telemetryAlerts(q: PromQl): RuleGroup {
  const dropped = q.series("circuit_breaker_events_dropped_total");
  const overflow = q.series("circuit_breaker_series_overflow_total");
  const state = q.series("circuit_breaker_state");
  const none = { for: "0s", keepFiringFor: "0s", severity: "warning" } as const;
  return {
    name: "telltale-telemetry",
    rules: [
      {
        alert: "CircuitBreakerEventsDropped",
        when: "a sink failed to take events within 10 minutes",
        expr: `sum by (${q.service}, sink) (increase(${dropped}[10m])) > 0`,
        ...none,
        summary: `Circuit breaker events get lost in sink {{ $labels.sink }} (${q.serviceText})`,
        description: `The sink failed to take {{ $value | printf "%.0f" }} events in 10 minutes: what is made of them, such as logs and incident reports, is incomplete.`,
      },
      {
        alert: "CircuitBreakerSeriesOverflow",
        when: "breakers beyond the budget of names share the name `__other__`",
        // The largest, not the sum: the budget of names is one for each process.
        expr: `max by (${q.service}) (${overflow}) > 0`,
        ...none,
        summary: `Circuit breakers share one series (${q.serviceText})`,
        description:
          "{{ $value }} breakers of a process came after its nameBudget was used up and are shown together as __other__: no alert tells them apart.",
      },
      {
        alert: "CircuitBreakerTelemetryAbsent",
        when: "the series of a job, or of all, have vanished",
        // First what was there within the hour, by service; then that nothing is there at all. The shorter range of the
        // second lets it fire before the first ends.
        expr: lines(
          `group by (${q.service}) (present_over_time(${state}[1h]))`,
          `unless on (${q.service}) group by (${q.service}) (${state})`,
          `or absent_over_time(${state}[50m])`,
        ),
        for: "5m",
        keepFiringFor: "0s",
        severity: "warning",
        summary: "No circuit breaker can be seen",
        description: `The metrics of circuit breakers are gone (${q.serviceText}; nothing named when there are none at all): whether calls are protected is not known, and no other alert can fire.`,
      },
    ],
  };
}
