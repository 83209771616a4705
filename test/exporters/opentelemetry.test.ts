import { createNoopMeter, metrics } from "@opentelemetry/api";
import { AggregationTemporality, MeterProvider, MetricReader } from "@opentelemetry/sdk-metrics";
import { expect, test, vi } from "vitest";
import { exportToOpenTelemetry } from "../../src/exporters/opentelemetry.ts";
import { type BreakerView, CircuitBreaker } from "../../src/index.ts";
import { BOOM, fail, failTimes, succeed } from "../support/breaker.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { packageVersion, parse, startSdk, valuesOf } from "../support/scrape.ts";
import { permitOf } from "../support/states.ts";

const OPTIONS = { failureThreshold: 2, cooldownMs: 10_000 };

/** A breaker under a fake clock in an SDK of its own. */
function collected(options: { readonly callDurations?: boolean } = {}) {
  const clock = new FakeClock();
  const breaker = new CircuitBreaker("payments", { clock, ...OPTIONS });
  const sdk = startSdk();
  const { meterProvider } = sdk;
  const meter = meterProvider.getMeter("telltale", packageVersion());
  const added = vi.spyOn(meter, "addBatchObservableCallback");
  const removed = vi.spyOn(meter, "removeBatchObservableCallback");
  const detach = exportToOpenTelemetry(breaker, { meterProvider, ...options });
  const page = async () => parse(await sdk.text());
  const values = async (metric: string) => valuesOf(await page(), `circuit_breaker_${metric}`);
  return { ...sdk, clock, breaker, detach, page, values, added, removed };
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
    ({ descriptor: { name, type, unit } }) => `${name} ${type} ${unit}`,
  );
  expect(instruments?.sort()).toEqual(
    [
      "circuit_breaker.calls OBSERVABLE_COUNTER {call}",
      "circuit_breaker.skips OBSERVABLE_COUNTER {call}",
      "circuit_breaker.trips OBSERVABLE_COUNTER {trip}",
      "circuit_breaker.transitions OBSERVABLE_COUNTER {transition}",
      "circuit_breaker.probes OBSERVABLE_COUNTER {call}",
      "circuit_breaker.open_seconds OBSERVABLE_COUNTER s",
      "circuit_breaker.state OBSERVABLE_GAUGE ",
      "circuit_breaker.trip_progress_ratio OBSERVABLE_GAUGE 1",
      "circuit_breaker.traffic_share_ratio OBSERVABLE_GAUGE 1",
      "circuit_breaker.consecutive_failures OBSERVABLE_GAUGE {call}",
      "circuit_breaker.failure_threshold OBSERVABLE_GAUGE {call}",
      "circuit_breaker.probes_in_flight OBSERVABLE_GAUGE {call}",
      "circuit_breaker.opened_timestamp_seconds OBSERVABLE_GAUGE s",
      "circuit_breaker.recovery_duration_seconds HISTOGRAM s",
      "circuit_breaker.call_duration_seconds HISTOGRAM s",
      "circuit_breaker.events_dropped OBSERVABLE_COUNTER {event}",
      "circuit_breaker.series_overflow OBSERVABLE_COUNTER {series}",
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
    events_dropped: 5,
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
  let broken = false;
  const view: BreakerView = {
    ...{ name: "broken", state: "closed", trafficShare: 1, tripProgress: 0, failureThreshold: 3 },
    ...{ probesInFlight: 0, openedAtMs: null, bus: breaker.bus },
    on: (type, listener, options) => breaker.on(type, listener, options),
    get stats() {
      if (broken) throw BOOM;
      return breaker.stats;
    },
  };
  exportToOpenTelemetry(view, { meterProvider });
  expect(await values("failure_threshold")).toEqual({ payments: 2, broken: 3 });
  broken = true;
  expect(await values("failure_threshold")).toEqual({ payments: 2, broken: 0 });
  broken = false;
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

test("after the detach the gauges are set to 0 once, the counters stay, and the callback is removed", async () => {
  const { breaker, detach, page, removed, clock } = collected();
  await failTimes(breaker, 2);
  clock.advance(2000);
  await page();
  detach();
  for (const type of ["circuit.open", "circuit.close", "bus.listener_failed"] as const) {
    expect(breaker.bus.has(type), type).toBe(false);
  }
  expect(removed).not.toHaveBeenCalled();
  clock.advance(2000);
  const read = await page();
  for (const gauge of [
    "state",
    "failure_threshold",
    "trip_progress_ratio",
    "consecutive_failures",
  ]) {
    const values = Object.values(valuesOf(read, `circuit_breaker_${gauge}`));
    expect(values.length, gauge).toBeGreaterThan(0);
    expect(new Set(values), gauge).toEqual(new Set([0]));
  }
  expect(valuesOf(read, "circuit_breaker_opened_timestamp_seconds")).toEqual({ payments: 0 });
  expect(valuesOf(read, "circuit_breaker_open_seconds_total")).toEqual({ payments: 2 });
  expect(valuesOf(read, "circuit_breaker_trips_total")).toMatchObject({ "payments error": 1 });
  expect(removed).toHaveBeenCalledTimes(1);
  expect((await page()).series).toEqual(read.series);
});

test("a breaker that was never collected leaves at once", () => {
  const { detach, removed } = collected();
  detach();
  expect(removed).toHaveBeenCalledTimes(1);
  detach();
  expect(removed).toHaveBeenCalledTimes(1);
});

test("the callback of another user runs in the collection in which ours is removed", async () => {
  const { detach, page, meterProvider, values } = collected();
  const gauge = meterProvider.getMeter("telltale", packageVersion()).createObservableGauge("mine");
  let asked = 0;
  meterProvider.getMeter("telltale", packageVersion()).addBatchObservableCallback(
    (result) => {
      asked++;
      result.observe(gauge, asked);
    },
    [gauge],
  );
  await page();
  detach();
  await page();
  await values("state");
  expect(asked).toBe(3);
});

test("the detach of one breaker leaves the others", async () => {
  const { detach, meterProvider, values, removed } = collected();
  exportToOpenTelemetry(new CircuitBreaker("search"), { meterProvider });
  await values("state");
  detach();
  expect(await values("failure_threshold")).toEqual({ payments: 0, search: 5 });
  expect(removed).not.toHaveBeenCalled();
});

test("exportToOpenTelemetry() after a detach goes on where the breaker is, and counts nothing twice", async () => {
  const { clock, breaker, detach, values, meterProvider, added, removed } = collected();
  const incident = async () => {
    await failTimes(breaker, 2);
    clock.advance(10_000);
    await breaker.call(succeed);
  };
  await incident();
  await values("state");
  detach();
  await incident();
  const again = exportToOpenTelemetry(breaker, { meterProvider });
  await incident();
  expect(await values("trips_total")).toMatchObject({ "payments error": 3 });
  expect(await values("state")).toMatchObject({ "payments closed": 1 });
  expect(await values("open_seconds_total")).toEqual({ payments: 30 });
  expect(await values("recovery_duration_seconds_count")).toEqual({ payments: 2 });
  // It was attached again before the collection that would have removed the callback.
  expect([added.mock.calls.length, removed.mock.calls.length]).toEqual([1, 0]);
  again();
  await values("state");
  exportToOpenTelemetry(breaker, { meterProvider });
  expect([added.mock.calls.length, removed.mock.calls.length]).toEqual([2, 1]);
  expect(await values("state")).toMatchObject({ "payments closed": 1 });
});

test("a new breaker of a detached name takes its series over", async () => {
  const { breaker, detach, values, meterProvider } = collected();
  await breaker.execute(fail);
  expect(await values("calls_total")).toMatchObject({ "payments error": 1 });
  detach();
  const next = new CircuitBreaker("payments");
  exportToOpenTelemetry(next, { meterProvider });
  expect(await values("failure_threshold")).toEqual({ payments: 5 });
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
  ["no source", [], "source must be a breaker or an array of breakers, received undefined"],
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
