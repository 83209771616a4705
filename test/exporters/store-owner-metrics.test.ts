import { expect, test } from "vitest";
import { EVENTS } from "../../src/events/catalogue.ts";
import type { EventMetric } from "../../src/events/event-definition.ts";
import { METRICS, type MetricName } from "../../src/events/metrics.ts";
import { createEventBus, type TelltaleEvent } from "../../src/index.ts";
import { connectOwner } from "../../src/workers/index.ts";
import { BOOM } from "../support/breaker.ts";
import { FlakyStore } from "../support/flaky-store.ts";
import { shown } from "../support/measured.ts";
import { OwnerWorld } from "../support/owner-world.ts";
import { processOf } from "../support/persisted.ts";
import { ledgerOf } from "../support/quota.ts";

const CODES = METRICS.telltale_state_rejected_total.values.flat();
const NO_CODES = Object.fromEntries(CODES.map((code) => [code, 0]));
const FALLBACKS = ["cache", "snapshot", "closed", "refused", "unreserved", "none"];

/** What the catalogue says that events make of the counter of a metric. */
function folded(events: readonly TelltaleEvent[], metric: MetricName): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const event of events) {
    const entries: readonly EventMetric[] = EVENTS[event.type].metrics;
    const entry = entries.find((each) => each.metric === metric);
    if (entry === undefined) continue;
    const fields: Readonly<Record<string, unknown>> = { ...event };
    const words = Object.keys(entry.labels).toSorted();
    const key = words.map((label) => fields[String(entry.labels[label])]).join(" ");
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

const above = (values: Readonly<Record<string, number>>) =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value > 0));

async function refuse(store: FlakyStore): Promise<void> {
  store.failure = new Error("connect ECONNREFUSED 127.0.0.1:6379");
}

test("persist() shows every series at zero while the store is well", async () => {
  const { persisting } = await processOf(new FlakyStore());
  const { attach, values } = shown();
  attach(await persisting);
  expect(await values("state_store_failing")).toEqual({ load: 0, write: 0 });
  expect(await values("state_store_failures_total")).toEqual({ load: 0, write: 0 });
  expect(await values("state_waiting")).toEqual({ "": 0 });
  expect(await values("state_rejected_total")).toEqual(NO_CODES);
  expect(await values("state_rejected_timestamp_seconds")).toEqual({ "": 0 });
});

test("persist() shows a store that cannot be written until it takes what waits, each failure once", async () => {
  const store = new FlakyStore();
  const { registry, persisting, time, told } = await processOf(store);
  const { attach, values } = shown();
  attach(await persisting);
  for (let n = 0; n < 2; n++) {
    await refuse(store);
    registry.get(`kept ${n}`).forceOpen();
    await time.pass(10_000);
    expect(await values("state_store_failing")).toEqual({ load: 0, write: 1 });
    expect(await values("state_waiting")).toEqual({ "": 1 });
    store.failure = null;
    await time.pass(60_000);
    expect(await values("state_store_failing")).toEqual({ load: 0, write: 0 });
    expect(await values("state_waiting")).toEqual({ "": 0 });
  }
  const failures = await values("state_store_failures_total");
  expect(failures).toEqual({ load: 0, write: 2 });
  expect(above(failures)).toEqual(folded(told, "telltale_state_store_failures_total"));
});

test("persist() shows a store that cannot be read, and one that takes too long", async () => {
  const store = new FlakyStore();
  await refuse(store);
  const { persisting, time, told } = await processOf(store);
  const { attach, values } = shown();
  attach(await persisting);
  expect(await values("state_store_failing")).toEqual({ load: 1, write: 0 });
  store.failure = null;
  await time.pass(10_000);
  expect(await values("state_store_failing")).toEqual({ load: 0, write: 0 });
  expect(await values("state_store_failures_total")).toEqual({ load: 1, write: 0 });

  const slow = new FlakyStore();
  const open = slow.hang();
  const late = await processOf(slow, { timeoutMs: 100 }, {}, time, false);
  await time.pass(100);
  const other = shown();
  other.attach(await late.persisting);
  expect(await other.values("state_store_failing")).toEqual({ load: 1, write: 0 });
  open();
  await time.pass(0);
  expect(await other.values("state_store_failing")).toEqual({ load: 0, write: 0 });
  const all = folded([...told, ...late.told], "telltale_state_store_failures_total");
  expect(all).toEqual({ load: 2 });
});

