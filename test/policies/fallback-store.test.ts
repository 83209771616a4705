import { expect, test, vi } from "vitest";
import { type CacheEntry, type CacheStore, fallback, permanent } from "../../src/index.ts";
import { START_AT_MS } from "../support/fake-clock.ts";
import { networkError, type Surroundings, surroundings } from "../support/policies.ts";

// Last good results in a store of the user's.

const reset = networkError("ECONNRESET");
const broken = (): Promise<never> => Promise.reject(reset);
const give = (value: string) => async () => value;

const cached = (
  { options }: Surroundings,
  cache: NonNullable<Parameters<typeof fallback<string>>[1]["cache"]>,
) => fallback<string>("rates", { ...options, fail: "closed", cache });

test("store may be a Map: it is given the entry, its key and its time to live", async () => {
  const around = surroundings();
  const store = new Map<string, CacheEntry<string>>();
  const set = vi.spyOn(store, "set");
  const policy = cached(around, { maxAgeMs: 1_000, staleWhileOpenMs: 500, store });
  await around.time.pass(10);
  await policy.call(give("one"), { key: "eur" });
  expect(set).toHaveBeenCalledWith("eur", { value: "one", atMs: START_AT_MS + 10 }, 1_500);
  await around.time.pass(90);
  expect(await policy.execute(broken, { key: "eur" })).toMatchObject({ value: "one", ageMs: 90 });
});

test("store may be asynchronous and shared by processes", async () => {
  const held = new Map<string, string>();
  const store: CacheStore<string> = {
    get: async (key) => {
      const text = held.get(key);
      return text === undefined ? null : JSON.parse(text);
    },
    set: async (key, entry) => void held.set(key, JSON.stringify(entry)),
  };
  const around = surroundings();
  await cached(around, { maxAgeMs: 1_000, store }).call(give("one"), { key: "eur" });
  await around.time.pass(600);
  const other = cached(around, { maxAgeMs: 1_000, store });
  expect(await other.execute(broken, { key: "eur" })).toMatchObject({ value: "one", ageMs: 600 });
  expect(around.time.pending).toBe(0);
});

test("a permanent error is remembered in a store without delete, and deletes in one with it", async () => {
  const around = surroundings();
  const gone = permanent(new Error("revoked"));
  const held = new Map<string, CacheEntry<string>>();
  const plain: CacheStore<string> = {
    get: (key) => held.get(key),
    set: (key, entry) => held.set(key, entry),
  };
  for (const store of [plain, new Map<string, CacheEntry<string>>()]) {
    const policy = cached(around, { maxAgeMs: 1_000, store });
    await policy.call(give("one"), { key: "eur" });
    await policy.execute(() => Promise.reject(gone), { key: "eur" });
    await expect(policy.call(broken, { key: "eur" })).rejects.toBe(reset);
  }
  expect(held.get("eur")).toEqual({ gone: true, atMs: START_AT_MS });
});

const failing = {
  "throws at once": () => {
    throw new Error("store is down");
  },
  rejects: () => Promise.reject(new Error("store is down")),
};

test.each(Object.entries(failing))(
  "a store whose set %s harms no call and is told",
  async (_, set) => {
    const around = surroundings();
    const policy = cached(around, { maxAgeMs: 1_000, store: { get: () => undefined, set } });
    await expect(policy.call(give("one"), { key: "eur" })).resolves.toBe("one");
    await around.time.pass(0);
    expect(around.last("policy.callback_failed")).toMatchObject({
      callback: "cache.store.set",
      error: { message: "store is down" },
    });
  },
);

test.each(Object.entries(failing))(
  "a store whose delete %s harms no call and is told",
  async (_, remove) => {
    const around = surroundings();
    const store = { get: () => undefined, set: () => {}, delete: remove };
    const policy = cached(around, { maxAgeMs: 1_000, store });
    const gone = permanent(new Error("revoked"));
    await expect(policy.call(() => Promise.reject(gone), { key: "eur" })).rejects.toBe(gone);
    await around.time.pass(0);
    expect(around.last("policy.callback_failed").callback).toBe("cache.store.delete");
  },
);

test.each([
  ...Object.entries(failing),
  ["answers nonsense", () => 5],
  ["answers an entry without a moment", () => ({ value: "one" })],
  ["answers an entry without a value", () => ({ atMs: START_AT_MS })],
  ["answers an entry from the future", () => ({ value: "one", atMs: START_AT_MS + 60_000 })],
])("a store whose get %s has nothing to serve and is told", async (_, get) => {
  const around = surroundings();
  // The store is wrong on purpose.
  const store = { get: get as () => undefined, set: () => {} };
  const policy = cached(around, { maxAgeMs: 1_000, store });
  await expect(policy.call(broken, { key: "eur" })).rejects.toBe(reset);
  expect(around.last("policy.callback_failed").callback).toBe("cache.store.get");
  expect(around.time.pending).toBe(0);
});

