import { AggregatorRegistry, Counter, Registry } from "prom-client";
import { expect, test } from "vitest";
import { exportToPrometheus } from "../../src/exporters/prometheus.ts";
import { CircuitBreaker } from "../../src/index.ts";
import { BOOM } from "../support/breaker.ts";
import { START_AT_MS } from "../support/fake-clock.ts";
import { parse, valuesOf } from "../support/scrape.ts";
import { scraped, TWO_AND_TEN } from "../support/scraped.ts";
import { permitOf } from "../support/states.ts";

const START_SECONDS = START_AT_MS / 1000;

test("an OpenMetrics registry gets _total once, also at the second scrape", async () => {
  const registry = new Registry();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
  exportToPrometheus(new CircuitBreaker("payments"), registry);
  const first = await registry.metrics();
  expect(first.split("\n")).toEqual(
    expect.arrayContaining([
      "# TYPE circuit_breaker_calls counter",
      'circuit_breaker_calls_total{circuit_breaker_name="payments",outcome="success"} 0',
      "circuit_breaker_series_overflow_total 0",
      "# EOF",
    ]),
  );
  expect(first).not.toContain("_total_total");
  const untimed = (text: string) => text.replace(/^circuit_breaker_open_seconds.*$/gm, "");
  expect(untimed(await registry.metrics())).toBe(untimed(first));
});

test("an OpenMetrics registry is left empty by the detach", async () => {
  const registry = new Registry();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
  const detach = exportToPrometheus(new CircuitBreaker("payments"), registry);
  await registry.metrics();
  detach();
  expect(registry.getMetricsAsArray()).toEqual([]);
  exportToPrometheus(new CircuitBreaker("payments"), registry);
  expect(await registry.metrics()).toContain("circuit_breaker_calls_total{");
});

