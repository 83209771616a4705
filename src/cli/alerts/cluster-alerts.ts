import type { PromQl } from "./promql.ts";
import { lines, type RuleGroup } from "./rule.ts";

/** The alerts about the tasks of a cluster hearing each other. */
export function clusterAlerts(q: PromQl): RuleGroup {
  const connected = q.series("telltale_cluster_connected");
  const reset = q.series("telltale_cluster_reset_timestamp_seconds");
  const rejected = q.series("telltale_cluster_rejected_total");
  const warning = { keepFiringFor: "0s", severity: "warning" } as const;
  return {
    name: "telltale-cluster",
    rules: [
      {
        alert: "CircuitBreakerClusterLost",
        when: "instances do not hear the other tasks, or their store does not answer",
        expr: `count by (${q.service}) (${connected} == 0)`,
        // A store that restarts is back within seconds.
        for: "1m",
        ...warning,
        summary: `Instances are cut off from the cluster of breakers (${q.serviceText})`,
        description:
          "{{ $value }} instances do not hear the others: their breakers go on by themselves, and an open, a forced open or a reset of another task does not reach them.",
      },
      {
        alert: "CircuitBreakerClusterDisagrees",
        when: "instances know of different last resets",
        expr: lines(`max by (${q.service}) (${reset})`, `- min by (${q.service}) (${reset}) > 0`),
        for: "2m",
        ...warning,
        summary: `Instances disagree about the last reset of a breaker (${q.serviceText})`,
        description:
          "Some have not heard a reset that others heard; the two that they know of are {{ $value | humanizeDuration }} apart. What was reset may still be open on them.",
      },
      {
        alert: "CircuitBreakerClusterRejected",
        when: "messages or answers of the cluster were dropped within 10 minutes",
        expr: `sum by (${q.service}, reason) (increase(${rejected}[10m])) > 0`,
        for: "0s",
        ...warning,
        summary: `Cluster input is dropped as {{ $labels.reason }} (${q.serviceText})`,
        description: `{{ $value | printf "%.0f" }} messages or answers in 10 minutes were not valid: another version, a fault, or somebody on the channel who is not of the fleet.`,
      },
    ],
  };
}
