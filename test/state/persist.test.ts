import { expect, test } from "vitest";
import { BreakerRegistry, failureRate } from "../../src/index.ts";
import { persist } from "../../src/state/index.ts";
import { BOOM, failTimes, succeed } from "../support/breaker.ts";
import { FlakyStore } from "../support/flaky-store.ts";
import { processOf } from "../support/persisted.ts";
import { VirtualTime } from "../support/virtual-time.ts";
import { wrong } from "../support/wrong-values.ts";

test("persist() goes on where the last process stopped", async () => {
  const store = new FlakyStore();
  const before = await processOf(store);
  const state = await before.persisting;
  await failTimes(before.registry.get("payments"), 5);
  await failTimes(before.registry.get("search"), 2);
  before.time.advance(10_000);
  expect(await before.time.until(state.close())).toBe(true);
  const after = await processOf(store, {}, {}, before.time);
  await after.persisting;
  expect(after.registry.peek("payments")?.retryAfterMs).toBe(50_000);
  expect(after.registry.peek("search")?.stats.consecutiveFailures).toBe(2);
  expect(after.told).toContainEqual(
    expect.objectContaining({ type: "circuit.restore", source: "flaky", applied: "state" }),
  );
});

test("persist() writes a change of state at once, and only that breaker", async () => {
  const store = new FlakyStore();
  const { registry, time, row } = await processOf(store);
  await failTimes(registry.get("search"), 2);
  for (const change of ["forceOpen", "reset", "disable", "enable"] as const) {
    registry.get("payments")[change]();
    await time.pass(0);
    expect(row("payments").state).toBe(registry.get("payments").snapshot().state);
  }
  expect(new Set(store.writes.flat().map(([key]) => key))).toEqual(new Set(["breaker:payments"]));
});

test("persist() writes counters in batches, each breaker that changed and no other", async () => {
  const store = new FlakyStore();
  const { registry, time, row } = await processOf(store, { batchMs: 2_000 });
  registry.get("idle");
  for (let n = 0; n < 10; n++) await registry.get("payments").call(succeed);
  await time.pass(1_999);
  expect(store.writes).toEqual([]);
  await time.pass(1);
  expect(store.writes.length).toBe(1);
  expect(row("payments").counts.calls).toEqual({ success: 10 });
  await registry.get("payments").call(succeed);
  await time.pass(2_000);
  expect(store.writes[1]?.map(([key]) => key)).toEqual(["breaker:payments"]);
  await time.pass(20_000);
  expect(store.writes.length).toBe(2);
});

test("persist() writes with a batch what no event tells: refusals, a reset; and at once another end of a forced open", async () => {
  const store = new FlakyStore();
  const { registry, time, row } = await processOf(store, { batchMs: 1_000 });
  const breaker = registry.get("payments");
  breaker.forceOpen();
  await breaker.execute(succeed);
  await time.pass(1_000);
  expect(row("payments").counts.skips).toEqual({ forced_open: 1 });
  breaker.forceOpen("until then", { forMs: 10_000 });
  await time.pass(10);
  expect(row("payments")).toMatchObject({ remainingMs: 10_000, note: "until then" });
  breaker.reset();
  await failTimes(breaker, 2);
  await time.pass(1_000);
  breaker.reset();
  await time.pass(1_000);
  expect(row("payments").consecutiveFailures).toBe(0);
});

test("persist() does not write what it has just restored", async () => {
  const store = new FlakyStore();
  const before = await processOf(store);
  await failTimes(before.registry.get("payments"), 5);
  await before.time.until((await before.persisting).close());
  store.writes = [];
  const after = await processOf(store, { batchMs: 1_000 }, {}, before.time);
  await after.time.pass(5_000);
  expect(store.writes).toEqual([]);
});

test("persist() removes the row of a breaker that left the registry, unless it came back", async () => {
  const store = new FlakyStore();
  const { registry, time } = await processOf(store, { batchMs: 1_000 });
  for (const name of ["a", "b"]) registry.get(name);
  await time.pass(1_000);
  registry.delete("a");
  registry.delete("b");
  registry.get("b");
  await time.pass(1_000);
  expect(store.removals).toEqual([["breaker:a"]]);
  expect([...store.rows.keys()]).toEqual(["breaker:b"]);
});

