import type { PromQl } from "./promql.ts";
import { lines, type RuleGroup } from "./rule.ts";
import { withinTenMinutes } from "./within-ten-minutes.ts";

/** The alerts about isolates of Workers and the objects that own their breakers. */
export function ownerAlerts(q: PromQl): RuleGroup {
  const owner = `${q.service}, owner`;
  const isolate = `${q.process}, owner`;
  const unreachable = q.series("telltale_owner_unreachable");
  const failures = q.series("telltale_owner_failures_total");
  const lost = q.series("telltale_owner_spend_lost_timestamp_seconds");
  return {
    name: "telltale-owners",
    rules: [
      {
        alert: "CircuitBreakerOwnerUnreachable",
        when: "isolates ask their owner in vain, and decide alone",
        // One that nobody calls any more asks nothing, so that it would be cut off for as long as it lives.
        expr: lines(
          `count by (${owner}) (`,
          `  ${unreachable} > 0`,
          `  and on (${isolate}) sum by (${isolate}) (increase(${failures}[5m])) > 0`,
          ")",
        ),
        // An object that moves or is deployed anew answers within seconds.
        for: "2m",
        keepFiringFor: "0s",
        severity: "warning",
        summary: `Owner {{ $labels.owner }} does not answer (${q.serviceText})`,
        description:
          "{{ $value }} isolates decide alone, by its last answer or as if breakers were closed: they do not hear what it opens, and what they spend waits to be recorded.",
      },
      {
        alert: "CircuitBreakerSpendLost",
        when: "a spend was not recorded by its owner within 10 minutes",
        expr: withinTenMinutes(owner, lost),
        for: "0s",
        keepFiringFor: "0s",
        severity: "warning",
        summary: `Spends of owner {{ $labels.owner }} are lost (${q.serviceText})`,
        description:
          "{{ $value }} isolates lost spends: the ledger refused them, or too many waited for an owner that does not answer. What was spent reads too low.",
      },
    ],
  };
}
