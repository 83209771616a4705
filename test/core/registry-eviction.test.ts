import { expect, test, vi } from "vitest";
import { BreakerRegistry, bulkhead, type CircuitBreaker, pipeline } from "../../src/index.ts";
import { BOOM, deferred, failTimes, succeed } from "../support/breaker.ts";
import { type WatchedRegistry, watchRegistry } from "../support/registry.ts";
import { permitOf } from "../support/states.ts";

const LIMIT = 3;
const SPARE_MS = 10_000;
const room = (options = {}) => watchRegistry({ limit: LIMIT, spareMs: SPARE_MS, ...options });

/** Asks for further names, and returns those that are left. */
function fill({ registry, names }: WatchedRegistry, count: number, prefix = "new"): string[] {
  for (let n = 0; n < count; n++) registry.get(`${prefix}-${n}`);
  return names();
}

test("a new name takes the place of the breaker that was used least recently", () => {
  const watched = room();
  const { registry } = watched;
  for (const name of ["a", "b", "c", "a", "b"]) registry.get(name);
  expect(fill(watched, 1)).toEqual(["a", "b", "new-0"]);
  registry.get("a");
  expect(fill(watched, 2)).toEqual(["a", "new-0", "new-1"]);
  expect(registry.size).toBe(LIMIT);
});

test("limit is 1 000 unless another is given", () => {
  const registry = new BreakerRegistry();
  for (let n = 0; n < 1_001; n++) registry.get(`n${n}`);
  expect(registry.limit).toBe(1_000);
  expect(registry.size).toBe(1_000);
  expect(registry.has("n0")).toBe(false);
  expect(registry.has("n1")).toBe(true);
});

test("peek(), has(), size and a walk are no use", () => {
  const watched = room();
  const { registry } = watched;
  for (const name of ["a", "b", "c"]) registry.get(name);
  registry.peek("a");
  registry.has("a");
  expect([...registry]).toHaveLength(3);
  expect(registry.peek("a")?.stats.calls.success).toBe(0);
  expect(fill(watched, 1)).toEqual(["b", "c", "new-0"]);
});

test("a breaker that is called without being asked for comes after those that are not called", async () => {
  const watched = room();
  const { registry } = watched;
  const held = registry.get("held");
  await held.call(succeed);
  for (const name of ["b", "c"]) await registry.get(name).call(succeed);
  await held.call(succeed);
  expect(fill(watched, 1)).toEqual(["held", "c", "new-0"]);
  await held.call(succeed);
  expect(fill(watched, 2, "more")).toEqual(["held", "more-0", "more-1"]);
  // Nobody has called it since.
  expect(fill(watched, 3, "last")).toEqual(["last-0", "last-1", "last-2"]);
});

test("refused calls of a held breaker are calls, too", async () => {
  const watched = room({ defaults: { degradation: [1, 0] } });
  const { registry, clock } = watched;
  const held = registry.get("held");
  await failTimes(held, 1);
  clock.advance(SPARE_MS);
  fill(watched, 2);
  held.recordFailure(BOOM);
  expect((await held.execute(succeed)).outcome).toBe("circuit-open");
  clock.advance(SPARE_MS);
  expect(fill(watched, 1, "more")).toContain("held");
});

test("when every breaker is called without being asked for, the one used least recently makes room", async () => {
  const watched = room();
  const { registry } = watched;
  const held = ["a", "b", "c"].map((name) => registry.get(name));
  for (const breaker of held) {
    await breaker.call(succeed);
    await breaker.call(succeed);
  }
  expect(fill(watched, 1)).toEqual(["b", "c", "new-0"]);
});