test("persist() counts the rows that could not be used by what was wrong, with the moment, as state.rejected tells them", async () => {
  const before = await processOf(new FlakyStore());
  const row = JSON.stringify(before.registry.get("a").snapshot());
  const { ledger } = ledgerOf({ budgets: [] });
  const rows = new Map([
    ["breaker:a", row],
    ["breaker:b", row],
    ["breaker:c", "cut of"],
    ["breaker:d", row.replace('"name":"a"', '"name":"d"').replace('"v":1', '"v":99')],
    ["part:ledger", "{}"],
  ]);
  const store = new FlakyStore(rows);
  const { persisting, told } = await processOf(store, { parts: { ledger } });
  const { attach, values } = shown();
  attach(await persisting);
  const rejected = told.filter((event) => event.type === "state.rejected");
  const byCode = Object.fromEntries(
    CODES.map((code) => [code, rejected.filter((event) => event.code === code).length]),
  );
  expect(rejected).toHaveLength(4);
  expect(byCode).toMatchObject({ ERR_SNAPSHOT_VERSION: 1, ERR_SNAPSHOT_FORM: 3 });
  expect(await values("state_rejected_total")).toEqual(byCode);
  const atMs = rejected.at(-1)?.atMs ?? 0;
  expect(await values("state_rejected_timestamp_seconds")).toEqual({ "": atMs / 1000 });
});

test("persist() counts a row that no store could keep once, however often it is tried", async () => {
  const prefix = "€".repeat(128);
  const { persisting, told, time, registry } = await processOf(new FlakyStore(), { prefix });
  const { attach, values } = shown();
  attach(await persisting);
  const breaker = registry.get("€".repeat(256));
  for (let n = 0; n < 3; n++) {
    breaker.forceOpen();
    await time.pass(10_000);
    breaker.reset();
    await time.pass(10_000);
  }
  expect(await values("state_rejected_total")).toEqual({ ...NO_CODES, ERR_SNAPSHOT_SIZE: 1 });
  expect(told.filter(({ type }) => type === "state.rejected")).toHaveLength(1);
});

test("persist() counts rejected rows that nobody hears, and tells each to whoever comes later", async () => {
  const heard = { now: false };
  const events: TelltaleEvent[] = [];
  const bus = {
    emit: (event: TelltaleEvent) => void events.push(event),
    on: () => () => {},
    has: (type: string) => heard.now && type === "state.rejected",
  };
  const part = {
    snapshot: () => {
      throw BOOM;
    },
    restore: () => {},
  };
  const store = new FlakyStore(new Map([["breaker:c", "cut off"]]));
  const { persisting, time } = await processOf(store, { parts: { part } }, { bus });
  const { attach, values } = shown();
  attach(await persisting);
  await time.pass(10_000);
  expect(await values("state_rejected_total")).toEqual({ ...NO_CODES, ERR_SNAPSHOT_FORM: 2 });
  heard.now = true;
  await time.pass(20_000);
  expect(events).toMatchObject([{ type: "state.rejected", subject: "part:part" }]);
  expect(await values("state_rejected_total")).toEqual({ ...NO_CODES, ERR_SNAPSHOT_FORM: 2 });
});

function ownerWorld(options: Parameters<typeof connectOwner>[1] = {}) {
  const world = new OwnerWorld({ breakers: { chat: {} }, ledger: { prices: {} } });
  const { time, namespace, lifetime } = world;
  const bus = createEventBus();
  const told: TelltaleEvent[] = [];
  bus.on("owner.*", (event) => told.push(event));
  const shared = { clock: time, timers: time, random: () => 0.5, bus };
  const connection = connectOwner("openai", { ...shared, ...options });
  const calls = connection.within({ namespace, lifetime });
  return { world, time, connection, calls, told };
}
const named = (words: readonly string[], value = 0) =>
  Object.fromEntries(words.map((word) => [`${word} openai`, value]));

