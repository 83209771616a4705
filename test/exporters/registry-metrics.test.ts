import { Registry } from "prom-client";
import { expect, test, vi } from "vitest";
import { exportToOpenTelemetry } from "../../src/exporters/opentelemetry.ts";
import { exportToPrometheus, type MetricOptions } from "../../src/exporters/prometheus.ts";
import {
  type BreakerRegistry,
  type BreakerRegistryOptions,
  CircuitBreaker,
  type EventPattern,
} from "../../src/index.ts";
import { BOOM, failTimes, succeed } from "../support/breaker.ts";
import { type WatchedRegistry, watchRegistry } from "../support/registry.ts";
import { type Page, parse, startSdk, valuesOf } from "../support/scrape.ts";

// What both pipelines must do with the breakers of a registry; where they differ, `after` says how.
interface Pipeline {
  attach(
    source: BreakerRegistry | CircuitBreaker | CircuitBreaker[],
    options?: MetricOptions,
  ): () => void;
  page(): Promise<Page>;
}
const PIPELINES: Record<string, () => Pipeline> = {
  Prometheus() {
    const registry = new Registry();
    return {
      attach: (source, options) => exportToPrometheus(source, registry, options),
      page: async () => parse(await registry.metrics()),
    };
  },
  OpenTelemetry() {
    const { meterProvider, text } = startSdk();
    return {
      attach: (source, options) => exportToOpenTelemetry(source, { meterProvider, ...options }),
      page: async () => parse(await text()),
    };
  },
};
const pipelines = Object.entries(PIPELINES).map(([pipeline, start]) => ({ pipeline, start }));
const LISTENED = ["circuit.open", "circuit.close", "circuit.success", "circuit.failure"] as const;

interface Exported extends WatchedRegistry, Pipeline {
  /** Values of a metric by labels. */
  values(metric: string): Promise<Record<string, number>>;
  /** The breakers that have a threshold above 0: those that are shown. */
  shown(): Promise<string[]>;
  detach(): void;
}

function exported(
  start: () => Pipeline,
  options: BreakerRegistryOptions = {},
  metricOptions: MetricOptions = {},
): Exported {
  const watched = watchRegistry(options);
  const pipeline = start();
  const values = async (metric: string) =>
    valuesOf(await pipeline.page(), `circuit_breaker_${metric}`);
  const detach = pipeline.attach(watched.registry, metricOptions);
  const shown = async () =>
    Object.entries(await values("failure_threshold"))
      .filter(([, value]) => value > 0)
      .map(([name]) => name)
      .sort();
  return { ...watched, ...pipeline, values, shown, detach };
}

test.each(pipelines)(
  "$pipeline: the breakers of a registry are shown, and those that come later with zeros from the first scrape on",
  async ({ start }) => {
    const { registry, values, shown } = exported(start);
    expect(await shown()).toEqual([]);
    registry.get("early");
    expect(await shown()).toEqual(["early"]);
    registry.get("later");
    expect(await values("calls_total")).toMatchObject({ "later success": 0, "later latency": 0 });
    expect(await values("state")).toMatchObject({ "later closed": 1, "later half_open": 0 });
    await registry.get("later").call(succeed);
    expect(await values("calls_total")).toMatchObject({ "later success": 1, "early success": 0 });
  },
);

test.each(pipelines)(
  "$pipeline: breakers that were there before are shown, too",
  async ({ start }) => {
    const { registry } = watchRegistry();
    await registry.get("a").call(succeed);
    const { attach, page } = start();
    attach(registry);
    expect(valuesOf(await page(), "circuit_breaker_calls_total")).toMatchObject({ "a success": 1 });
  },
);

test("Prometheus: the series of a removed breaker are gone", async () => {
  const { registry, page, detach } = exported(PIPELINES["Prometheus"] ?? never);
  await failTimes(registry.get("gone"), 2);
  registry.get("stays");
  const series = async () =>
    [...(await page()).series.keys()].filter((key) => key.includes('"gone"'));
  expect((await series()).length).toBeGreaterThan(40);
  registry.delete("gone");
  expect(await series()).toEqual([]);
  expect([...(await page()).series.keys()].some((key) => key.includes('"stays"'))).toBe(true);
  detach();
  expect((await page()).series.size).toBe(0);
});

test("OpenTelemetry: the gauges of a removed breaker are 0, its counters stay as they are", async () => {
  const { registry, values, clock, page } = exported(PIPELINES["OpenTelemetry"] ?? never);
  await failTimes(registry.get("gone"), 2);
  clock.advance(2_000);
  await page();
  registry.delete("gone");
  clock.advance(2_000);
  for (const gauge of ["state", "failure_threshold", "trip_progress_ratio"]) {
    expect(new Set(Object.values(await values(gauge))), gauge).toEqual(new Set([0]));
  }
  expect(await values("trips_total")).toMatchObject({ "gone error": 1 });
  expect(await values("open_seconds_total")).toEqual({ gone: 2 });
});

