import { createNoopMeter, metrics } from "@opentelemetry/api";
import {
  AggregationTemporality,
  DataPointType,
  MeterProvider,
  type MetricData,
  MetricReader,
} from "@opentelemetry/sdk-metrics";
import { expect, test } from "vitest";
import { SINKS } from "../../src/events/metrics.ts";
import {
  createHistogramProducer,
  exportToOpenTelemetry,
} from "../../src/exporters/opentelemetry.ts";
import { CircuitBreaker } from "../../src/index.ts";
import { BOOM, failTimes, succeed } from "../support/breaker.ts";
import { packageVersion, parse, startSdk, valuesOf } from "../support/scrape.ts";
import { breakable, collected } from "../support/scraped.ts";
import { permitOf } from "../support/states.ts";

function kindOf(metric: MetricData): string {
  if (metric.dataPointType === DataPointType.SUM) return metric.isMonotonic ? "counter" : "sum";
  return metric.dataPointType === DataPointType.GAUGE ? "gauge" : "histogram";
}

test("exportToOpenTelemetry() makes the instruments of the contract in the scope of this version", async () => {
  const { collect, breaker, clock } = collected({ callDurations: true });
  await failTimes(breaker, 2);
  clock.advance(10_000);
  await breaker.call(succeed);
  const { scopeMetrics } = await collect();
  expect(scopeMetrics.map(({ scope }) => scope)).toEqual([
    expect.objectContaining({ name: "telltale", version: packageVersion() }),
  ]);
  const instruments = scopeMetrics[0]?.metrics.map(
    (metric) => `${metric.descriptor.name} ${kindOf(metric)} ${metric.descriptor.unit}`,
  );
  expect(instruments?.sort()).toEqual(
    [
      "circuit_breaker.calls counter {call}",
      "circuit_breaker.skips counter {call}",
      "circuit_breaker.trips counter {trip}",
      "circuit_breaker.transitions counter {transition}",
      "circuit_breaker.probes counter {call}",
      "circuit_breaker.open_seconds counter s",
      "circuit_breaker.state gauge ",
      "circuit_breaker.trip_progress_ratio gauge 1",
      "circuit_breaker.traffic_share_ratio gauge 1",
      "circuit_breaker.consecutive_failures gauge {call}",
      "circuit_breaker.failure_threshold gauge {call}",
      "circuit_breaker.probes_in_flight gauge {call}",
      "circuit_breaker.opened_timestamp_seconds gauge s",
      "circuit_breaker.recovery_duration_seconds histogram s",
      "circuit_breaker.call_duration_seconds histogram s",
      "circuit_breaker.events_dropped counter {event}",
      "circuit_breaker.series_overflow counter {series}",
    ].sort(),
  );
});

// Trap 29: the series do not exist until the first trip.
test("trap 29: every series of a counter or gauge is there at the first collection, under circuit_breaker.name", async () => {
  const { collect } = collected();
  const { scopeMetrics } = await collect();
  const points = new Map(
    scopeMetrics[0]?.metrics.map(({ descriptor, dataPoints }) => [
      descriptor.name,
      dataPoints.map(({ attributes, value }) => ({ ...attributes, value })),
    ]),
  );
  const name = { "circuit_breaker.name": "payments" };
  expect(points.get("circuit_breaker.trips")).toEqual([
    { ...name, reason: "error", value: 0 },
    { ...name, reason: "latency", value: 0 },
  ]);
  expect(points.get("circuit_breaker.state")).toEqual([
    { ...name, state: "closed", value: 1 },
    { ...name, state: "open", value: 0 },
    { ...name, state: "half_open", value: 0 },
    { ...name, state: "forced_open", value: 0 },
    { ...name, state: "disabled", value: 0 },
  ]);
  const sizes = Object.fromEntries([...points].map(([key, { length }]) => [key.slice(16), length]));
  expect(sizes).toEqual({
    calls: 7,
    skips: 7,
    trips: 2,
    transitions: 13,
    probes: 8,
    open_seconds: 1,
    state: 5,
    trip_progress_ratio: 1,
    traffic_share_ratio: 1,
    consecutive_failures: 1,
    failure_threshold: 1,
    probes_in_flight: 1,
    opened_timestamp_seconds: 1,
    events_dropped: SINKS.length,
    series_overflow: 1,
  });
});