test("a registry may print both formats in turn, each with its own names", async () => {
  const registry = new Registry();
  exportToPrometheus(new CircuitBreaker("payments"), registry);
  const printed = async (type: string) => {
    registry.setContentType(type as never);
    const text = await registry.metrics();
    const found = [/^circuit_breaker_calls\w*(?=\{)/m, /^# TYPE circuit_breaker_calls\w*/m];
    return found.map((pattern) => pattern.exec(text)?.[0]);
  };
  for (let turn = 0; turn < 2; turn++) {
    expect(await printed(Registry.PROMETHEUS_CONTENT_TYPE)).toEqual([
      "circuit_breaker_calls_total",
      "# TYPE circuit_breaker_calls_total",
    ]);
    expect(await printed(Registry.OPENMETRICS_CONTENT_TYPE)).toEqual([
      "circuit_breaker_calls_total",
      "# TYPE circuit_breaker_calls",
    ]);
    expect(await registry.getSingleMetricAsString("circuit_breaker_calls_total")).toContain(
      "\ncircuit_breaker_calls_total{",
    );
  }
});

test("several registries show the same breaker, each until its own detach", async () => {
  const { breaker, registry, detach } = scraped();
  const other = new Registry();
  exportToPrometheus(breaker, other);
  permitOf({ breaker }).success();
  const successes = async (page: Promise<string>) =>
    valuesOf(parse(await page), "circuit_breaker_calls_total")["payments success"];
  expect(await successes(registry.metrics())).toBe(1);
  expect(await successes(other.metrics())).toBe(1);
  detach();
  permitOf({ breaker }).success();
  expect(await successes(registry.metrics())).toBeUndefined();
  expect(await successes(other.metrics())).toBe(2);
});

test("Registry.merge() shows the metrics beside those of another registry, in both formats", async () => {
  const { registry, breaker } = scraped();
  permitOf({ breaker }).success();
  const other = new Registry();
  new Counter({ name: "orders_total", help: "Orders", registers: [other] });
  const merged = Registry.merge([registry, other]);
  const lines = [
    'circuit_breaker_calls_total{circuit_breaker_name="payments",outcome="success"} 1',
    "orders_total 0",
  ];
  for (const type of [Registry.PROMETHEUS_CONTENT_TYPE, Registry.OPENMETRICS_CONTENT_TYPE]) {
    merged.setContentType(type as never);
    expect((await merged.metrics()).split("\n")).toEqual(expect.arrayContaining(lines));
  }
});

test("registry.resetMetrics() does not fail, and breakers go on counting", async () => {
  const { breaker, registry, values } = scraped();
  permitOf({ breaker }).success();
  registry.resetMetrics();
  permitOf({ breaker }).success();
  expect(await values("calls_total")).toMatchObject({ "payments success": 2 });
});

test("registry.setDefaultLabels() and getMetricsAsJSON() work on the metrics", async () => {
  const { registry, breaker } = scraped();
  permitOf({ breaker }).success();
  registry.setDefaultLabels({ app: "shop" });
  expect(await registry.getSingleMetricAsString("circuit_breaker_failure_threshold")).toContain(
    'circuit_breaker_failure_threshold{circuit_breaker_name="payments",app="shop"} 2',
  );
  for (let scrape = 0; scrape < 2; scrape++) {
    const json = await registry.getMetricsAsJSON();
    const calls = json.find(({ name }) => name === "circuit_breaker_calls_total");
    expect(calls?.values[0]).toEqual({
      labels: { app: "shop", circuit_breaker_name: "payments", outcome: "success" },
      value: 1,
    });
  }
});

// Trap 35: cluster mode sums timestamps: 1000, 0 and 2000 became 3000.
test("trap 35: a cluster sums counters and states, and takes the worst of the other gauges", async () => {
  const workers = [0, 2000, 1000].map((openAfterMs) => {
    const worker = scraped({}, { ...TWO_AND_TEN, failureThreshold: 2 });
    if (openAfterMs > 0) {
      worker.clock.advance(openAfterMs);
      worker.breaker.recordFailure(BOOM);
      worker.breaker.recordFailure(BOOM);
      worker.clock.advance(10_000);
      worker.breaker.admit();
    }
    return worker;
  });
  const pages = await Promise.all(workers.map(({ registry }) => registry.getMetricsAsJSON()));
  const page = parse(await AggregatorRegistry.aggregate(pages).metrics());
  const of = (metric: string) => valuesOf(page, `circuit_breaker_${metric}`);
  expect(of("opened_timestamp_seconds")).toEqual({ payments: START_SECONDS + 2 });
  expect(of("calls_total")).toMatchObject({ "payments error": 4 });
  expect(of("state")).toMatchObject({ "payments closed": 1, "payments half_open": 2 });
  expect(of("probes_in_flight")).toEqual({ payments: 2 });
  expect(of("trip_progress_ratio")).toEqual({ payments: 1 });
  expect(of("traffic_share_ratio")).toEqual({ payments: 0 });
  expect(of("consecutive_failures")).toEqual({ payments: 2 });
  expect(of("failure_threshold")).toEqual({ payments: 2 });
  expect(of("open_seconds_total")).toEqual({ payments: 20 });
  expect(of("recovery_duration_seconds_count")).toEqual({ payments: 0 });
  expect(of("recovery_duration_seconds_bucket")).toMatchObject({ "payments +Inf": 0 });
});

test("trap 35: a cluster in either format names its counters once", async () => {
  for (const type of [Registry.PROMETHEUS_CONTENT_TYPE, Registry.OPENMETRICS_CONTENT_TYPE]) {
    const workers = [scraped(), scraped()];
    for (const { registry } of workers) registry.setContentType(type as never);
    const pages = await Promise.all(workers.map(({ registry }) => registry.getMetricsAsJSON()));
    const primary = AggregatorRegistry.aggregate(pages);
    primary.setContentType(type as never);
    expect((await primary.metrics()).split("\n")).toContain(
      'circuit_breaker_calls_total{circuit_breaker_name="payments",outcome="success"} 0',
    );
  }
});
