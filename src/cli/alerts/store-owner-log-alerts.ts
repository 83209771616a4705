import type { LogQl } from "./logql.ts";
import { type AlertingRule, lines } from "./rule.ts";

const AT_ONCE = { for: "0s", keepFiringFor: "0s" } as const;
const BEGUN = { for: "2m", keepFiringFor: "0s" } as const;

const count = (labels: string, events: string, range: string): string =>
  `sum by (${labels}) (count_over_time(${events} [${range}])) > 0`;

/** Alerts about stores and owners from log lines: those of a Durable Object are nowhere else. */
export function storeOwnerLogAlerts(q: LogQl): readonly AlertingRule[] {
  return [...storeAlerts(q), ...ownerAlerts(q)];
}

function storeAlerts(q: LogQl): readonly AlertingRule[] {
  const fields = { operation: "operation", replica: "instance" };
  const each = `${q.service}, operation, replica`;
  return [
    {
      alert: "CircuitBreakerStoreFailing",
      when: "a store failed within 10 minutes, and has not recovered",
      // It is told once for as long as it lasts.
      expr: lines(
        `count by (${q.service}, operation) (`,
        `  ${count(each, q.events(["state.store_failed"], fields), "10m")}`,
        `  unless ${count(each, q.events(["state.store_recovered"], fields), "10m")}`,
        ")",
      ),
      ...BEGUN,
      severity: "warning",
      summary: `The state of breakers is not saved: {{ $labels.operation }} fails (${q.serviceText})`,
      description:
        "{{ $value }} instances cannot {{ $labels.operation }}. Calls go on, and nothing is saved: an instance that ends now loses what has happened since. Ten minutes after the line the alert ceases, whether the store has recovered or not.",
    },
    {
      alert: "CircuitBreakerSnapshotRejected",
      when: "saved state could not be used within 10 minutes",
      expr: count(q.service, q.events(["state.rejected"]), "10m"),
      ...AT_ONCE,
      severity: "warning",
      summary: `Saved state was rejected (${q.serviceText})`,
      description:
        "{{ $value }} snapshots or rows in 10 minutes could not be used, or not be saved: a breaker of such a row began anew, closed and with nothing counted.",
    },
  ];
}

function ownerAlerts(q: LogQl): readonly AlertingRule[] {
  const fields = { owner: "owner" };
  const owner = `${q.service}, owner`;
  return [
    {
      alert: "CircuitBreakerOwnerUnreachable",
      when: "isolates asked their owner in vain within 5 minutes, and none was answered again",
      expr: lines(
        count(owner, q.events(["owner.unreachable"], fields), "5m"),
        `unless ${count(owner, q.events(["owner.reachable"], fields), "5m")}`,
      ),
      ...BEGUN,
      severity: "warning",
      summary: `Owner {{ $labels.owner }} does not answer (${q.serviceText})`,
      description:
        "Isolates decide alone ({{ $value }} lines in 5 minutes), by its last answer or as if breakers were closed: they do not hear what it opens, and what they spend waits to be recorded.",
    },
    {
      alert: "CircuitBreakerSpendLost",
      when: "a spend was not recorded by its owner within 10 minutes",
      expr: count(owner, q.events(["owner.spend_lost"], fields), "10m"),
      ...AT_ONCE,
      severity: "warning",
      summary: `Spends of owner {{ $labels.owner }} are lost (${q.serviceText})`,
      description:
        "{{ $value }} spends in 10 minutes are in no ledger: it refused them, or too many waited for an owner that does not answer. What was spent reads too low.",
    },
  ];
}
