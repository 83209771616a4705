import type { PromQl } from "./promql.ts";
import type { RuleGroup } from "./rule.ts";
import { withinTenMinutes } from "./within-ten-minutes.ts";

/** The alerts about the stores that breakers, quota and ledgers are kept in. */
export function storeAlerts(q: PromQl): RuleGroup {
  const failing = q.series("telltale_state_store_failing");
  const rejected = q.series("telltale_state_rejected_timestamp_seconds");
  return {
    name: "telltale-stores",
    rules: [
      {
        alert: "CircuitBreakerStoreFailing",
        when: "a store of state cannot be read or written",
        expr: `sum by (${q.service}, operation) (${failing}) > 0`,
        // A store that restarts is noticed up to half a minute after it is back: so far apart are the attempts by then.
        for: "2m",
        keepFiringFor: "0s",
        severity: "warning",
        summary: `The state of breakers is not saved: {{ $labels.operation }} fails (${q.serviceText})`,
        description:
          "{{ $value }} instances cannot {{ $labels.operation }}. Calls go on, and nothing is saved: an instance that ends now loses what has happened since, an open breaker begins closed, and what was spent may be forgotten.",
      },
      {
        alert: "CircuitBreakerSnapshotRejected",
        when: "saved state could not be used, or state not be saved, within 10 minutes",
        expr: withinTenMinutes(q.service, rejected),
        for: "0s",
        keepFiringFor: "0s",
        severity: "warning",
        summary: `Saved state was rejected (${q.serviceText})`,
        description:
          "{{ $value }} instances had rows that they could not use when they read their store, or that it could not keep: a breaker of such a row began anew, closed and with nothing counted.",
      },
    ],
  };
}
