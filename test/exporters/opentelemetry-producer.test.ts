import {
  DataPointType,
  MeterProvider,
  type MetricProducer,
  MetricReader,
} from "@opentelemetry/sdk-metrics";
import { expect, test, vi } from "vitest";
import {
  createHistogramProducer,
  exportToOpenTelemetry,
  type HistogramProducer,
} from "../../src/exporters/opentelemetry.ts";
import { CircuitBreaker } from "../../src/index.ts";
import { BOOM, fail, failTimes, succeed } from "../support/breaker.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { packageVersion, parse, startSdk, valuesOf } from "../support/scrape.ts";
import { TWO_AND_TEN } from "../support/scraped.ts";
import { permitOf } from "../support/states.ts";

/** A breaker whose histograms a reader of a real SDK pulls. */
function pulled(options: object = { callDurations: true }) {
  const histograms = createHistogramProducer();
  const sdk = startSdk({ metricProducers: [histograms] });
  const clock = new FakeClock();
  const breaker = new CircuitBreaker("payments", { clock, ...TWO_AND_TEN });
  const { meterProvider } = sdk;
  const detach = exportToOpenTelemetry(breaker, { meterProvider, histograms, ...options });
  const values = async (metric: string) =>
    valuesOf(parse(await sdk.text()), `circuit_breaker_${metric}`);
  return { ...sdk, histograms, clock, breaker, detach, values };
}

const ZEROS = { "payments success": 0, "payments error": 0, "payments latency": 0 };

test("createHistogramProducer() fits the option metricProducers of a reader", () => {
  const producer: MetricProducer = createHistogramProducer();
  class Reader extends MetricReader {
    protected override async onShutdown(): Promise<void> {}
    protected override async onForceFlush(): Promise<void> {}
  }
  expect(() => new Reader({ metricProducers: [producer] })).not.toThrow();
});

// Trap 29: the series do not exist until the first trip.
test("trap 29: pulled histograms exist from the first collection, at zero", async () => {
  const { values } = pulled();
  expect(await values("recovery_duration_seconds_count")).toEqual({ payments: 0 });
  expect(await values("recovery_duration_seconds_sum")).toEqual({ payments: 0 });
  expect(await values("call_duration_seconds_count")).toEqual(ZEROS);
  const buckets = await values("call_duration_seconds_bucket");
  expect(Object.keys(buckets)).toHaveLength(3 * 16);
  expect(new Set(Object.values(buckets))).toEqual(new Set([0]));
});

test("histograms: recoveries and the lengths of calls are counted in our own buckets", async () => {
  const { breaker, clock, values } = pulled();
  permitOf({ breaker }).success(250);
  permitOf({ breaker }).success(750);
  await failTimes(breaker, 2);
  clock.advance(10_000);
  await breaker.call(succeed);
  expect(await values("call_duration_seconds_count")).toEqual({
    "payments success": 3,
    "payments error": 2,
    "payments latency": 0,
  });
  expect(await values("call_duration_seconds_sum")).toMatchObject({ "payments success": 1 });
  expect(await values("call_duration_seconds_bucket")).toMatchObject({
    "payments 0.001 success": 1,
    "payments 0.25 success": 2,
    "payments 1 success": 3,
    "payments +Inf error": 2,
  });
  expect(await values("recovery_duration_seconds_sum")).toEqual({ payments: 10 });
  expect(await values("recovery_duration_seconds_bucket")).toMatchObject({
    "payments 5": 0,
    "payments 10": 1,
  });
});

test("histograms: nothing is pushed, and no event is made of a call", async () => {
  const { breaker, meterProvider, values } = pulled();
  const pushed = vi.spyOn(meterProvider.getMeter("telltale", packageVersion()), "createHistogram");
  await breaker.call(succeed);
  expect(breaker.bus.has("circuit.success")).toBe(false);
  expect(await values("call_duration_seconds_count")).toMatchObject({ "payments success": 1 });
  expect(pushed).not.toHaveBeenCalled();
});

test("histograms: without callDurations calls are not timed, and recoveries are there", async () => {
  const { breaker, values } = pulled({});
  await breaker.call(succeed);
  expect(await values("call_duration_seconds_count")).toEqual({});
  expect(await values("recovery_duration_seconds_count")).toEqual({ payments: 0 });
});

