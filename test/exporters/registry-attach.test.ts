import { Registry } from "prom-client";
import { expect, test, vi } from "vitest";
import { exportToOpenTelemetry } from "../../src/exporters/opentelemetry.ts";
import { exportToPrometheus } from "../../src/exporters/prometheus.ts";
import { BreakerRegistry, CircuitBreaker, createEventBus } from "../../src/index.ts";
import { BOOM, failTimes, succeed } from "../support/breaker.ts";
import { watchRegistry } from "../support/registry.ts";
import { countListeners, exported, LISTENED, pipelines } from "../support/registry-metrics.ts";
import { parse, valuesOf } from "../support/scrape.ts";

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

test("Prometheus: registry.clear() lets a breaker registry go", async () => {
  const { registry } = watchRegistry();
  registry.get("a");
  const target = new Registry();
  const counts = countListeners(registry);
  const detach = exportToPrometheus(registry, target);
  target.clear();
  exportToPrometheus(new CircuitBreaker("b"), target);
  registry.get("c");
  expect(counts.get("circuit.open")).toBe(0);
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

test.each(pipelines)(
  "$pipeline: the budget of names cannot change while a registry is attached, also one without breakers",
  ({ start }) => {
    const { registry } = watchRegistry();
    const { attach } = start();
    const detach = attach(registry, { nameBudget: 10 });
    expect(() => attach(registry, { nameBudget: 20 })).toThrow("nameBudget must be 10");
    detach();
    attach(registry, { nameBudget: 20 });
  },
);

test("without an OpenTelemetry SDK a registry is left alone", () => {
  const { registry } = watchRegistry();
  const follow = vi.spyOn(registry, "follow");
  exportToOpenTelemetry(registry)();
  expect(follow).not.toHaveBeenCalled();
});

test.each(pipelines)(
  "$pipeline: nothing is left behind when the bus of a registry refuses a listener",
  async ({ start }) => {
    for (let refused = 0; refused < LISTENED.length; refused++) {
      const inner = createEventBus();
      let asked = 0;
      let active = 0;
      const registry = new BreakerRegistry({
        bus: {
          emit: (event) => inner.emit(event),
          has: (type) => inner.has(type),
          on(type, listener, options) {
            if (asked++ === refused) throw BOOM;
            active++;
            const off = inner.on(type, listener, options);
            return () => {
              active--;
              off();
            };
          },
        },
      });
      registry.get("a");
      const { attach, page } = start();
      expect(() => attach(registry, { callDurations: true })).toThrow(BOOM);
      expect(active).toBe(0);
      registry.get("b");
      expect(Object.keys(valuesOf(await page(), "circuit_breaker_failure_threshold"))).toEqual([]);
      attach(registry, { callDurations: true });
      expect(active).toBe(LISTENED.length);
      expect(Object.keys(valuesOf(await page(), "circuit_breaker_failure_threshold"))).toEqual([
        "a",
        "b",
      ]);
    }
  },
);