test("an entry that is a little ahead of this process's clock is as young as can be", async () => {
  const around = surroundings();
  const store = { get: () => ({ value: "one", atMs: START_AT_MS + 5_000 }), set: () => {} };
  const policy = cached(around, { maxAgeMs: 1_000, store });
  expect(await policy.execute(broken, { key: "eur" })).toMatchObject({ value: "one", ageMs: 0 });
});

test("storeLimitMs is how long the store may take: 1 000 ms when not given", async () => {
  const around = surroundings();
  const { time, last } = around;
  const store: CacheStore<string> = { get: () => new Promise(() => {}), set: () => {} };
  for (const [storeLimitMs, expected] of [
    [50, 50],
    [undefined, 1_000],
  ] as const) {
    const given = storeLimitMs === undefined ? {} : { storeLimitMs };
    const policy = cached(around, { maxAgeMs: 1_000, store, ...given });
    const startMs = time.nowMs;
    await expect(time.until(policy.call(broken, { key: "eur" }))).rejects.toBe(reset);
    expect(time.nowMs - startMs).toBe(expected);
    expect(last("policy.callback_failed")).toMatchObject({
      callback: "cache.store.get",
      error: { name: "TimeoutError" },
    });
    expect(time.pending).toBe(0);
  }
});

test("a wall clock that is set back makes no entry younger that this process wrote", async () => {
  for (const backMs of [3_000, 3_600_000]) {
    const around = surroundings();
    const { time } = around;
    const store = new Map<string, CacheEntry<string>>();
    const policy = cached(around, { maxAgeMs: 60_000, store });
    await policy.call(give("one"), { key: "eur" });
    time.jumpWall(-backMs);
    await time.pass(60_000);
    expect(await policy.execute(broken, { key: "eur" })).toMatchObject({ ageMs: 60_000 });
    await time.pass(1);
    await expect(policy.call(broken, { key: "eur" })).rejects.toBe(reset);
  }
});

test("a wall clock that is set forward makes an entry older: the bound holds", async () => {
  const around = surroundings();
  const policy = cached(around, { maxAgeMs: 60_000, store: new Map<string, CacheEntry<string>>() });
  await policy.call(give("one"), { key: "eur" });
  around.time.jumpWall(60_001);
  await expect(policy.call(broken, { key: "eur" })).rejects.toBe(reset);
});

test("a wall clock that is set while the call runs changes no age", async () => {
  const around = surroundings();
  const { time } = around;
  const store = new Map<string, CacheEntry<string>>();
  const policy = cached(around, { maxAgeMs: 60_000, store });
  const slow = policy.call(
    () => new Promise<string>((resolve) => time.start(() => resolve("one"), 100)),
    { key: "eur" },
  );
  time.jumpWall(-30_000);
  await time.until(slow);
  expect(store.get("eur")).toEqual({ value: "one", atMs: START_AT_MS - 30_000 });
  expect(await policy.execute(broken, { key: "eur" })).toMatchObject({ ageMs: 100 });
});

test("of the 1 000 keys written last this process knows the ages by itself, of others by the wall clock", async () => {
  const around = surroundings();
  const store = new Map<string, CacheEntry<string>>();
  const policy = cached(around, { maxAgeMs: 60_000, store });
  for (let n = 0; n < 1_001; n++) await policy.call(give("one"), { key: String(n) });
  await around.time.pass(4_000);
  around.time.jumpWall(-3_000);
  expect(await policy.execute(broken, { key: "0" })).toMatchObject({ ageMs: 1_000 });
  expect(await policy.execute(broken, { key: "1" })).toMatchObject({ ageMs: 4_000 });
});

test("ttlMs is a whole number that stores can take, whatever the ages are", async () => {
  for (const [maxAgeMs, staleWhileOpenMs, ttlMs] of [
    [0.5, 1_000, 1_001],
    [Number.MAX_VALUE, Number.MAX_VALUE, Number.MAX_SAFE_INTEGER],
  ] as const) {
    const around = surroundings();
    const set = vi.fn();
    const store = { get: () => undefined, set };
    const policy = cached(around, { maxAgeMs, staleWhileOpenMs, store });
    await policy.call(give("one"), { key: "eur" });
    expect(set).toHaveBeenCalledWith("eur", expect.anything(), ttlMs);
  }
});