test.each(pipelines)(
  "$pipeline: a breaker that made room is shown no longer, and a new one of its name takes its series",
  async ({ start }) => {
    const { registry, shown, values } = exported(start, { limit: 2 });
    await registry.get("a").call(succeed);
    registry.get("b");
    registry.get("c");
    expect(await shown()).toEqual(["b", "c"]);
    await registry.get("a").call(succeed);
    expect(await shown()).toEqual(["a", "c"]);
    expect(await values("calls_total")).toMatchObject({ "a success": 1 });
  },
);

test.each(pipelines)(
  "$pipeline: the detach lets the registry and its bus go",
  async ({ start }) => {
    const { registry, detach, shown } = exported(start, {}, { callDurations: true });
    registry.get("a");
    // The test listens to everything, so that it is the number of listeners that tells.
    const on = vi.spyOn(registry.bus, "on");
    await shown();
    detach();
    detach();
    registry.get("b");
    expect(on).not.toHaveBeenCalled();
    expect(await shown()).toEqual([]);
  },
);

/** Counts the listeners that are subscribed to a bus, by type. */
function countListeners(registry: BreakerRegistry): Map<EventPattern, number> {
  const counts = new Map<EventPattern, number>();
  const on = registry.bus.on.bind(registry.bus);
  vi.spyOn(registry.bus, "on").mockImplementation((type, listener, options) => {
    counts.set(type, (counts.get(type) ?? 0) + 1);
    const off = on(type, listener, options);
    let active = true;
    return () => {
      if (active) counts.set(type, (counts.get(type) ?? 0) - 1);
      active = false;
      off();
    };
  });
  return counts;
}

test.each(pipelines)(
  "$pipeline: one listener of each kind serves all breakers, and none is left after the detach",
  ({ start }) => {
    const { registry } = watchRegistry();
    const counts = countListeners(registry);
    const { attach } = start();
    const detach = attach(registry, { callDurations: true });
    for (let n = 0; n < 100; n++) registry.get(`n${n}`);
    for (const type of LISTENED) expect(counts.get(type), type).toBe(1);
    for (let n = 0; n < 50; n++) registry.delete(`n${n}`);
    detach();
    expect([...counts.values()].every((count) => count === 0)).toBe(true);
  },
);

test.each(pipelines)(
  "$pipeline: recoveries and call durations of every breaker are observed once",
  async ({ start }) => {
    const { registry, clock, values } = exported(start, {}, { callDurations: true });
    for (const name of ["a", "b"]) {
      const breaker = registry.get(name);
      await failTimes(breaker, 2);
      clock.advance(1_000);
      await breaker.call(succeed);
    }
    expect(await values("recovery_duration_seconds_count")).toEqual({ a: 1, b: 1 });
    expect(await values("recovery_duration_seconds_sum")).toEqual({ a: 1, b: 1 });
    expect(await values("call_duration_seconds_count")).toMatchObject({
      "a error": 2,
      "a success": 1,
      "b error": 2,
      "b success": 1,
    });
  },
);

test.each(pipelines)(
  "$pipeline: an incident that was under way when the registry was attached counts when it ends",
  async ({ start }) => {
    const { registry, clock } = watchRegistry();
    await failTimes(registry.get("a"), 2);
    const { attach, page } = start();
    attach(registry);
    clock.advance(1_000);
    await registry.get("a").call(succeed);
    const counts = valuesOf(await page(), "circuit_breaker_recovery_duration_seconds_count");
    expect(counts).toEqual({ a: 1 });
  },
);

test.each(pipelines)(
  "$pipeline: calls are timed only when asked for, from the first attachment that asks until the registry goes",
  async ({ start }) => {
    const { registry, attach, values } = exported(start);
    const breaker = registry.get("a");
    const counts = async () => (await values("call_duration_seconds_count"))["a success"] ?? 0;
    await breaker.execute(succeed);
    expect(await counts()).toBe(0);
    const again = attach(registry, { callDurations: true });
    await breaker.execute(succeed);
    expect(await counts()).toBe(1);
    again();
    await breaker.execute(succeed);
    expect(await counts()).toBe(2);
  },
);

test.each(pipelines)(
  "$pipeline: a registry and one of its breakers attached together count nothing twice, whichever goes first",
  async ({ start }) => {
    for (const first of ["registry", "breaker"] as const) {
      const { registry, clock } = watchRegistry();
      const { attach, page } = start();
      const breaker = registry.get(`via ${first}`);
      const options = { callDurations: true };
      const detaches = { registry: attach(registry, options), breaker: attach(breaker, options) };
      const incident = async () => {
        await failTimes(breaker, 2);
        clock.advance(1_000);
        await breaker.execute(succeed);
      };
      const seen = async () => {
        const read = await page();
        const [recoveries, calls] = ["recovery", "call"].map((metric) =>
          valuesOf(read, `circuit_breaker_${metric}_duration_seconds_count`),
        );
        return [recoveries?.[breaker.name], calls?.[`${breaker.name} error`]];
      };
      await incident();
      expect(await seen()).toEqual([1, 2]);
      detaches[first]();
      await incident();
      expect(await seen()).toEqual([2, 4]);
      Object.values(detaches).forEach((detach) => {
        detach();
      });
      expect(registry.bus.has("bus.listener_failed")).toBe(true);
    }
  },
);