test("connectOwner() shows every series at zero before anything was asked", async () => {
  const { connection } = ownerWorld();
  const { attach, values } = shown();
  attach(connection);
  expect(await values("owner_unreachable")).toEqual({ openai: 0 });
  expect(await values("owner_requests_total")).toEqual({ openai: 0 });
  expect(await values("owner_failures_total")).toEqual(named(FALLBACKS));
  expect(await values("owner_waiting")).toEqual({ openai: 0 });
  expect(await values("owner_spends_lost_total")).toEqual({
    "openai refused": 0,
    "openai overflow": 0,
  });
  expect(await values("owner_spend_lost_timestamp_seconds")).toEqual({ openai: 0 });
});

test("connectOwner() shows an owner that does not answer until it does, and what the isolate went by", async () => {
  const { world, time, connection, calls, told } = ownerWorld();
  const { attach, values } = shown();
  attach(connection);
  world.fates = ["hangs"];
  await time.until(calls.execute("chat", () => 1));
  expect(await values("owner_unreachable")).toEqual({ openai: 1 });
  expect(await values("owner_failures_total")).toEqual({
    ...named(FALLBACKS),
    "closed openai": 1,
  });
  time.nowMs += 2_000;
  await time.until(calls.execute("chat", () => 1));
  expect(await values("owner_unreachable")).toEqual({ openai: 0 });
  for (let n = 0; n < 3; n++) {
    time.nowMs += 2_000;
    world.fates = Array.from({ length: 10 }, () => "refused");
    await time.until(calls.execute("chat", () => 1));
  }
  expect(await values("owner_unreachable")).toEqual({ openai: 1 });
  const failures = await values("owner_failures_total");
  expect(failures["closed openai"]).toBe(1);
  const total = Object.values(failures).reduce((sum, count) => sum + count, 0);
  // The event is told at the 1st, 2nd, 4th, 8th of a loss; the counter has all.
  expect(total).toBe(connection.stats.failed);
  expect(total).toBeGreaterThan(told.filter(({ type }) => type === "owner.unreachable").length);
  expect(await values("owner_requests_total")).toEqual({ openai: connection.stats.requests });
});

test("connectOwner() counts the spends that got lost as owner.spend_lost tells them, and shows those that wait", async () => {
  const { world, time, connection, calls, told } = ownerWorld({ spendLimit: 1 });
  const { attach, values } = shown();
  attach(connection);
  const spend = (id: string, usd: string) => {
    time.nowMs += 1;
    return time.until(calls.spend({ provider: "openai", model: "gpt-5", usd, id }));
  };
  world.fates = Array.from({ length: 8 }, () => "refused");
  await spend("gives way", "1");
  expect(await values("owner_waiting")).toEqual({ openai: 1 });
  expect(await values("owner_spend_lost_timestamp_seconds")).toEqual({ openai: 0 });
  await spend("stays", "1");
  const overflow = await values("owner_spends_lost_total");
  expect(overflow).toEqual({ "openai overflow": 1, "openai refused": 0 });
  await spend("first", "9000000");
  await spend("beyond", "9000000");
  expect(await values("owner_waiting")).toEqual({ openai: 0 });
  const lost = await values("owner_spends_lost_total");
  expect(lost["openai refused"]).toBeGreaterThan(0);
  expect(above(lost)).toEqual(folded(told, "telltale_owner_spends_lost_total"));
  const last = told.findLast(({ type }) => type === "owner.spend_lost");
  expect(await values("owner_spend_lost_timestamp_seconds")).toEqual({
    openai: (last?.atMs ?? 0) / 1000,
  });
});

test("nameBudget: owners count against one budget, however many connections there are", async () => {
  const { attach, values } = shown();
  const names = ["a", "b", "c", "d"];
  for (const name of names) attach(connectOwner(name), 2);
  expect(await values("owner_unreachable")).toEqual({ a: 0, b: 0, __other__: 0 });
  expect(Object.keys(await values("owner_failures_total"))).toHaveLength(3 * FALLBACKS.length);
});