test("persist() fails and delays no call while the store hangs, and remembers each breaker once", async () => {
  const store = new FlakyStore();
  const { registry, time, told } = await processOf(store, { timeoutMs: 500, batchMs: 100 });
  const open = store.hang();
  for (let round = 0; round < 50; round++) {
    for (const name of ["a", "b", "c"]) {
      await expect(registry.get(name).call(succeed)).resolves.toBe("value");
      registry.get(name).forceOpen();
      registry.get(name).reset();
    }
    await time.pass(100);
  }
  expect(store.most).toBe(1);
  const failed = told.filter(({ type }) => type === "state.store_failed");
  expect(failed).toMatchObject([
    { store: "flaky", operation: "write", error: { name: "TimeoutError" } },
  ]);
  expect(failed[0]).toHaveProperty("waiting");
  open();
  await time.pass(2_000);
  expect(told.map(({ type }) => type)).toContain("state.store_recovered");
  expect([...store.rows.keys()].sort()).toEqual(["breaker:a", "breaker:b", "breaker:c"]);
  expect(store.writes.length).toBeLessThan(10);
});

test("persist() tries a store that fails again, less and less often, and tells it once until it has recovered", async () => {
  const store = new FlakyStore();
  const { registry, time, told, row } = await processOf(store, { retryMs: 1_000 });
  let tries = 0;
  const write = store.write.bind(store);
  store.write = (rows) => {
    tries++;
    return write(rows);
  };
  store.failure = BOOM;
  registry.get("payments").forceOpen();
  await time.pass(0);
  const at: number[] = [tries];
  for (const ms of [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 32_000]) {
    await time.pass(ms - 1);
    at.push(tries);
    await time.pass(1);
    at.push(tries);
  }
  expect(at).toEqual([1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8]);
  registry.get("payments").reset();
  store.failure = null;
  await time.pass(32_000);
  expect(told.filter(({ type }) => type.startsWith("state."))).toMatchObject([
    { type: "state.store_failed", operation: "write", waiting: 1, error: { message: "boom" } },
    { type: "state.store_recovered", operation: "write", failures: 8 },
  ]);
  expect(row("payments").state).toBe("closed");
});

test("persist() begins without a store that cannot be read, takes it in when it answers, and overwrites nothing until then", async () => {
  const store = new FlakyStore();
  const before = await processOf(store);
  await failTimes(before.registry.get("payments"), 5);
  await before.time.until((await before.persisting).close());
  const rows = new Map(store.rows);
  store.failure = BOOM;
  const { registry, time, told, persisting } = await processOf(store, {}, {}, before.time);
  const state = await persisting;
  expect(state.loaded).toBe(false);
  await registry.get("payments").call(succeed);
  registry.get("search").forceOpen();
  expect(await state.flush()).toBe(false);
  await time.pass(10_000);
  expect(store.rows).toEqual(rows);
  store.failure = null;
  await time.pass(30_000);
  expect(state.loaded).toBe(true);
  expect(registry.get("payments").state).not.toBe("closed");
  expect(store.rows.has("breaker:search")).toBe(true);
  expect(told.map(({ type }) => type)).toEqual(
    expect.arrayContaining(["state.store_failed", "state.store_recovered"]),
  );
});

test("persist() resolves when a load takes longer than timeoutMs, and begins no second one beside it", async () => {
  const store = new FlakyStore();
  const open = store.hang();
  const { time, told, persisting } = await processOf(
    store,
    { timeoutMs: 3_000 },
    {},
    new VirtualTime(),
    false,
  );
  let begun = false;
  void persisting.then(() => {
    begun = true;
  });
  await time.pass(2_999);
  expect(begun).toBe(false);
  await time.pass(1);
  expect(begun).toBe(true);
  expect(told).toMatchObject([{ type: "state.store_failed", operation: "load" }]);
  await time.pass(60_000);
  expect(store.loads).toBe(1);
  open();
  await time.pass(0);
  expect((await persisting).loaded).toBe(true);
});

test("persist() tells a row that cannot be used and restores the others", async () => {
  const store = new FlakyStore();
  const before = await processOf(store);
  for (const name of ["a", "b", "c", "d"]) before.registry.get(name).forceOpen();
  await before.time.until((await before.persisting).close());
  const row = store.rows.get("breaker:d") ?? "";
  store.rows.set("breaker:a", "{");
  store.rows.set("breaker:b", row);
  store.rows.set("breaker:c", row.replace('"name":"d"', '"name":"c"').replace('"seq":', '"seq":-'));
  const after = await processOf(store, {}, {}, before.time);
  expect([...after.registry].map(({ name }) => name)).toEqual(["d"]);
  expect(after.told.filter(({ type }) => type === "state.rejected")).toMatchObject([
    { source: "flaky", subject: "breaker:a", code: "ERR_SNAPSHOT_FORM" },
    { source: "flaky", subject: "breaker:b", code: "ERR_SNAPSHOT_FORM", path: "name" },
    { source: "flaky", subject: "c", code: "ERR_SNAPSHOT_FORM", path: "rows[0].seq" },
  ]);
});

