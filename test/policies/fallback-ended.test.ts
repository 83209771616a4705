import { expect, test, vi } from "vitest";
import {
  type CacheEntry,
  type CacheStore,
  fallback,
  pipeline,
  retry,
  timeout,
} from "../../src/index.ts";
import { type Deferred, deferred } from "../support/breaker.ts";
import { START_AT_MS } from "../support/fake-clock.ts";
import { listenersOf, networkError, type Surroundings, surroundings } from "../support/policies.ts";

// A caller, or a time limit around it, ends a call while the fallback is at work for it.

const reset = networkError("ECONNRESET");
const broken = (): Promise<never> => Promise.reject(reset);
const entry: CacheEntry<string> = { value: "kept", atMs: START_AT_MS };

const lateEnds: [string, (late: Deferred<never>) => void][] = [
  ["answers", (late) => late.resolve(entry as never)],
  ["fails", (late) => late.reject(new Error("store is down"))],
  ["hangs", () => {}],
];

/** A fallback whose store answers when the test says so. */
function stored({ options }: Surroundings) {
  const late = deferred<never>();
  const store: CacheStore<string> = { get: () => late.promise, set: () => {} };
  const cache = { maxAgeMs: 60_000, key: "all", store };
  return {
    late,
    policy: fallback<string>("rates", { ...options, fail: "open", value: "", cache }),
  };
}

test.each(lateEnds)(
  "a call ended while the store is read rejects at once with the signal's reason; the store then %s",
  async (_, end) => {
    const around = surroundings();
    const { late, policy } = stored(around);
    const caller = new AbortController();
    const call = policy.call(broken, { signal: caller.signal });
    await around.time.pass(10);
    caller.abort("gone");
    await expect(call).rejects.toBe("gone");
    expect(around.time).toMatchObject({ nowMs: 10, pending: 0 });
    expect(listenersOf(caller.signal)).toBe(0);
    end(late);
    await around.time.pass(5_000);
    expect(around.told()).toEqual([]);
  },
);

test("a call ended at the moment when the store answers is not served for", async () => {
  const around = surroundings();
  const { late, policy } = stored(around);
  const caller = new AbortController();
  const call = policy.call(broken, { signal: caller.signal });
  await around.time.pass(10);
  late.resolve(entry as never);
  void late.promise.then(() => caller.abort("gone"));
  await expect(call).rejects.toBe("gone");
  expect(around.told()).toEqual([]);
});

test.each(lateEnds)(
  "a call ended while run runs rejects at once with the signal's reason; run then %s",
  async (_, end) => {
    const { time, options, told } = surroundings();
    const late = deferred<never>();
    const policy = fallback<string>("rates", { ...options, fail: "open", run: () => late.promise });
    const caller = new AbortController();
    const call = policy.call(broken, { signal: caller.signal });
    await time.pass(10);
    caller.abort("gone");
    await expect(call).rejects.toBe("gone");
    expect(listenersOf(caller.signal)).toBe(0);
    end(late);
    await time.pass(5_000);
    expect(told()).toEqual([]);
  },
);

test("a call ended on its way to the fallback is not made", async () => {
  const { options, told } = surroundings();
  const caller = new AbortController();
  const budget = {
    balance: 0,
    begin: () => caller.abort("gone"),
    succeed: () => {},
    withdraw: () => null,
  };
  const policy = pipeline(
    retry("outer", { ...options, budget }),
    fallback("rates", { ...options, fail: "open", value: "none" }),
  );
  const fn = vi.fn(broken);
  await expect(policy.call(fn, { signal: caller.signal })).rejects.toBe("gone");
  expect(fn).not.toHaveBeenCalled();
  expect(told()).not.toContain("fallback.served");
});

test("what a call's own functions end is ended at once, though they hang", async () => {
  const { options, told } = surroundings();
  const cache = { maxAgeMs: 1_000, key: "all" };
  const caller = () => new AbortController();
  const [first, second] = [caller(), caller()];
  const hang = (ends: AbortController) => () => {
    ends.abort("gone");
    return new Promise<string>(() => {});
  };
  const run = hang(first);
  const made = fallback<string>("rates", { ...options, fail: "open", run });
  await expect(made.call(broken, { signal: first.signal })).rejects.toBe("gone");
  const shared = fallback<string>("rates", { ...options, fail: "closed", cache });
  await expect(shared.call(hang(second), { signal: second.signal })).rejects.toBe("gone");
  for (const { signal } of [first, second]) expect(listenersOf(signal)).toBe(0);
  expect(told()).toEqual([]);
});

test("a timeout around the fallback bounds run", async () => {
  const { time, options, told } = surroundings();
  const policy = pipeline(
    timeout("over all", { ...options, limitMs: 100 }),
    fallback<string>("rates", { ...options, fail: "open", run: () => new Promise(() => {}) }),
  );
  await expect(time.until(policy.call(broken))).rejects.toMatchObject({ name: "TimeoutError" });
  expect(time.nowMs).toBe(100);
  expect(told()).toEqual(["timeout.expired"]);
});

test("a fallback of an attempt that was abandoned says nothing of the next attempt", async () => {
  const { time, options, told } = surroundings();
  const late = (value: string, delayMs: number) =>
    new Promise<string>((resolve) => time.start(() => resolve(value), delayMs));
  const policy = pipeline(
    retry("rates", { ...options, attempts: 2, backoff: () => 10 }),
    timeout("rates", { ...options, limitMs: 100 }),
    fallback<string>("inner", { ...options, fail: "open", run: () => late("made", 120) }),
  );
  let calls = 0;
  const fn = () => (++calls === 1 ? broken() : late("its own", 50));
  expect(await time.until(policy.execute(fn))).toMatchObject({
    outcome: "ok",
    value: "its own",
    attempts: 2,
  });
  await time.pass(1_000);
  expect(told()).toEqual(["timeout.expired", "retry.attempt"]);
});

test("a shared call says nothing to an attempt that has left it", async () => {
  const { time, options } = surroundings();
  const shared = pipeline(
    fallback<string>("rates", {
      ...options,
      fail: "closed",
      cache: { maxAgeMs: 1_000, key: "all" },
    }),
    retry("inner", { ...options, attempts: 2, backoff: () => 150 }),
  );
  const hasty = pipeline(
    retry("outer", { ...options, attempts: 2, backoff: () => 10 }),
    timeout("outer", { ...options, limitMs: 100 }),
    shared,
  );
  let calls = 0;
  const fn = () => (++calls === 1 ? broken() : Promise.resolve("value"));
  void shared.call(fn);
  // Its first attempt leaves the call, its second joins it again.
  const result = await time.until(hasty.execute(fn));
  expect(result).toMatchObject({ outcome: "ok", value: "value", attempts: 3 });
  expect(calls).toBe(2);
});
