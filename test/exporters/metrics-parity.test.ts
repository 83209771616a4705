import { Registry } from "prom-client";
import { expect, test } from "vitest";
import {
  createHistogramProducer,
  exportToOpenTelemetry,
} from "../../src/exporters/opentelemetry.ts";
import { exportToPrometheus } from "../../src/exporters/prometheus.ts";
import { CircuitBreaker, type CircuitBreakerOptions, type EventBus } from "../../src/index.ts";
import { BOOM } from "../support/breaker.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { type Page, parse, startSdk } from "../support/scrape.ts";
import { permitOf } from "../support/states.ts";

const HISTOGRAM = /^circuit_breaker_(?:recovery|call)_duration_seconds/;

/** Which histogram a series belongs to: its metric and its labels without the bucket's. */
const histogramOf = (key: string) => {
  const labels = key.replace(/^[^{]*/, "").replace(/le="[^"]*",?/, "");
  return `${HISTOGRAM.exec(key)?.[0]} ${labels.replace(",}", "}")}`;
};

const sorted = ({ series, families }: Page): Page => ({
  series: new Map([...series].sort()),
  families: new Map([...families].sort()),
});

/** A page without the histograms that have counted nothing: OpenTelemetry cannot show those. */
function withoutEmpty({ series, families }: Page): Page {
  const empty = new Set(
    [...series]
      .filter(([key, value]) => HISTOGRAM.test(key) && key.includes("_count{") && value === 0)
      .map(([key]) => histogramOf(key)),
  );
  const kept = new Map([...series].filter(([key]) => !empty.has(histogramOf(key))).sort());
  const isShown = (family: string) => [...kept.keys()].some((key) => key.startsWith(family));
  return {
    series: kept,
    families: new Map([...families].filter(([name]) => isShown(name)).sort()),
  };
}

/**
 * Both pipelines over the same breakers; `compare` scrapes them and expects the same. Histograms that are pulled exist
 * from the start as Prometheus' do; those that are pushed appear with their first observation.
 */
function twoPipelines(breakers: readonly CircuitBreaker[], options = {}, pulled = false) {
  const registry = new Registry();
  const histograms = createHistogramProducer();
  const sdk = startSdk({ metricProducers: [histograms] });
  const { meterProvider } = sdk;
  const where = pulled ? { meterProvider, histograms } : { meterProvider };
  exportToPrometheus(breakers, registry, options);
  exportToOpenTelemetry(breakers, { ...where, ...options });
  return async function compare(): Promise<Page> {
    const page = parse(await registry.metrics());
    const fromPrometheus = pulled ? sorted(page) : withoutEmpty(page);
    const fromOpenTelemetry = parse(await sdk.text());
    expect(new Map([...fromOpenTelemetry.series].sort())).toEqual(fromPrometheus.series);
    expect(new Map([...fromOpenTelemetry.families].sort())).toEqual(fromPrometheus.families);
    return fromPrometheus;
  };
}

const OPTIONS: CircuitBreakerOptions = {
  failureThreshold: 2,
  latencyTripMs: 1000,
  cooldownMs: 10_000,
  halfOpen: { leaseMs: 5000 },
};

// The clock moves by quarters of a second, which binary fractions hold exactly: the SDK adds up differences.
test.each(["pushed", "pulled"])(
  "a whole life reads the same from prom-client and from OpenTelemetry, histograms %s",
  async (way) => {
    const clock = new FakeClock();
    const breaker = new CircuitBreaker("payments", { clock, ...OPTIONS });
    const idle = new CircuitBreaker('has "quotes"\\', { clock });
    const compare = twoPipelines([breaker, idle], { callDurations: true }, way === "pulled");
    const skip = () => expect(breaker.admit().ok).toBe(false);
    const end = (latencyMs: number) => permitOf({ breaker }).success(latencyMs);
    await compare();

    end(250);
    permitOf({ breaker }).ignore();
    permitOf({ breaker }).cancel();
    permitOf({ breaker }).release();
    permitOf({ breaker }).failure(BOOM, 500);
    await compare();

    const late = permitOf({ breaker });
    permitOf({ breaker }).failure(BOOM, 500);
    for (let n = 0; n < 3; n++) skip();
    clock.advance(2250);
    late.success(2250);
    await compare();

    clock.advance(7750);
    await compare();
    permitOf({ breaker }).failure(BOOM, 750);
    clock.advance(10_000);
    const expired = permitOf({ breaker });
    skip();
    await compare();

    clock.advance(5000);
    await compare();
    end(500);
    expired.failure(BOOM, 5500);
    expect(breaker.state).toBe("closed");
    await compare();

    end(2000);
    end(2000);
    breaker.forceOpen("drill");
    skip();
    clock.advance(1250);
    await compare();
    breaker.reset();
    breaker.forceOpen("drill", { forMs: 1000 });
    breaker.disable();
    end(60_500);
    permitOf({ breaker }).failure(BOOM, 0);
    await compare();
    breaker.forceOpen();
    breaker.disable();
    breaker.enable();

    const { series } = await compare();
    const of = (metric: string, labels = "") =>
      series.get(`circuit_breaker_${metric}{circuit_breaker_name="payments"${labels}}`);
    expect(of("calls_total", ',outcome="late"')).toBe(2);
    expect(of("trips_total", ',reason="latency"')).toBe(1);
    expect(of("probes_total", ',outcome="expired"')).toBe(1);
    expect(of("open_seconds_total")).toBe(21.25);
    expect(of("recovery_duration_seconds_count")).toBe(1);
    expect(of("recovery_duration_seconds_sum")).toBe(25);
    expect(of("call_duration_seconds_sum", ',outcome="latency"')).toBe(64.5);
  },
);

test("both pipelines share __other__ alike and count what sinks lose alike", async () => {
  const clock = new FakeClock();
  const breakers = Array.from(
    { length: 12 },
    (_, n) => new CircuitBreaker(`tenant-${n}`, { clock, failureThreshold: n + 1 }),
  );
  const compare = twoPipelines(breakers, { nameBudget: 3 });
  for (const [n, breaker] of breakers.entries()) {
    breaker.on("circuit.failure", () => {
      if (n % 3 === 0) throw BOOM;
    });
    for (let failures = 0; failures < 5; failures++) breaker.recordFailure(BOOM);
    clock.advance(500);
  }
  const { series } = await compare();
  const others = [...series.keys()].filter((key) => key.includes("__other__"));
  expect(others.length).toBeGreaterThan(40);
  expect(series.get("circuit_breaker_series_overflow_total")).toBe(9);
  // Of each third breaker: five failures, or fewer when it opened before.
  expect(series.get('circuit_breaker_events_dropped_total{sink="listener"}')).toBe(1 + 4 + 5 + 5);
});

test("100 000 calls give the same totals in both pipelines", async () => {
  const clock = new FakeClock();
  const breaker = new CircuitBreaker("payments", { clock, ...OPTIONS });
  const compare = twoPipelines([breaker]);
  let skips = 0;
  for (let n = 0; n < 100_000; n++) {
    clock.advance(n % 7 === 0 ? 250 : 0);
    const permit = breaker.admit();
    if (!permit.ok) skips++;
    else if (n % 11 === 0 || n % 11 === 1) permit.failure(BOOM);
    else permit.success();
    if (n % 25_000 === 0) await compare();
  }
  const { series } = await compare();
  const total = (metric: string) =>
    [...series].reduce((sum, [key, value]) => sum + (key.startsWith(metric) ? value : 0), 0);
  expect(total("circuit_breaker_skips_total")).toBe(skips);
  expect(total("circuit_breaker_calls_total")).toBe(100_000 - skips);
  expect(skips).toBeGreaterThan(10_000);
});

test("a bus of the user's making feeds both pipelines", async () => {
  const listeners: [type: string, listener: (event: never) => void][] = [];
  const matching = (type: string) =>
    listeners.filter(([pattern]) => pattern === type || type.startsWith(pattern.slice(0, -1)));
  const bus: EventBus = {
    emit(event) {
      for (const [, listener] of matching(event.type)) listener(event as never);
    },
    on(type, listener) {
      const entry: (typeof listeners)[number] = [type, listener];
      listeners.push(entry);
      return () => listeners.splice(listeners.indexOf(entry), 1);
    },
    has: (type) => matching(type).length > 0,
  };
  const clock = new FakeClock();
  const breakers = ["payments", "search"].map(
    (name) => new CircuitBreaker(name, { clock, bus, ...OPTIONS }),
  );
  const compare = twoPipelines(breakers);
  const [payments] = breakers;
  bus.on("circuit.skip", () => {
    throw BOOM;
  });
  payments?.recordFailure(BOOM);
  payments?.recordFailure(BOOM);
  payments?.admit();
  clock.advance(10_000);
  payments?.recordSuccess(250);
  const { series } = await compare();
  // The guard around a foreign bus reports the bus: which of its listeners threw is not known.
  expect(series.get('circuit_breaker_events_dropped_total{sink="bus"}')).toBe(1);
  const count = (name: string) =>
    series.get(`circuit_breaker_recovery_duration_seconds_count{circuit_breaker_name="${name}"}`);
  expect([count("payments"), count("search")]).toEqual([1, undefined]);
});
