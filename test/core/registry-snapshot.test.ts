import { expect, test } from "vitest";
import {
  BreakerRegistry,
  type BreakerRegistryOptions,
  type TelltaleEvent,
} from "../../src/index.ts";
import { BOOM, failTimes } from "../support/breaker.ts";
import { FakeClock } from "../support/fake-clock.ts";

/** A registry under a fake clock, with what it tells of its breakers. */
function watched(clock: FakeClock, options: BreakerRegistryOptions = {}) {
  const registry = new BreakerRegistry({ defaults: { clock }, ...options });
  const told: TelltaleEvent[] = [];
  for (const family of ["circuit.*", "registry.*", "state.*"] as const) {
    registry.on(family, (event) => told.push(event));
  }
  return { registry, told };
}

async function threeBreakers() {
  const clock = new FakeClock();
  const { registry } = watched(clock, { instance: "before" });
  await failTimes(registry.get("open"), 5);
  registry.get("held").forceOpen();
  await failTimes(registry.get("failing"), 2);
  return { clock, registry };
}

test("BreakerRegistry.restore() makes the breakers of the rows and lets each go on", async () => {
  const { clock, registry: before } = await threeBreakers();
  const { registry, told } = watched(clock);
  expect(registry.restore(before.serialize(), { source: "disk" })).toBe(3);
  expect([...registry].map(({ name, state }) => [name, state])).toEqual([
    ["open", "open"],
    ["held", "forced_open"],
    ["failing", "closed"],
  ]);
  expect(registry.get("failing").stats.consecutiveFailures).toBe(2);
  expect(told.map(({ type }) => type)).toEqual([
    "registry.added",
    "circuit.restore",
    "registry.added",
    "circuit.restore",
    "registry.added",
    "circuit.restore",
  ]);
  expect(told[1]).toMatchObject({ breaker: "open", source: "disk", state: "open" });
});

test("BreakerRegistry.restore() goes on in the breakers that there are, under their options", async () => {
  const { clock, registry: before } = await threeBreakers();
  const { registry } = watched(clock, { overrides: { failing: { failureThreshold: 3 } } });
  const breaker = registry.get("failing");
  registry.restore([...before.snapshot()]);
  expect(registry.get("failing")).toBe(breaker);
  await failTimes(breaker, 1);
  expect(breaker.state).toBe("open");
});

test("BreakerRegistry.deserialize() makes a registry of the rows, with its options", async () => {
  const { clock, registry: before } = await threeBreakers();
  const registry = BreakerRegistry.deserialize(before.serialize(), {
    defaults: { clock },
    limit: 3,
  });
  expect(registry.limit).toBe(3);
  expect(registry.peek("open")?.retryAfterMs).toBe(60_000);
});

test("BreakerRegistry.snapshot() takes each row when it is asked for", () => {
  const clock = new FakeClock();
  const { registry } = watched(clock);
  registry.get("a");
  registry.get("b");
  const rows = registry.snapshot();
  expect(rows.next().value?.name).toBe("a");
  registry.get("b").forceOpen();
  registry.get("c");
  expect([...rows].map(({ name, state }) => [name, state])).toEqual([
    ["b", "forced_open"],
    ["c", "closed"],
  ]);
});

test("BreakerRegistry.restore() refuses rows that do not all have room, and lets nobody go for them", async () => {
  const { clock, registry: before } = await threeBreakers();
  const { registry, told } = watched(clock, { limit: 3 });
  registry.get("idle");
  told.length = 0;
  expect(() => registry.restore(before.serialize())).toThrow(
    "Cannot restore registry: rows[2] must be one of at most 3 breakers, with those that the registry has",
  );
  expect(registry.has("idle")).toBe(true);
  expect(registry.size).toBe(1);
  expect(told).toMatchObject([
    { type: "state.rejected", subject: "failing", code: "ERR_SNAPSHOT_SIZE", path: "rows[2]" },
  ]);
  registry.delete("idle");
  expect(registry.restore(before.serialize())).toBe(3);
});

test("BreakerRegistry.restore() refuses a name that comes twice, and rows without end", () => {
  const clock = new FakeClock();
  const { registry } = watched(clock, { limit: 10 });
  const row = watched(clock).registry.get("a").snapshot();
  expect(() => registry.restore([row, row])).toThrow("rows[1].name must be unique among the rows");
  let n = 0;
  function* endless() {
    for (;;) yield { ...row, name: `b${n++}` };
  }
  expect(() => registry.restore(endless())).toThrow("rows[10]");
  expect(n).toBe(11);
  expect(registry.size).toBe(0);
});

test("BreakerRegistry.restore() tells which row could not be used, in which instance", async () => {
  const { clock, registry: before } = await threeBreakers();
  const rows = [...before.serialize()].map((row) => row.replace('"seq":', '"sequence":'));
  const { registry, told } = watched(clock, { instance: "api-1" });
  expect(() => registry.restore(rows, { source: "disk" })).toThrow("rows[0].seq");
  expect(told).toEqual([
    {
      type: "state.rejected",
      v: 1,
      instance: "api-1",
      atMs: clock.epochMs(),
      source: "disk",
      subject: "open",
      code: "ERR_SNAPSHOT_FORM",
      path: "rows[0].seq",
    },
  ]);
});

test("BreakerRegistry.restore() passes on what the rows themselves throw", () => {
  const { registry, told } = watched(new FakeClock());
  function* torn(): Generator<string> {
    yield* [];
    throw BOOM;
  }
  expect(() => registry.restore(torn())).toThrow(BOOM);
  // Wrong on purpose: callers from JavaScript can pass it.
  expect(() => registry.restore(5 as never)).toThrow(
    "rows must be an iterable of rows, received 5",
  );
  expect(told).toEqual([]);
});

test("BreakerRegistry.restore() goes on with a breaker that a follower asked for meanwhile", async () => {
  const { clock, registry: before } = await threeBreakers();
  const { registry } = watched(clock);
  registry.follow({ added: () => void registry.get("held"), removed: () => {} });
  registry.restore(before.serialize());
  expect(registry.size).toBe(3);
  expect(registry.get("held").state).toBe("forced_open");
});

test("BreakerRegistry.restore() tells that optionsFor failed for a breaker that it made", async () => {
  const { clock, registry: before } = await threeBreakers();
  const { registry, told } = watched(clock, {
    optionsFor: () => {
      throw BOOM;
    },
  });
  registry.restore([...before.serialize()].slice(0, 1));
  expect(told.map(({ type }) => type)).toEqual([
    "registry.added",
    "circuit.callback_failed",
    "circuit.restore",
  ]);
});