const SPARED: Record<string, (breaker: CircuitBreaker, watched: WatchedRegistry) => unknown> = {
  failing: (breaker) => breaker.recordFailure(BOOM),
  open: (breaker) => failTimes(breaker, 2),
  "open, its cooldown over": async (breaker, { clock }) => {
    await failTimes(breaker, 2);
    clock.advance(1_000);
  },
  half_open: async (breaker, { clock }) => {
    await failTimes(breaker, 2);
    clock.advance(1_000);
    permitOf({ breaker }).ignore();
  },
  "forced open": (breaker) => breaker.forceOpen(),
  "forced open with an end": (breaker) => breaker.forceOpen("drill", { forMs: 500 }),
  disabled: (breaker) => breaker.disable(),
  "in use by call()": (breaker) => void breaker.call(() => deferred<void>().promise),
  "in use by execute()": (breaker) => void breaker.execute(() => deferred<void>().promise),
  "in use by a permit": (breaker) => void permitOf({ breaker }),
  "half open, its probe under way": async (breaker, { clock }) => {
    await failTimes(breaker, 2);
    clock.advance(1_000);
    permitOf({ breaker });
  },
};

test.each(Object.entries(SPARED))("a breaker that is %s is spared", async (_, bring) => {
  const watched = room();
  const spared = watched.registry.get("spared");
  await bring(spared, watched);
  expect(fill(watched, 20)).toEqual(["spared", "new-18", "new-19"]);
  expect(watched.registry.peek("spared")).toBe(spared);
  expect(watched.of("registry.removed").map(({ breaker }) => breaker)).not.toContain("spared");
});

test("a breaker is spared inside callSync()", () => {
  const watched = room();
  const { registry } = watched;
  registry.get("a").callSync(() => fill(watched, 10));
  expect(registry.has("a")).toBe(true);
  fill(watched, LIMIT, "more");
  expect(registry.has("a")).toBe(false);
});

const ENDED: Record<string, (breaker: CircuitBreaker, watched: WatchedRegistry) => unknown> = {
  "its failures were forgiven": async (breaker) => {
    await failTimes(breaker, 1);
    await breaker.call(succeed);
  },
  "it recovered": async (breaker, { clock }) => {
    await failTimes(breaker, 2);
    clock.advance(1_000);
    await breaker.call(succeed);
  },
  "it was reset": (breaker) => {
    breaker.forceOpen();
    breaker.reset();
  },
  "it was enabled": (breaker) => {
    breaker.disable();
    breaker.enable();
  },
  "its calls ended": async (breaker) => {
    const gate = deferred<void>();
    const calls = [breaker.call(() => gate.promise), breaker.execute(() => gate.promise)];
    const permit = permitOf({ breaker });
    gate.resolve();
    await Promise.all(calls);
    permit.release();
    breaker.recordSuccess();
    breaker.callSync(() => undefined);
    await breaker.execute(succeed, { signal: AbortSignal.abort() });
    try {
      breaker.callSync(() => Promise.resolve() as never);
    } catch {}
  },
  "its late calls ended": async (breaker) => {
    const permit = permitOf({ breaker });
    breaker.forceOpen();
    breaker.recordSuccess();
    breaker.reset();
    permit.failure(BOOM);
  },
};

test("a call that a bulkhead refused on behalf of its breaker has ended, and is one call", async () => {
  const watched = room();
  const { registry } = watched;
  const breaker = registry.get("a");
  const guarded = pipeline(breaker, bulkhead(breaker, { limit: 1 }));
  const gate = deferred<string>();
  const running = guarded.execute(() => gate.promise);
  registry.get("a");
  expect((await guarded.execute(succeed)).outcome).toBe("circuit-open");
  gate.resolve("done");
  await running;
  expect(breaker.stats.skips.bulkhead).toBe(1);
  // Neither in use nor called without being asked for.
  for (const name of ["b", "c"]) registry.get(name);
  expect(fill(watched, 1)).toEqual(["b", "c", "new-0"]);
});

