import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { exportToPrometheus } from "../../src/exporters/prometheus.ts";
import { BOOM, failTimes, succeed } from "../support/breaker.ts";
import { watchRegistry } from "../support/registry.ts";
import { exported, PIPELINES, pipelines } from "../support/registry-metrics.ts";
import { parse, valuesOf } from "../support/scrape.ts";

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
    attach(registry, { callDurations: true });
    await breaker.execute(succeed);
    expect(await counts()).toBe(3);
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

test("Prometheus: what comes and what goes shows in a scrape of the same turn", async () => {
  const { registry } = watchRegistry();
  registry.get("a");
  registry.get("b");
  const target = new Registry();
  exportToPrometheus(registry, target);
  const names = async (text: Promise<string>) =>
    Object.keys(valuesOf(parse(await text), "circuit_breaker_failure_threshold"));
  const before = target.metrics();
  registry.delete("a");
  const between = target.metrics();
  registry.get("c");
  const after = target.metrics();
  expect(await names(before)).toEqual(["a", "b"]);
  expect(await names(between)).toEqual(["b"]);
  expect(await names(after)).toEqual(["b", "c"]);
});

function never(): never {
  throw new Error("No such pipeline");
}