test("persist() leaves out a breaker that cannot be saved, tells it once, and writes the others", async () => {
  const store = new FlakyStore();
  const loop: { self?: unknown } = {};
  loop.self = loop;
  const rule = failureRate({ threshold: 1, window: { calls: 5 } });
  const trip = { ...rule, begin: () => Object.assign(rule.begin(), { save: () => loop }) };
  const { registry, time, told } = await processOf(
    store,
    { batchMs: 1_000 },
    { overrides: { bad: { trip } } },
  );
  for (const name of ["bad", "good", "\ud800"]) await failTimes(registry.get(name), 1);
  await time.pass(1_000);
  await failTimes(registry.get("bad"), 1);
  await time.pass(1_000);
  expect([...store.rows.keys()]).toEqual(["breaker:good"]);
  expect(told.filter(({ type }) => type === "state.rejected")).toMatchObject([
    { subject: "breaker:bad", code: "ERR_SNAPSHOT_FORM" },
    { subject: "breaker:\ud800", code: "ERR_SNAPSHOT_SIZE" },
  ]);
});

test("persist() keeps processes that share a store apart by prefix", async () => {
  const store = new FlakyStore();
  const one = await processOf(store, { prefix: "one/" });
  const two = await processOf(store, { prefix: "two/" });
  one.registry.get("payments").forceOpen();
  await one.time.pass(0);
  await two.time.until((await two.persisting).close());
  expect([...store.rows.keys()]).toEqual(["one/breaker:payments"]);
  const again = await processOf(store, { prefix: "one/" });
  expect(again.registry.peek("payments")?.state).toBe("forced_open");
  expect((await processOf(store, { prefix: "two/" })).registry.size).toBe(0);
});

test("close() writes what has not been written, ends timers and listeners, and does so once", async () => {
  const store = new FlakyStore();
  const { registry, time, persisting, row } = await processOf(store);
  const state = await persisting;
  await registry.get("payments").call(succeed);
  const closing = state.close();
  expect(await time.until(closing)).toBe(true);
  expect(row("payments").counts.calls).toEqual({ success: 1 });
  expect(state.close()).toBe(closing.constructor === Promise ? state.close() : closing);
  expect(time.pending).toBe(0);
  const writes = store.writes.length;
  registry.get("payments").forceOpen();
  await time.pass(60_000);
  expect(store.writes.length).toBe(writes);
});

test("flush() and close() say that the store does not have it all, and do not wait for ever", async () => {
  const store = new FlakyStore();
  const { registry, time, persisting } = await processOf(store, { timeoutMs: 1_000 });
  const state = await persisting;
  registry.get("payments").forceOpen();
  expect(await time.until(state.flush())).toBe(true);
  store.failure = BOOM;
  registry.get("payments").reset();
  expect(await time.until(state.flush())).toBe(false);
  store.failure = null;
  expect(await time.until(state.flush())).toBe(true);
  store.hang();
  registry.get("payments").forceOpen();
  expect(await time.until(state.close())).toBe(false);
});

test("persist() is disposed of by `await using`, which is close()", async () => {
  const store = new FlakyStore();
  const { registry, time, persisting, row } = await processOf(store);
  const state = await persisting;
  await registry.get("payments").call(succeed);
  await time.until(state[Symbol.asyncDispose]());
  expect(row("payments").counts.calls).toEqual({ success: 1 });
});

test.each([
  [{ batchMs: 0 }, "batchMs must be a positive number of milliseconds, received 0"],
  [{ timeoutMs: "1" }, 'timeoutMs must be a positive number of milliseconds, received "1"'],
  [{ retryMs: 2 ** 31 }, "retryMs must be at most 67108863 milliseconds"],
  [{ prefix: "x".repeat(129) }, "prefix must be a string of 1 to 128 characters"],
  [{ parts: { "a b": {} } }, "parts must be named by 1 to 64 letters, digits, - and _"],
  [{ parts: { a: {} } }, "parts.a.snapshot must be a function"],
  [{ timers: {} }, "timers.start must be a function"],
  [{ clock: {} }, "clock.monotonicMs must be a function"],
  [{ batchMS: 5 }, 'unknown option "batchMS"'],
])("persist() refuses %o", async (options, message) => {
  await expect(persist(new BreakerRegistry(), new FlakyStore(), wrong(options))).rejects.toThrow(
    `Cannot persist state: ${message}`,
  );
});

test("persist() refuses what is no registry, and what is no store", async () => {
  await expect(persist(wrong([]), new FlakyStore())).rejects.toThrow(
    "registry must be a BreakerRegistry, received an array",
  );
  await expect(persist(new BreakerRegistry(), wrong({ load() {} }))).rejects.toThrow(
    "store.write must be a function",
  );
});
