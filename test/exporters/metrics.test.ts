import { expect, test } from "vitest";
import type { MetricDefinition } from "../../src/events/metric-definition.ts";
import { instrumentName, METRIC_NAMES, METRICS } from "../../src/events/metrics.ts";
import { EVENTS, type EventMetric } from "../../src/index.ts";

const definition = (name: string): MetricDefinition | undefined =>
  new Map<string, MetricDefinition>(Object.entries(METRICS)).get(name);

test("METRICS has the names, types and units of the contract", () => {
  const listed = METRIC_NAMES.map((name) => `${name} ${METRICS[name].type} ${METRICS[name].unit}`);
  expect(listed).toEqual([
    "circuit_breaker_calls_total counter {call}",
    "circuit_breaker_skips_total counter {call}",
    "circuit_breaker_trips_total counter {trip}",
    "circuit_breaker_transitions_total counter {transition}",
    "circuit_breaker_probes_total counter {call}",
    "circuit_breaker_open_seconds_total counter s",
    "circuit_breaker_state gauge ",
    "circuit_breaker_trip_progress_ratio gauge 1",
    "circuit_breaker_traffic_share_ratio gauge 1",
    "circuit_breaker_consecutive_failures gauge {call}",
    "circuit_breaker_failure_threshold gauge {call}",
    "circuit_breaker_probes_in_flight gauge {call}",
    "circuit_breaker_opened_timestamp_seconds gauge s",
    "circuit_breaker_recovery_duration_seconds histogram s",
    "circuit_breaker_call_duration_seconds histogram s",
    "circuit_breaker_events_dropped_total counter {event}",
    "circuit_breaker_series_overflow_total counter {series}",
    "telltale_quota_exhausted gauge ",
    "telltale_quota_until_timestamp_seconds gauge s",
    "telltale_quota_exhaustions_total counter {mark}",
    "telltale_budget_spent_usd gauge {USD}",
    "telltale_budget_limit_usd gauge {USD}",
    "telltale_budget_reserved_usd gauge {USD}",
    "telltale_budget_depletion_timestamp_seconds gauge s",
    "telltale_ledger_unknown gauge ",
    "telltale_spend_usd_total counter {USD}",
    "telltale_spend_requests_total counter {request}",
    "telltale_spend_tokens_total counter {token}",
    "telltale_spend_unpriced_total counter {spend}",
    "telltale_cluster_connected gauge ",
    "telltale_cluster_losses_total counter {loss}",
    "telltale_cluster_peers gauge {task}",
    "telltale_cluster_waiting gauge {breaker}",
    "telltale_cluster_rejected_total counter {message}",
    "telltale_cluster_reset_timestamp_seconds gauge s",
    "telltale_state_store_failing gauge ",
    "telltale_state_store_failures_total counter {failure}",
    "telltale_state_waiting gauge {row}",
    "telltale_state_rejected_total counter {row}",
    "telltale_state_rejected_timestamp_seconds gauge s",
    "telltale_owner_unreachable gauge ",
    "telltale_owner_requests_total counter {request}",
    "telltale_owner_failures_total counter {failure}",
    "telltale_owner_waiting gauge {spend}",
    "telltale_owner_spends_lost_total counter {spend}",
    "telltale_owner_spend_lost_timestamp_seconds gauge s",
  ]);
});

test("METRICS lists the legal state changes, not every pair", () => {
  expect(METRICS.circuit_breaker_transitions_total.values).toHaveLength(13);
  expect(METRICS.circuit_breaker_transitions_total.values).not.toContainEqual(["disabled", "open"]);
});

test("METRICS gives as many values as labels in each combination", () => {
  for (const name of METRIC_NAMES) {
    const { labels, values, names = 0 }: MetricDefinition = METRICS[name];
    expect(names, name).toBeLessThanOrEqual(labels.length);
    if (names === 0) expect(values.length, name).toBeGreaterThan(0);
    else expect(values, name).toEqual([]);
    for (const words of values) expect(words, name).toHaveLength(labels.length);
    expect(new Set(values.map((words) => words.join())).size, name).toBe(values.length);
  }
});

test("METRICS buckets rise, and reach from under a second to hours and from 1 ms to a minute", () => {
  const { circuit_breaker_recovery_duration_seconds: recovery } = METRICS;
  const { circuit_breaker_call_duration_seconds: call } = METRICS;
  for (const { buckets } of [recovery, call]) {
    expect(buckets).toEqual([...new Set(buckets)].sort((a, b) => a - b));
  }
  expect([recovery.buckets[0], recovery.buckets.at(-1)]).toEqual([0.5, 21_600]);
  expect([call.buckets[0], call.buckets.at(-1)]).toEqual([0.001, 60]);
});

test("instrumentName() follows the rule of the contract", () => {
  expect(METRIC_NAMES.map(instrumentName)).toEqual([
    "circuit_breaker.calls",
    "circuit_breaker.skips",
    "circuit_breaker.trips",
    "circuit_breaker.transitions",
    "circuit_breaker.probes",
    "circuit_breaker.open_seconds",
    "circuit_breaker.state",
    "circuit_breaker.trip_progress_ratio",
    "circuit_breaker.traffic_share_ratio",
    "circuit_breaker.consecutive_failures",
    "circuit_breaker.failure_threshold",
    "circuit_breaker.probes_in_flight",
    "circuit_breaker.opened_timestamp_seconds",
    "circuit_breaker.recovery_duration_seconds",
    "circuit_breaker.call_duration_seconds",
    "circuit_breaker.events_dropped",
    "circuit_breaker.series_overflow",
    "telltale.quota_exhausted",
    "telltale.quota_until_timestamp_seconds",
    "telltale.quota_exhaustions",
    "telltale.budget_spent_usd",
    "telltale.budget_limit_usd",
    "telltale.budget_reserved_usd",
    "telltale.budget_depletion_timestamp_seconds",
    "telltale.ledger_unknown",
    "telltale.spend_usd",
    "telltale.spend_requests",
    "telltale.spend_tokens",
    "telltale.spend_unpriced",
    "telltale.cluster_connected",
    "telltale.cluster_losses",
    "telltale.cluster_peers",
    "telltale.cluster_waiting",
    "telltale.cluster_rejected",
    "telltale.cluster_reset_timestamp_seconds",
    "telltale.state_store_failing",
    "telltale.state_store_failures",
    "telltale.state_waiting",
    "telltale.state_rejected",
    "telltale.state_rejected_timestamp_seconds",
    "telltale.owner_unreachable",
    "telltale.owner_requests",
    "telltale.owner_failures",
    "telltale.owner_waiting",
    "telltale.owner_spends_lost",
    "telltale.owner_spend_lost_timestamp_seconds",
  ]);
});

test("EVENTS moves only counters of METRICS, with exactly their labels", () => {
  const moved: readonly EventMetric[] = Object.values(EVENTS).flatMap(({ metrics }) => metrics);
  expect(moved.length).toBeGreaterThan(10);
  for (const { metric, labels } of moved) {
    expect(definition(metric)?.type, metric).toBe("counter");
    expect(Object.keys(labels), metric).toEqual(definition(metric)?.labels);
  }
});