test("circuit_breaker.recovery_duration_seconds has its own bounds, not those made for milliseconds", async () => {
  const { breaker, clock, values } = collected();
  await failTimes(breaker, 2);
  clock.advance(10_000);
  await breaker.call(succeed);
  expect(Object.keys(await values("recovery_duration_seconds_bucket"))).toEqual(
    [0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, "+Inf"].map(
      (le) => `payments ${le}`,
    ),
  );
  expect(await values("recovery_duration_seconds_sum")).toEqual({ payments: 10 });
});

test("callDurations: off by default, and then nobody listens to single calls", async () => {
  const { breaker, page } = collected();
  await breaker.execute(succeed);
  expect([...(await page()).families.keys()]).not.toContain(
    "circuit_breaker_call_duration_seconds",
  );
  expect(breaker.bus.has("circuit.success")).toBe(false);
  expect(breaker.bus.has("circuit.failure")).toBe(false);
  expect(breaker.bus.has("circuit.skip")).toBe(false);
});

test("callDurations: records calls by outcome", async () => {
  const { breaker, values } = collected({ callDurations: true });
  permitOf({ breaker }).success(250);
  permitOf({ breaker }).failure(BOOM, 4);
  breaker.recordSuccess();
  expect(await values("call_duration_seconds_sum")).toEqual({
    "payments success": 0.25,
    "payments error": 0.004,
  });
  expect(await values("call_duration_seconds_count")).toEqual({
    "payments success": 1,
    "payments error": 1,
  });
});

test("exportToOpenTelemetry() uses the global meter provider", async () => {
  const sdk = startSdk();
  metrics.setGlobalMeterProvider(sdk.meterProvider);
  try {
    exportToOpenTelemetry(new CircuitBreaker("payments"));
    const page = parse(await sdk.text());
    expect(valuesOf(page, "circuit_breaker_failure_threshold")).toEqual({ payments: 5 });
  } finally {
    metrics.disable();
  }
});

test("exportToOpenTelemetry() without an SDK does nothing and costs nothing", () => {
  const breaker = new CircuitBreaker("payments");
  const detach = exportToOpenTelemetry(breaker, { callDurations: true });
  for (const type of ["circuit.success", "circuit.open", "bus.listener_failed"] as const) {
    expect(breaker.bus.has(type), type).toBe(false);
  }
  detach();
  detach();
  // So that an application tested without an SDK may make its breakers again and again.
  exportToOpenTelemetry(new CircuitBreaker("payments"));
  exportToOpenTelemetry(new CircuitBreaker("payments"));
});

test("exportToOpenTelemetry() without an SDK is harmless with every option, again and again", async () => {
  const histograms = createHistogramProducer();
  const options = {
    ...{ histograms, callDurations: true, attributes: ["team"] },
    ...{ spanEvents: true, spanAttributes: true, logs: "trace" as const },
  };
  for (let round = 0; round < 3; round++) {
    const breaker = new CircuitBreaker("payments", { failureThreshold: 1 });
    const failed: unknown[] = [];
    breaker.bus.on("bus.listener_failed", (event) => void failed.push(event));
    exportToOpenTelemetry(breaker, options);
    const detach = exportToOpenTelemetry(breaker, options);
    expect(await breaker.call(succeed)).toBe("value");
    await failTimes(breaker, 1);
    expect(await breaker.execute(succeed)).toMatchObject({ outcome: "circuit-open" });
    detach();
    breaker.reset();
    expect(failed).toEqual([]);
  }
  // Nothing collects what nobody would show.
  expect((await histograms.collect()).resourceMetrics.scopeMetrics).toEqual([]);
});

test("exportToOpenTelemetry() works with a provider that gives another no-op meter", () => {
  const meter = Object.create(createNoopMeter());
  const breaker = new CircuitBreaker("payments");
  const detach = exportToOpenTelemetry(breaker, { meterProvider: { getMeter: () => meter } });
  expect(breaker.bus.has("circuit.open")).toBe(true);
  detach();
  expect(breaker.bus.has("circuit.open")).toBe(false);
});