test("collect() gives what the data model of metrics asks for", async () => {
  const { breaker, histograms } = pulled();
  permitOf({ breaker }).failure(BOOM, 4);
  const before = Date.now();
  const { resourceMetrics, errors } = await histograms.collect();
  expect(errors).toEqual([]);
  const [scope] = resourceMetrics.scopeMetrics;
  expect(scope?.scope).toEqual({ name: "telltale", version: packageVersion() });
  const durations = scope?.metrics.find(
    ({ descriptor }) => descriptor.name === "circuit_breaker.call_duration_seconds",
  );
  expect(durations).toMatchObject({
    descriptor: { unit: "s", valueType: 1 },
    dataPointType: DataPointType.HISTOGRAM,
    aggregationTemporality: 1,
  });
  const failed = durations?.dataPoints.find(({ attributes }) => attributes["outcome"] === "error");
  expect(failed?.attributes).toEqual({ "circuit_breaker.name": "payments", outcome: "error" });
  expect(failed?.value).toMatchObject({ count: 1, sum: 0.004 });
  expect(failed?.value.buckets.counts).toHaveLength(16);
  expect(failed?.value.buckets.boundaries).toHaveLength(15);
  const [start = 0] = failed?.startTime ?? [];
  const [end = 0, nanoseconds = -1] = failed?.endTime ?? [];
  expect(start).toBeLessThanOrEqual(end);
  expect(end * 1000 + nanoseconds / 1e6).toBeGreaterThanOrEqual(before - 1);
  expect(nanoseconds).toBeGreaterThanOrEqual(0);
  expect(nanoseconds).toBeLessThan(1e9);
});

test("what was collected does not change when the breaker goes on", async () => {
  const { breaker, histograms } = pulled();
  const collected = await histograms.collect();
  const written = JSON.stringify(collected);
  await breaker.call(succeed);
  expect(JSON.stringify(collected)).toBe(written);
});

test("histograms: breakers beyond the budget share one series each", async () => {
  const histograms = createHistogramProducer();
  const sdk = startSdk({ metricProducers: [histograms] });
  const { meterProvider } = sdk;
  const breakers = ["a", "b", "c"].map((name) => new CircuitBreaker(name));
  const options = { meterProvider, histograms, callDurations: true, nameBudget: 1 };
  exportToOpenTelemetry(breakers, options);
  for (const breaker of breakers) permitOf({ breaker }).success(250);
  const page = parse(await sdk.text());
  expect(valuesOf(page, "circuit_breaker_call_duration_seconds_count")).toMatchObject({
    "a success": 1,
    "__other__ success": 2,
  });
});

test("histograms: a detached breaker is no longer collected, and comes back with what it had", async () => {
  const { breaker, meterProvider, histograms, detach, values } = pulled();
  permitOf({ breaker }).success(250);
  detach();
  permitOf({ breaker }).success(250);
  expect(await values("call_duration_seconds_count")).toEqual({});
  expect((await histograms.collect()).resourceMetrics.scopeMetrics).toEqual([]);
  exportToOpenTelemetry(breaker, { meterProvider, callDurations: true });
  permitOf({ breaker }).success(250);
  expect(await values("call_duration_seconds_count")).toMatchObject({ "payments success": 2 });
});

test("histograms: one producer for a meter while breakers are attached", () => {
  const { meterProvider, histograms, detach } = pulled();
  const other = new CircuitBreaker("other");
  const attach = (given: HistogramProducer) =>
    exportToOpenTelemetry(other, { meterProvider, histograms: given });
  attach(histograms)();
  expect(() => attach(createHistogramProducer())).toThrow(
    new RangeError(
      "Cannot export to OpenTelemetry: histograms must be that of the breakers attached before, received an object",
    ),
  );
  expect(other.bus.has("circuit.open")).toBe(false);
  detach();
  attach(createHistogramProducer());
});

test("histograms: the meters of two providers may share a producer", async () => {
  const histograms = createHistogramProducer();
  const sdk = startSdk({ metricProducers: [histograms] });
  const other = new MeterProvider();
  exportToOpenTelemetry(new CircuitBreaker("a"), { meterProvider: sdk.meterProvider, histograms });
  exportToOpenTelemetry(new CircuitBreaker("b"), { meterProvider: other, histograms });
  const page = parse(await sdk.text());
  expect(valuesOf(page, "circuit_breaker_recovery_duration_seconds_count")).toEqual({ a: 0, b: 0 });
});

test("a producer of no breakers collects nothing", async () => {
  const { resourceMetrics, errors } = await createHistogramProducer().collect();
  expect([resourceMetrics.scopeMetrics, errors]).toEqual([[], []]);
  const { resource } = resourceMetrics;
  expect(resource.merge(null)).toBe(resource);
  expect(resource.merge("of the provider")).toBe("of the provider");
  expect(resource.getRawAttributes()).toEqual([]);
});

test("callDurations: a push that throws harms no call, and is counted", async () => {
  const sdk = startSdk();
  const meter = sdk.meterProvider.getMeter("any");
  const breaker = new CircuitBreaker("payments");
  const failed: unknown[] = [];
  breaker.bus.on("bus.listener_failed", (event) => void failed.push(event));
  const createHistogram = () => ({
    record: () => {
      throw BOOM;
    },
  });
  exportToOpenTelemetry(breaker, {
    meterProvider: { getMeter: () => Object.assign(Object.create(meter), { createHistogram }) },
    callDurations: true,
  });
  expect(await breaker.call(succeed)).toBe("value");
  expect(await breaker.execute(fail)).toMatchObject({ outcome: "error" });
  expect(failed).toMatchObject([
    { sink: "opentelemetry", failedType: "circuit.success" },
    { sink: "opentelemetry", failedType: "circuit.failure" },
  ]);
});