test.each(pipelines)(
  "$pipeline: a breaker that was removed stays shown for who attached it itself",
  async ({ start }) => {
    const { registry, attach, shown, values } = exported(start);
    const breaker = registry.get("a");
    const detach = attach(breaker);
    registry.delete("a");
    breaker.recordSuccess();
    expect(await values("calls_total")).toMatchObject({ "a success": 1 });
    detach();
    expect(await shown()).toEqual([]);
  },
);

test.each(pipelines)(
  "$pipeline: a breaker of a name that is shown already is left out, reported, and fails no get()",
  async ({ start }) => {
    const { registry, of } = watchRegistry();
    const { attach, page } = start();
    const standalone = new CircuitBreaker("a", { failureThreshold: 7 });
    attach(standalone);
    attach(registry);
    const twin = registry.get("a");
    registry.get("b");
    const shown = async () => valuesOf(await page(), "circuit_breaker_failure_threshold");
    expect(await shown()).toEqual({ a: 7, b: 2 });
    expect(
      of("bus.listener_failed").map(({ failedType, error }) => [failedType, error.name]),
    ).toEqual([["registry.added", "RangeError"]]);
    expect(of("bus.listener_failed")[0]?.error.message).toContain(
      'name must be one that no other breaker here has, received "a"',
    );
    twin.forceOpen();
    registry.delete("a");
    expect(await shown()).toEqual({ a: 7, b: 2 });
  },
);

test.each(pipelines)(
  "$pipeline: a registry with a name that is shown already is refused, and nothing has changed",
  async ({ start }) => {
    const { registry } = watchRegistry();
    const { attach, page } = start();
    attach(new CircuitBreaker("b"));
    for (const name of ["a", "b"]) registry.get(name);
    const counts = countListeners(registry);
    expect(() => attach(registry)).toThrow(
      'name must be one that no other breaker here has, received "b"',
    );
    expect([...counts.values()].every((count) => count === 0)).toBe(true);
    registry.get("c");
    const read = await page();
    expect(valuesOf(read, "circuit_breaker_failure_threshold")).toEqual({ b: 5 });
  },
);

test.each(pipelines)(
  "$pipeline: a live reconfiguration shows at the next scrape",
  async ({ start }) => {
    const { registry, values } = exported(start);
    registry.get("a");
    registry.reconfigure({ failureThreshold: 9 });
    expect(await values("failure_threshold")).toEqual({ a: 9 });
  },
);

test.each(pipelines)(
  "$pipeline: failures of listeners on the registry's bus are counted once",
  async ({ start }) => {
    const { registry, values } = exported(start);
    for (const name of ["a", "b"]) registry.get(name);
    registry.on("circuit.failure", () => {
      throw BOOM;
    });
    registry.get("a").recordFailure(BOOM);
    expect(await values("events_dropped_total")).toMatchObject({ listener: 1 });
  },
);

test("Prometheus: a removal shows in a scrape of the same turn", async () => {
  const { registry } = watchRegistry();
  registry.get("a");
  registry.get("b");
  const target = new Registry();
  exportToPrometheus(registry, target);
  const names = async (text: Promise<string>) =>
    Object.keys(valuesOf(parse(await text), "circuit_breaker_failure_threshold"));
  const before = target.metrics();
  registry.delete("a");
  const after = target.metrics();
  expect(await names(before)).toEqual(["a", "b"]);
  expect(await names(after)).toEqual(["b"]);
});

test("Prometheus: registry.clear() lets a breaker registry go", async () => {
  const { registry } = watchRegistry();
  registry.get("a");
  const target = new Registry();
  const detach = exportToPrometheus(registry, target);
  const counts = countListeners(registry);
  target.clear();
  exportToPrometheus(new CircuitBreaker("b"), target);
  registry.get("c");
  detach();
  const page = parse(await target.metrics());
  expect(valuesOf(page, "circuit_breaker_failure_threshold")).toEqual({ b: 5 });
  exportToPrometheus(registry, target);
  expect(counts.get("circuit.open")).toBe(1);
});

test("Prometheus: the metrics are there with a registry that has no breaker yet, and go with it", async () => {
  const { registry } = watchRegistry();
  const target = new Registry();
  const detach = exportToPrometheus(registry, target);
  expect(await target.metrics()).toContain("# TYPE circuit_breaker_calls_total counter");
  detach();
  expect(target.getMetricsAsArray()).toEqual([]);
});

test("without an OpenTelemetry SDK a registry is left alone", () => {
  const { registry } = watchRegistry();
  const follow = vi.spyOn(registry, "follow");
  exportToOpenTelemetry(registry)();
  expect(follow).not.toHaveBeenCalled();
});

function never(): never {
  throw new Error("No such pipeline");
}
