import { describe, expect, test } from "vitest";
import { CreditLedger } from "../../src/quota/index.ts";
import { createKvStore, type KvNamespace } from "../../src/workers/index.ts";
import { rowsOf } from "../state/store-suite.ts";
import { VirtualTime } from "../support/virtual-time.ts";
import { LaggingKv } from "./lagging-kv.ts";

function world() {
  const time = new VirtualTime();
  const kv = new LaggingKv(time);
  const store = (place: string) => createKvStore(kv.at(place), { clock: time, timers: time });
  return { time, kv, store };
}

describe("createKvStore", () => {
  test("writes a key once a second at the most, the last of what waits", async () => {
    const { time, kv, store } = world();
    const here = store("here");
    const startMs = time.nowMs;
    const ends = [here.write([["a", "1"]])];
    await time.pass(0);
    for (let n = 2; n <= 50; n++) {
      ends.push(here.write([["a", `${n}`]]));
      await time.pass(70);
    }
    await time.until(Promise.all(ends));
    const gaps = kv.writes.slice(1).map(({ atMs }, n) => atMs - (kv.writes[n]?.atMs ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1_000);
    expect(kv.writes.length).toBeLessThanOrEqual(Math.ceil((time.nowMs - startMs) / 1_000) + 1);
    expect(await rowsOf(here)).toEqual({});
    expect(await rowsOf(here, ["a"])).toEqual({ a: "50" });
  });

  test("other keys do not wait", async () => {
    const { time, kv, store } = world();
    const here = store("here");
    await time.until(here.write(Array.from({ length: 20 }, (_, n) => [`k${n}`, "1"])));
    expect(new Set(kv.writes.map(({ atMs }) => atMs)).size).toBe(1);
  });

  test("the option writeIntervalMs is the time between two writes", async () => {
    const { time, kv } = world();
    const options = { writeIntervalMs: 5_000, clock: time, timers: time };
    const here = createKvStore(kv.at("here"), options);
    await time.until(here.write([["a", "1"]]));
    await time.until(here.write([["a", "2"]]));
    const [first, second] = kv.writes;
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(5_000);
  });

  test("a write that fails is told to who waited for it, and the next one is done", async () => {
    const { time, kv } = world();
    const namespace = kv.at("here");
    let fails = true;
    const flaky: KvNamespace = {
      ...namespace,
      put: async (key, value) => {
        if (fails) throw new Error("KV PUT failed: 500");
        await namespace.put(key, value);
      },
    };
    const here = createKvStore(flaky, { clock: time, timers: time });
    await expect(here.write([["a", "1"]])).rejects.toMatchObject({
      name: "StoreError",
      code: "ERR_STORE_FAILED",
      message: "Cannot write to KV: KV PUT failed: 500",
    });
    fails = false;
    await time.until(here.write([["a", "2"]]));
    expect(await rowsOf(here, ["a"])).toEqual({ a: "2" });
  });

  test("a write that never ends, as that of a request that was cut off, holds its key up for half a minute", async () => {
    const { time, kv } = world();
    const namespace = kv.at("here");
    let hangs = true;
    const cutOff: KvNamespace = {
      ...namespace,
      put: (key, value) => (hangs ? new Promise<never>(() => {}) : namespace.put(key, value)),
    };
    const here = createKvStore(cutOff, { clock: time, timers: time });
    void here.write([["a", "1"]]);
    await time.pass(10);
    hangs = false;
    const startMs = time.nowMs;
    await time.until(here.write([["a", "2"]]));
    expect(time.nowMs - startMs).toBeLessThanOrEqual(30_000);
    expect(await rowsOf(here, ["a"])).toEqual({ a: "2" });
  });

  test("another place sees a write a minute later, and what was not there stays so for a minute", async () => {
    const { time, store } = world();
    const [here, there] = [store("here"), store("there")];
    expect(await rowsOf(there, ["a"])).toEqual({});
    await time.until(here.write([["a", "1"]]));
    expect(await rowsOf(here, ["a"])).toEqual({ a: "1" });
    await time.pass(59_000);
    expect(await rowsOf(there, ["a"])).toEqual({});
    await time.pass(61_000);
    expect(await rowsOf(there, ["a"])).toEqual({ a: "1" });
  });

  test("trap 53: KV refuses to own a ledger, of which it would lose half", async () => {
    const { time, kv, store } = world();
    // What would happen: four isolates add a spend each, and each reads what the others had not written yet.
    const isolates = ["a", "b", "c", "d"].map((place) => store(place));
    for (const isolate of isolates) {
      const { spent = "0" } = await rowsOf(isolate, ["spent"]);
      await time.until(isolate.write([["spent", `${Number(spent) + 1}`]]));
      await time.pass(1_000);
    }
    expect(kv.writes.at(-1)?.value).toContain('"1"');

    const ledger = new CreditLedger({ prices: {}, clock: time });
    ledger.record({ provider: "openai", model: "gpt-5", usd: "0.10" });
    const here = store("here");
    expect(here.capabilities.mayOwnMoney).toBe(false);
    const text = JSON.stringify(ledger.snapshot());
    await expect(here.write([["ledger", text]])).rejects.toThrow(
      'Cannot write to KV: row "ledger" must be no ledger: KV loses spends',
    );
    expect(kv.writes).toHaveLength(4);
  });

  test("keeps rows apart by the option prefix, and reads no stranger's", async () => {
    const { time, kv } = world();
    const namespace = kv.at("here");
    const of = (prefix: string) => createKvStore(namespace, { prefix, clock: time, timers: time });
    await of("a:").write([["k", "1"]]);
    await of("b:").write([["k", "2"]]);
    expect(await rowsOf(of("a:"), ["k"])).toEqual({ k: "1" });
    expect(await rowsOf(of("b:"), ["k"])).toEqual({ k: "2" });
    await namespace.put("c:=k", "a stranger's");
    await expect(rowsOf(of("c:"), ["k"])).rejects.toMatchObject({ code: "ERR_SNAPSHOT_JSON" });
  });

  test.each([
    [{}, "namespace.get must be a function, received undefined"],
    [null, "namespace must be an object, received null"],
  ])("refuses %o as a namespace", (namespace, message) => {
    expect(() => createKvStore(namespace as KvNamespace)).toThrow(
      `Cannot create KV store: ${message}`,
    );
  });

  test.each([
    [{ prefix: "" }, "prefix must be a string of 1 to 64 characters"],
    [{ prefix: "a b" }, 'prefix must be printable ASCII, received "a b"'],
    [{ writeIntervalMs: 0 }, "writeIntervalMs must be a positive number of milliseconds"],
    [{ clock: {} }, "clock.monotonicMs must be a function"],
    [{ timers: {} }, "timers.start must be a function"],
    [{ prefx: "a" }, 'unknown option "prefx", did you mean "prefix"?'],
  ])("refuses %o", (options, message) => {
    const { kv } = world();
    expect(() => createKvStore(kv.at("here"), options as object)).toThrow(message);
  });
});
