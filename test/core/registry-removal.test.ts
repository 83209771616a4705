import { expect, test, vi } from "vitest";
import { BreakerRegistry, createEventBus } from "../../src/index.ts";
import { BOOM, deferred, fail, failTimes, succeed } from "../support/breaker.ts";
import { watchRegistry } from "../support/registry.ts";
import { permitOf } from "../support/states.ts";
import { wrong } from "../support/wrong-values.ts";

test("delete() says whether there was one, and the next get() makes another", () => {
  const { registry, names } = watchRegistry();
  const first = registry.get("a");
  registry.get("b");
  expect(registry.delete("a")).toBe(true);
  expect(registry.delete("a")).toBe(false);
  expect(registry.delete(wrong(undefined))).toBe(false);
  expect(names()).toEqual(["b"]);
  expect(registry.get("a")).not.toBe(first);
  expect(names()).toEqual(["b", "a"]);
});

test("delete() takes a breaker out of whatever state it is in", () => {
  const { registry } = watchRegistry();
  const states = ["closed", "open", "half_open", "forced_open", "disabled"];
  for (const state of states) {
    const breaker = registry.get(state);
    if (state === "open" || state === "half_open") {
      breaker.recordFailure(BOOM);
      breaker.recordFailure(BOOM);
    }
    if (state === "forced_open") breaker.forceOpen();
    if (state === "disabled") breaker.disable();
    expect(registry.delete(state)).toBe(true);
  }
  expect(registry.size).toBe(0);
});

test("a registry can be walked, and breakers removed on the way", () => {
  const { registry, names } = watchRegistry();
  for (const name of ["a", "b", "c", "d"]) registry.get(name);
  registry.get("a");
  const seen: string[] = [];
  for (const { name } of registry) {
    seen.push(name);
    if (name !== "c") registry.delete(name);
  }
  expect(seen).toEqual(["a", "b", "c", "d"]);
  expect(names()).toEqual(["c"]);
});

test("stats adds up: added is evicted, deleted and those there are", () => {
  const { registry } = watchRegistry({ limit: 3 });
  for (let n = 0; n < 10; n++) registry.get(`n${n}`);
  registry.delete("n9");
  registry.get("n9");
  const { stats } = registry;
  expect(stats).toEqual({ added: 11, evicted: 7, deleted: 1, unkept: 0 });
  expect(stats.added).toBe(stats.evicted + stats.deleted + registry.size);
  expect(Object.isFrozen(stats)).toBe(true);
});

test("a removed breaker goes on working, on a bus of its own", async () => {
  const { registry, events } = watchRegistry();
  const removed = registry.get("a");
  await failTimes(removed, 1);
  registry.delete("a");
  const told = events.length;
  await failTimes(removed, 1);
  expect(removed.state).toBe("open");
  expect(removed.stats.calls.error).toBe(2);
  expect(events).toHaveLength(told);
  expect(removed.bus).not.toBe(registry.bus);
  const skips = vi.fn();
  removed.on("circuit.skip", skips);
  await removed.execute(succeed);
  expect(skips).toHaveBeenCalledTimes(1);
  expect(registry.get("a").state).toBe("closed");
  expect(registry.bus.has("circuit.skip")).toBe(true);
  expect(events.filter(({ type }) => type === "circuit.skip")).toEqual([]);
});

test("a removal inside a listener of the breaker does not lose what was already told to be told", async () => {
  const { registry, events } = watchRegistry();
  const own: string[] = [];
  const breaker = registry.get("a");
  breaker.on("circuit.*", ({ type }) => own.push(type));
  breaker.on("circuit.failure", () => registry.delete("a"));
  await failTimes(breaker, 2);
  expect(events.map(({ type }) => type)).toEqual([
    "registry.added",
    "circuit.failure",
    "circuit.progress",
    "registry.removed",
  ]);
  expect(own).toEqual(["circuit.failure"]);
});

test("follow() tells of those that are there, those that come and those that go", () => {
  const { registry } = watchRegistry({ limit: 2 });
  const [a, b] = [registry.get("a"), registry.get("b")];
  const told: string[] = [];
  const end = registry.follow({
    added: (breaker) => told.push(`+${breaker.name}`),
    removed: (breaker) => told.push(`-${breaker.name}${breaker === a || breaker === b ? "!" : ""}`),
  });
  expect(told.splice(0)).toEqual(["+a", "+b"]);
  registry.get("c");
  expect(told.splice(0)).toEqual(["-a!", "+c"]);
  registry.delete("b");
  expect(told.splice(0)).toEqual(["-b!"]);
  end();
  end();
  registry.delete("c");
  registry.get("d");
  expect(told).toEqual([]);
});

test("follow() throws what a follower throws at once, and does not go on", () => {
  const { registry } = watchRegistry();
  registry.get("a");
  const added = vi.fn(() => {
    throw BOOM;
  });
  expect(() => registry.follow({ added, removed: () => {} })).toThrow(BOOM);
  registry.get("b");
  expect(added).toHaveBeenCalledTimes(1);
});

test("what a follower throws later is reported, fails no get() and disturbs no other follower", () => {
  const { registry, of } = watchRegistry({ instance: "api-1" });
  const throwing = () => {
    throw BOOM;
  };
  const others: string[] = [];
  registry.follow({ added: throwing, removed: throwing }, { sink: "mine" });
  registry.follow({
    added: ({ name }) => others.push(name),
    removed: ({ name }) => others.push(name),
  });
  registry.get("a");
  registry.delete("a");
  expect(others).toEqual(["a", "a"]);
  expect(of("bus.listener_failed").map(({ sink, failedType }) => [sink, failedType])).toEqual([
    ["mine", "registry.added"],
    ["mine", "registry.removed"],
  ]);
});