test("a late call that a bulkhead refused on behalf of its breaker has ended", async () => {
  const watched = room();
  const { registry } = watched;
  const breaker = registry.get("a");
  const limited = pipeline(bulkhead(breaker, { limit: 1 }));
  const gate = deferred<string>();
  const running = limited.execute(() => gate.promise);
  const late = breaker.execute(async () => {
    breaker.reset();
    return await limited.call(succeed);
  });
  await late;
  gate.resolve("done");
  await running;
  fill(watched, 2 * LIMIT);
  expect(registry.has("a")).toBe(false);
});

test.each(Object.entries(ENDED))("a breaker is no longer spared when %s", async (_, bring) => {
  const watched = room();
  await bring(watched.registry.get("a"), watched);
  fill(watched, 2 * LIMIT);
  expect(watched.registry.has("a")).toBe(false);
});

test("idle time that forgives failures ends the sparing", async () => {
  const watched = room({ defaults: { degradation: [1, 0.5], failureThreshold: 5 } });
  await failTimes(watched.registry.get("a"), 1);
  fill(watched, 10);
  expect(watched.registry.has("a")).toBe(true);
  watched.clock.advance(1_000);
  fill(watched, 10, "more");
  expect(watched.registry.has("a")).toBe(false);
});

// From which moment on spareMs counts.
const UNTIL: Record<
  string,
  { bring(breaker: CircuitBreaker, watched: WatchedRegistry): unknown; sparedForMs: number }
> = {
  "its last failure": {
    bring: async (breaker, { clock }) => {
      breaker.reconfigure({ failureThreshold: 5 });
      await failTimes(breaker, 1);
      clock.advance(SPARE_MS - 1);
      await failTimes(breaker, 1);
    },
    sparedForMs: SPARE_MS,
  },
  "the end of its cooldown": {
    bring: (breaker) => failTimes(breaker, 2),
    sparedForMs: 1_000 + SPARE_MS,
  },
  "the end of its forced open": {
    bring: (breaker) => breaker.forceOpen("drill", { forMs: 5_000 }),
    sparedForMs: 5_000 + SPARE_MS,
  },
  "its half opening": {
    bring: async (breaker, { clock }) => {
      await failTimes(breaker, 2);
      clock.advance(1_000);
      permitOf({ breaker }).ignore();
    },
    sparedForMs: SPARE_MS,
  },
};

test.each(Object.entries(UNTIL))(
  "a breaker that nobody comes back to is spared for spareMs after %s",
  async (_, { bring, sparedForMs }) => {
    const watched = room();
    await bring(watched.registry.get("a"), watched);
    fill(watched, 5);
    watched.clock.advance(sparedForMs - 1);
    expect(fill(watched, 10, "before")).toContain("a");
    watched.clock.advance(1);
    expect(fill(watched, 10, "after")).not.toContain("a");
    expect(watched.of("registry.removed").find(({ breaker }) => breaker === "a")?.reason).toBe(
      "evicted",
    );
  },
);

test("spareMs is an hour unless another is given", async () => {
  const { registry, clock } = watchRegistry({ limit: 1 });
  await failTimes(registry.get("a"), 1);
  clock.advance(3_600_000 - 1);
  registry.get("b");
  expect(registry.has("a")).toBe(true);
  clock.advance(1);
  registry.get("b");
  expect(registry.has("a")).toBe(false);
});

test.each(["forced open", "disabled", "in use by a permit"])(
  "a breaker that is %s is spared however long nobody comes back",
  async (why) => {
    const watched = room();
    await SPARED[why]?.(watched.registry.get("a"), watched);
    watched.clock.advance(100 * SPARE_MS);
    fill(watched, 10);
    expect(watched.registry.has("a")).toBe(true);
  },
);

/** A registry whose breakers all are forced open. */
function full(options = {}): WatchedRegistry {
  const watched = room(options);
  for (const name of ["a", "b", "c"]) watched.registry.get(name).forceOpen();
  return watched;
}

