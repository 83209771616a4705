import { expect, test } from "vitest";
import { BreakerRegistry } from "../../src/index.ts";
import { CreditLedger, ExhaustionRegistry } from "../../src/quota/index.ts";
import { persist } from "../../src/state/index.ts";
import { FlakyStore } from "../support/flaky-store.ts";
import { processOf } from "../support/persisted.ts";
import { VirtualTime } from "../support/virtual-time.ts";

test("persist() keeps quota and ledger as parts, and restores them", async () => {
  const store = new FlakyStore();
  const time = new VirtualTime();
  const parts = () => ({
    quota: new ExhaustionRegistry({ clock: time }),
    ledger: new CreditLedger({ prices: {}, clock: time }),
  });
  const before = parts();
  const first = await processOf(store, { parts: before, batchMs: 1_000 }, {}, time);
  expect(before.ledger.known).toBe(true);
  before.quota.mark("openai");
  before.ledger.record({ provider: "openai", model: "large", usd: 2, tokens: {}, id: "r-1" });
  await time.pass(1_000);
  const writes = store.writes.length;
  await time.pass(10_000);
  expect(store.writes.length).toBe(writes);
  await time.until((await first.persisting).close());
  const after = parts();
  await processOf(store, { parts: after }, {}, time);
  expect(after.quota.isExhausted("openai")).toBe(true);
  expect(after.ledger.spent()?.nano).toBe(2_000_000_000);
  const again = after.ledger.record({
    provider: "openai",
    model: "large",
    usd: 2,
    tokens: {},
    id: "r-1",
  });
  expect(again.counted).toBe(false);
});

test("persist() leaves a ledger unknown until the store has said what was spent, and writes nothing over it", async () => {
  const store = new FlakyStore();
  const time = new VirtualTime();
  const ledgerOf = () => new CreditLedger({ prices: {}, clock: time });
  const spend = { provider: "openai", model: "large", usd: 2, tokens: {} };
  const before = ledgerOf();
  const first = await processOf(store, { parts: { ledger: before } }, {}, time);
  before.record(spend);
  await time.until((await first.persisting).close());
  const rows = new Map(store.rows);
  const open = store.hang();
  const ledger = ledgerOf();
  const late = await processOf(store, { parts: { ledger }, timeoutMs: 1_000 }, {}, time, false);
  await time.pass(5_000);
  expect(ledger.spent()).toBeNull();
  ledger.record(spend);
  expect(store.rows).toEqual(rows);
  open();
  await time.pass(0);
  expect(ledger.spent()?.nano).toBe(4_000_000_000);
  await time.until((await late.persisting).close());
  // A damaged one stays unknown, and stays where it is.
  store.rows.set("part:ledger", (store.rows.get("part:ledger") ?? "").replace('"kind"', '"king"'));
  const damaged = new Map(store.rows);
  const unread = ledgerOf();
  const last = await processOf(store, { parts: { ledger: unread }, batchMs: 1_000 }, {}, time);
  unread.record(spend);
  await time.pass(5_000);
  expect(unread.spent()).toBeNull();
  expect(store.rows).toEqual(damaged);
  expect(last.told).toMatchObject([
    { type: "state.rejected", subject: "part:ledger", code: "ERR_SNAPSHOT_KIND", path: "kind" },
  ]);
});

/** A part that holds a text of any length. */
function textPart(text: string) {
  return {
    text,
    snapshot() {
      return { text: this.text };
    },
    restore(snapshot: unknown) {
      this.text = JSON.parse(String(snapshot)).text;
    },
  };
}

test("persist() keeps a part that is larger than a row in several, and takes none of them when one is missing or old", async () => {
  const store = new FlakyStore();
  const large = textPart("é".repeat(1_000_000));
  const { time } = await processOf(store, { parts: { notes: large }, batchMs: 1_000 });
  await time.pass(1_000);
  expect([...store.rows.keys()].sort()).toEqual([
    "part:notes",
    "part:notes:1",
    "part:notes:2",
    "part:notes:3",
  ]);
  const read = async () => {
    const part = textPart("");
    const { told } = await processOf(store, { parts: { notes: part } });
    return { text: part.text, told: told.filter(({ type }) => type === "state.rejected") };
  };
  expect((await read()).text).toBe(large.text);
  const old = store.rows.get("part:notes:2") ?? "";
  large.text = `${large.text}!`;
  await time.pass(1_000);
  store.rows.set("part:notes:2", old);
  expect(await read()).toMatchObject({
    text: "",
    told: [{ subject: "part:notes", path: "pieces" }],
  });
  store.rows.delete("part:notes:2");
  expect((await read()).text).toBe("");
  large.text = "short";
  await time.pass(1_000);
  expect([...store.rows.keys()]).toEqual(["part:notes"]);
  expect((await read()).text).toBe("short");
});

test.each(["", "."])(
  "persist() cuts a part nowhere that a store could not keep (%o)",
  async (shift) => {
    const store = new FlakyStore();
    const time = new VirtualTime();
    let held = `${shift}${"😀".repeat(400_000)}`;
    const part = {
      snapshot: () => held,
      restore(text: unknown) {
        held = JSON.parse(String(text));
      },
    };
    const first = await processOf(store, { parts: { part } }, {}, time);
    await time.until((await first.persisting).close());
    const written = held;
    held = "";
    const second = await processOf(store, { parts: { part } }, {}, time);
    expect(held === written).toBe(true);
    await time.until((await second.persisting).close());
  },
);

test("persist() keeps no part in several rows of a store that may tear them, and says so", async () => {
  const store = new FlakyStore(new Map(), { atomic: false });
  const parts = { notes: textPart("x".repeat(400_000)) };
  const { registry, time, told } = await processOf(store, { parts, batchMs: 1_000 });
  registry.get("payments");
  await time.pass(3_000);
  expect([...store.rows.keys()]).toEqual(["breaker:payments"]);
  expect(told.filter(({ type }) => type === "state.rejected")).toMatchObject([
    { subject: "part:notes", code: "ERR_SNAPSHOT_SIZE" },
  ]);
});

test("persist() refuses a ledger in a store that may not own money", async () => {
  const ledger = new CreditLedger({ prices: {} });
  const store = new FlakyStore(new Map(), { mayOwnMoney: false });
  await expect(persist(new BreakerRegistry(), store, { parts: { ledger } })).rejects.toThrow(
    "Cannot persist state: parts.ledger must be kept in a store that may own money, which flaky may not",
  );
  expect(ledger.known).toBe(true);
});