// Trap 34
test("trap 34: a breaker that cannot be read fails no collection, and its gauges fall to 0", async () => {
  const { breaker, meterProvider, values } = collected();
  const reading = { broken: false };
  const view = breakable(breaker, reading);
  exportToOpenTelemetry(view, { meterProvider });
  expect(await values("failure_threshold")).toEqual({ payments: 2, broken: 3 });
  reading.broken = true;
  expect(await values("failure_threshold")).toEqual({ payments: 2, broken: 0 });
  reading.broken = false;
  expect(await values("failure_threshold")).toEqual({ payments: 2, broken: 3 });
});

test("trap 34: an error while observing never reaches the SDK", async () => {
  const { added } = collected();
  const callback = added.mock.calls[0]?.[0];
  const result = {
    observe() {
      throw BOOM;
    },
  };
  expect(callback?.(result)).toBeUndefined();
});

test("trap 34: a second call adds its breakers, and the same breaker twice is there once", async () => {
  const { breaker, meterProvider, values, added } = collected();
  exportToOpenTelemetry([breaker, new CircuitBreaker("search")], { meterProvider });
  permitOf({ breaker }).success();
  expect(await values("failure_threshold")).toEqual({ payments: 2, search: 5 });
  expect(await values("calls_total")).toMatchObject({ "payments success": 1 });
  expect(added).toHaveBeenCalledTimes(1);
});

test("delta readers get each count once", async () => {
  class DeltaReader extends MetricReader {
    constructor() {
      super({ aggregationTemporalitySelector: () => AggregationTemporality.DELTA });
    }
    protected override async onShutdown(): Promise<void> {}
    protected override async onForceFlush(): Promise<void> {}
  }
  const reader = new DeltaReader();
  const meterProvider = new MeterProvider({ readers: [reader] });
  const breaker = new CircuitBreaker("payments");
  exportToOpenTelemetry(breaker, { meterProvider });
  const successes = async () => {
    const { resourceMetrics } = await reader.collect();
    const calls = resourceMetrics.scopeMetrics[0]?.metrics.find(
      ({ descriptor }) => descriptor.name === "circuit_breaker.calls",
    );
    return calls?.dataPoints.find(({ attributes }) => attributes["outcome"] === "success")?.value;
  };
  const counts: unknown[] = [];
  for (const calls of [0, 3, 1, 0]) {
    for (let n = 0; n < calls; n++) await breaker.call(succeed);
    counts.push(await successes());
  }
  expect(counts).toEqual([0, 3, 1, 0]);
});

test("exportToOpenTelemetry() refuses a second breaker of one name and changes nothing", async () => {
  const { page, meterProvider } = collected();
  const before = (await page()).series;
  const twin = new CircuitBreaker("payments");
  expect(() => exportToOpenTelemetry([new CircuitBreaker("a"), twin], { meterProvider })).toThrow(
    new RangeError(
      'Cannot export to OpenTelemetry: name must be one that no other breaker here has, received "payments"',
    ),
  );
  expect((await page()).series).toEqual(before);
  expect(twin.bus.has("circuit.open")).toBe(false);
});

const breaker = new CircuitBreaker("payments");
const refused: readonly [why: string, args: readonly unknown[], message: string][] = [
  [
    "no source",
    [],
    "source must be a breaker, an array of breakers or a registry, received undefined",
  ],
  ["a wrong item", [[breaker, {}]], "source[1] must be a breaker, received an object"],
  ["options of the wrong type", [breaker, 5], "options must be an object, received 5"],
  [
    "a wrong meterProvider",
    [breaker, { meterProvider: {} }],
    "meterProvider must be a meter provider, received an object",
  ],
  [
    "null for meterProvider",
    [breaker, { meterProvider: null }],
    "meterProvider must be a meter provider, received null",
  ],
  [
    "nameBudget -1",
    [breaker, { nameBudget: -1 }],
    "nameBudget must be a positive integer, received -1",
  ],
  [
    "callDurations by text",
    [breaker, { callDurations: "on" }],
    'callDurations must be true or false, received "on"',
  ],
];

test.each(refused)("exportToOpenTelemetry() refuses %s", (_why, args, message) => {
  expect(() => Reflect.apply(exportToOpenTelemetry, undefined, args)).toThrow(
    `Cannot export to OpenTelemetry: ${message}`,
  );
});

test("exportToOpenTelemetry() names the option that was meant", () => {
  const options = { meterProvder: undefined } as object;
  expect(() => exportToOpenTelemetry(breaker, options)).toThrow(
    'Cannot export to OpenTelemetry: unknown option "meterProvder", did you mean "meterProvider"?',
  );
});