test("when none can make room, get() answers with a breaker that is not kept, and no call fails", async () => {
  const { registry, names } = full();
  const unkept = registry.get("d");
  expect(unkept.name).toBe("d");
  expect(await unkept.call(succeed)).toBe("value");
  expect(names()).toEqual(["a", "b", "c"]);
  expect(registry.has("d")).toBe(false);
  expect(registry.peek("d")).toBeUndefined();
  expect(registry.delete("d")).toBe(false);
  expect(registry.size).toBe(LIMIT);
  expect(registry.get("d")).not.toBe(unkept);
});

test("a breaker that is not kept has the options of its name, guards who holds it, and is shared with nobody", async () => {
  const { registry } = full({ overrides: { d: { failureThreshold: 1 } } });
  const [one, other] = [registry.get("d"), registry.get("d")];
  await failTimes(one, 1);
  expect(one.state).toBe("open");
  expect(other.state).toBe("closed");
});

test("a breaker that is not kept leaves nothing on the registry's bus", async () => {
  const { registry, events } = full();
  const told = events.length;
  const on = vi.spyOn(registry.bus, "on");
  const unkept = registry.get("d");
  expect(unkept.bus).not.toBe(registry.bus);
  unkept.on("circuit.failure", () => {});
  await failTimes(unkept, 1);
  expect(on).not.toHaveBeenCalled();
  expect(events.slice(told).map(({ type }) => type)).toEqual(["registry.full"]);
});

test("registry.full is told at the 1st, 2nd, 4th, 8th … until there is room again", () => {
  const { registry, of, clock } = full({ instance: "api-1" });
  clock.advance(7);
  for (let n = 1; n <= 20; n++) registry.get(`d${n}`);
  expect(of("registry.full").map(({ breaker, unkept }) => [breaker, unkept])).toEqual([
    ["d1", 1],
    ["d2", 2],
    ["d4", 4],
    ["d8", 8],
    ["d16", 16],
  ]);
  expect(of("registry.full")[0]).toEqual({
    type: "registry.full",
    v: 1,
    instance: "api-1",
    atMs: clock.epochMs(),
    breaker: "d1",
    unkept: 1,
    limit: LIMIT,
  });
  expect(registry.stats.unkept).toBe(20);
  registry.peek("b")?.reset();
  registry.get("room").forceOpen();
  expect(registry.has("b")).toBe(false);
  registry.get("again");
  expect(of("registry.full").at(-1)).toMatchObject({ breaker: "again", unkept: 1 });
  expect(registry.stats.unkept).toBe(21);
});

test("deleting makes room", () => {
  const { registry, names } = full();
  registry.get("d");
  registry.delete("b");
  registry.get("d");
  expect(names()).toEqual(["a", "c", "d"]);
});

test("whoever is passed over comes last: a search begins behind the breakers that were spared before", () => {
  const watched = room();
  const { registry } = watched;
  for (const name of ["a", "b", "c"]) registry.get(name);
  registry.get("a").forceOpen();
  for (const name of ["b", "c"]) registry.get(name);
  // Passes a over and takes b; c is now before a.
  expect(fill(watched, 1)).toEqual(["a", "c", "new-0"]);
  registry.peek("a")?.reset();
  expect(fill(watched, 1, "more")).toEqual(["a", "new-0", "more-0"]);
  expect(fill(watched, 1, "last")).toEqual(["new-0", "more-0", "last-0"]);
});

test("one get() looks at no more than 1 000 breakers, the next goes on behind them", () => {
  const registry = new BreakerRegistry({ limit: 2_500 });
  for (let n = 0; n < 2_500; n++) {
    const breaker = registry.get(`n${n}`);
    if (n < 2_000) breaker.forceOpen();
  }
  registry.get("first");
  registry.get("second");
  expect([registry.has("first"), registry.has("second")]).toEqual([false, false]);
  registry.get("third");
  expect(registry.has("third")).toBe(true);
  expect(registry.has("n2000")).toBe(false);
  expect(registry.stats).toMatchObject({ unkept: 2, evicted: 1 });
});