test("a follower may change the registry while it is told", () => {
  const { registry, names } = watchRegistry();
  for (const name of ["a", "b", "c"]) registry.get(name);
  const told: string[] = [];
  registry.follow({
    added: ({ name }) => {
      told.push(`+${name}`);
      if (name === "a") {
        registry.delete("b");
        registry.get("d");
      }
    },
    removed: ({ name }) => told.push(`-${name}`),
  });
  expect(told).toEqual(["+a", "-b", "+d", "+c"]);
  expect(names()).toEqual(["a", "c", "d"]);
});

test("a registry works on a bus of the user's making that throws", async () => {
  const registry = new BreakerRegistry({
    limit: 1,
    bus: {
      emit() {
        throw BOOM;
      },
      on: () => () => {
        throw BOOM;
      },
      has() {
        throw BOOM;
      },
    },
  });
  const first = registry.get("a");
  first.on("circuit.open", () => {});
  registry.get("b");
  expect(registry.size).toBe(1);
  await expect(registry.get("b").call(fail)).rejects.toBe(BOOM);
  expect(registry.delete("b")).toBe(true);
});

test("a signal ends a listener of a breaker or of the registry, and is let go with the breaker", () => {
  const { registry } = watchRegistry();
  const controller = new AbortController();
  const { signal } = controller;
  const added = vi.spyOn(signal, "addEventListener");
  const removed = vi.spyOn(signal, "removeEventListener");
  const heard: string[] = [];
  const listen = ({ type }: { readonly type: string }) => heard.push(type);
  for (const name of ["kept", "gone"]) {
    registry.get(name).on("circuit.ignored", listen, { signal });
  }
  registry.on("registry.removed", listen, { signal });
  registry.delete("gone");
  expect(heard.splice(0)).toEqual(["registry.removed"]);
  expect([added.mock.calls.length, removed.mock.calls.length]).toEqual([3, 1]);
  permitOf({ breaker: registry.get("kept") }).ignore();
  expect(heard.splice(0)).toEqual(["circuit.ignored"]);
  controller.abort();
  registry.on("circuit.ignored", listen, { signal });
  permitOf({ breaker: registry.get("kept") }).ignore();
  registry.delete("kept");
  expect(heard).toEqual([]);
});

test("a listener that has unsubscribed is let go at once, and not once more by the removal", () => {
  const inner = createEventBus();
  let ended = 0;
  const registry = new BreakerRegistry({
    bus: {
      emit: (event) => inner.emit(event),
      has: (type) => inner.has(type),
      on: () => () => {
        ended++;
      },
    },
  });
  const breaker = registry.get("a");
  for (let n = 0; n < 10; n++) breaker.on("circuit.open", () => {})();
  breaker.on("circuit.open", () => {});
  expect(ended).toBe(10);
  registry.delete("a");
  expect(ended).toBe(11);
});

test("listeners of a removed breaker that the bus refuses to let go are reported", () => {
  const inner = createEventBus();
  const reports = vi.fn();
  inner.on("bus.listener_failed", reports);
  const registry = new BreakerRegistry({
    bus: {
      emit: (event) => inner.emit(event),
      has: (type) => inner.has(type),
      on: () => () => {
        throw BOOM;
      },
    },
  });
  registry.get("a").on("circuit.open", () => {});
  registry.delete("a");
  expect(reports.mock.calls.map(([{ sink, failedType }]) => [sink, failedType])).toEqual([
    ["bus", "registry.removed"],
  ]);
});

test("making a registry reads no clock, asks for no chance and makes no breaker", () => {
  const clock = { monotonicMs: vi.fn(() => 0), epochMs: vi.fn(() => 0) };
  const random = vi.fn(() => 0);
  const optionsFor = vi.fn(() => undefined);
  const registry = new BreakerRegistry({
    defaults: { clock, random },
    overrides: { a: { failureThreshold: 1 } },
    optionsFor,
  });
  expect(registry.size).toBe(0);
  for (const asked of [clock.monotonicMs, clock.epochMs, random, optionsFor]) {
    expect(asked).not.toHaveBeenCalled();
  }
});

test("a call still under way when its breaker is deleted ends as it would", async () => {
  const { registry, events } = watchRegistry();
  const breaker = registry.get("a");
  const gates = Array.from({ length: 3 }, () => deferred<string>());
  const calls = gates.map(({ promise }, n) =>
    n === 0 ? breaker.call(() => promise) : breaker.execute(() => promise),
  );
  const permit = permitOf({ breaker });
  registry.delete("a");
  const told = events.length;
  gates[0]?.resolve("first");
  gates[1]?.reject(BOOM);
  gates[2]?.resolve("third");
  permit.failure(BOOM);
  expect(await calls[0]).toBe("first");
  expect(await calls[1]).toMatchObject({ outcome: "error", error: BOOM, countedAs: "error" });
  expect(await calls[2]).toMatchObject({ outcome: "ok", value: "third" });
  expect(breaker.stats.calls).toMatchObject({ success: 2, error: 2, late: 0 });
  expect(events).toHaveLength(told);
});
