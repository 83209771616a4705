import { expect, test, vi } from "vitest";
import { BreakerRegistry, createEventBus } from "../../src/index.ts";
import { succeed } from "../support/breaker.ts";
import { watchRegistry } from "../support/registry.ts";
import { wrong } from "../support/wrong-values.ts";

test("all breakers speak on one bus, with the registry's instance", async () => {
  const { registry, of } = watchRegistry({ instance: "api-7" });
  await registry.get("a").call(succeed);
  await registry.get("b").call(succeed);
  expect(registry.bus.instance).toBe("api-7");
  expect(registry.get("a").bus).toBe(registry.bus);
  expect(of("circuit.success").map(({ breaker, instance }) => [breaker, instance])).toEqual([
    ["a", "api-7"],
    ["b", "api-7"],
  ]);
  expect(of("registry.added").map(({ instance }) => instance)).toEqual(["api-7", "api-7"]);
});

test("a bus that was given carries the events", () => {
  const bus = createEventBus({ instance: "node-1" });
  const { registry } = watchRegistry({ bus });
  expect(registry.bus).toBe(bus);
  expect(registry.get("a").bus).toBe(bus);
});

test("a breaker hears its own events on the registry's bus", async () => {
  const { registry } = watchRegistry();
  const heard: string[] = [];
  registry.get("a").on("circuit.success", ({ breaker }) => heard.push(breaker));
  await registry.get("b").call(succeed);
  await registry.get("a").call(succeed);
  expect(heard).toEqual(["a"]);
});

test("on() hears all breakers and the registry, until it is ended", () => {
  const registry = new BreakerRegistry();
  const heard: string[] = [];
  const off = registry.on("registry.added", ({ breaker }) => heard.push(breaker));
  registry.get("a");
  off();
  registry.get("b");
  expect(heard).toEqual(["a"]);
  expect(() => registry.on(wrong("registry.addd"), () => {})).toThrow(
    new TypeError(
      'Cannot listen: no event is called "registry.addd", did you mean "registry.added" or "registry.full"?',
    ),
  );
});

test("registry.added and registry.removed tell what became of a breaker, and how full the registry is", () => {
  const { registry, clock, events } = watchRegistry({ limit: 2 });
  registry.get("a");
  clock.advance(5);
  registry.get("b").forceOpen();
  const incidentId = events.findLast(({ type }) => type === "circuit.open");
  clock.advance(5);
  registry.get("c");
  registry.delete("b");
  const own = events.filter(({ type }) => type.startsWith("registry."));
  const envelope = (afterMs: number) => ({ v: 1, atMs: clock.epochMs() - 10 + afterMs });
  expect(own).toEqual([
    { type: "registry.added", ...envelope(0), breaker: "a", size: 1, limit: 2 },
    { type: "registry.added", ...envelope(5), breaker: "b", size: 2, limit: 2 },
    {
      type: "registry.removed",
      ...envelope(10),
      breaker: "a",
      reason: "evicted",
      state: "closed",
      size: 2,
      limit: 2,
    },
    { type: "registry.added", ...envelope(10), breaker: "c", size: 2, limit: 2 },
    {
      type: "registry.removed",
      ...envelope(10),
      breaker: "b",
      reason: "deleted",
      state: "forced_open",
      incidentId: Reflect.get(incidentId ?? {}, "incidentId"),
      size: 1,
      limit: 2,
    },
  ]);
  expect(own.every(Object.isFrozen)).toBe(true);
});

test("the events of a registry are not built when nobody listens", () => {
  const bus = createEventBus();
  const emit = vi.spyOn(bus, "emit");
  const registry = new BreakerRegistry({ bus, limit: 1 });
  registry.get("a");
  registry.get("b").forceOpen();
  registry.get("c");
  registry.delete("b");
  expect(emit).not.toHaveBeenCalled();
  expect(registry.stats).toEqual({ added: 2, evicted: 1, deleted: 1, unkept: 1 });
});
