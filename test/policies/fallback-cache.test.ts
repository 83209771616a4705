import fc from "fast-check";
import { expect, test, vi } from "vitest";
import {
  bulkhead,
  type CacheEntry,
  CircuitBreaker,
  fallback,
  permanent,
  pipeline,
} from "../../src/index.ts";
import { deferred } from "../support/breaker.ts";
import { networkError, type Surroundings, surroundings } from "../support/policies.ts";

const reset = networkError("ECONNRESET");
const broken = (): Promise<never> => Promise.reject(reset);
const give = (value: string) => async () => value;

const cached = (
  { options }: Surroundings,
  cache: Parameters<typeof fallback<string>>[1]["cache"],
) => fallback<string>("rates", { ...options, fail: "closed", cache: cache ?? { maxAgeMs: 1_000 } });

test("the last good result of the key is served, with its age, in event and result", async () => {
  const around = surroundings();
  const { time, last } = around;
  const policy = cached(around, { maxAgeMs: 1_000 });
  await policy.call(give("eur 1"), { key: "eur" });
  await policy.call(give("usd 1"), { key: "usd" });
  await time.pass(400);
  await policy.call(give("usd 2"), { key: "usd" });
  await time.pass(100);
  await expect(policy.call(broken, { key: "eur" })).resolves.toBe("eur 1");
  expect(last("fallback.served")).toMatchObject({ source: "cache", ageMs: 500, reason: "error" });
  expect(await policy.execute(broken, { key: "usd" })).toEqual({
    outcome: "fallback",
    value: "usd 2",
    source: "cache",
    ageMs: 100,
    error: reset,
    latencyMs: 0,
    attempts: 1,
  });
});

test("nothing is served for a key that had no good result: it fails closed", async () => {
  const around = surroundings();
  const policy = cached(around, { maxAgeMs: 1_000 });
  await policy.call(give("eur 1"), { key: "eur" });
  await expect(policy.call(broken, { key: "usd" })).rejects.toBe(reset);
  expect(around.told()).toEqual([]);
});

test("fail open: value or run is served where no last good result can be", async () => {
  const { time, options, last } = surroundings();
  const cache = { maxAgeMs: 100, key: "all" };
  const valued = fallback<string>("rates", { ...options, fail: "open", value: "none", cache });
  await expect(valued.call(broken)).resolves.toBe("none");
  await valued.call(give("one"));
  await expect(valued.call(broken)).resolves.toBe("one");
  await time.pass(101);
  await expect(valued.call(broken)).resolves.toBe("none");
  expect(last("fallback.served").source).toBe("value");
  const made = fallback<string>("rates", { ...options, fail: "open", run: () => "made", cache });
  await expect(made.call(broken)).resolves.toBe("made");
});

test("maxAgeMs is the bound: a result is served at that age and not beyond", async () => {
  const around = surroundings();
  const policy = cached(around, { maxAgeMs: 1_000, key: "all" });
  await policy.call(give("one"));
  await around.time.pass(1_000);
  await expect(policy.call(broken)).resolves.toBe("one");
  await around.time.pass(1);
  await expect(policy.call(broken)).rejects.toBe(reset);
});

test("the age counts from when the call that brought the result began", async () => {
  const around = surroundings();
  const policy = cached(around, { maxAgeMs: 1_000, key: "all" });
  const answer = deferred<string>();
  const call = policy.call(() => answer.promise);
  await around.time.pass(700);
  answer.resolve("one");
  await call;
  expect(await policy.execute(broken)).toMatchObject({ ageMs: 700 });
  await around.time.pass(301);
  await expect(policy.call(broken)).rejects.toBe(reset);
});

test("an age does not change when the wall clock is set", async () => {
  const around = surroundings();
  const policy = cached(around, { maxAgeMs: 1_000, key: "all" });
  await policy.call(give("one"));
  around.time.jumpWall(-3_600_000);
  await around.time.pass(1_001);
  await expect(policy.call(broken)).rejects.toBe(reset);
});

test("staleWhileOpenMs serves longer while the breaker refuses, up to its own bound", async () => {
  const around = surroundings();
  const { time, last } = around;
  const breaker = new CircuitBreaker("guarded", { clock: time });
  const policy = pipeline(
    cached(around, { maxAgeMs: 1_000, staleWhileOpenMs: 500, key: "all" }),
    breaker,
  );
  await policy.call(give("one"));
  breaker.forceOpen();
  await time.pass(1_500);
  await expect(policy.call(give("two"))).resolves.toBe("one");
  expect(last("fallback.served")).toMatchObject({ reason: "refusal", ageMs: 1_500 });
  await time.pass(1);
  await expect(policy.call(give("two"))).rejects.toMatchObject({ name: "CircuitOpenError" });
});

test("staleWhileOpenMs does not count for other failures, nor for a bulkhead that is full", async () => {
  const around = surroundings();
  const policy = cached(around, { maxAgeMs: 1_000, staleWhileOpenMs: 500, key: "all" });
  await policy.call(give("one"));
  const { time } = around;
  const places = bulkhead(new CircuitBreaker("db", { clock: time }), { limit: 1 });
  void places.call(() => new Promise(() => {}));
  const crowded = () => places.call(give("two"));
  await time.pass(1_000);
  await expect(policy.call(crowded)).resolves.toBe("one");
  await time.pass(1);
  await expect(policy.call(crowded)).rejects.toMatchObject({ reason: "bulkhead" });
  await expect(policy.call(broken)).rejects.toBe(reset);
});

test("a key is needed: of the call, or of the cache", async () => {
  const around = surroundings();
  const policy = cached(around, { maxAgeMs: 1_000 });
  const fn = vi.fn(give("one"));
  await expect(policy.call(fn)).rejects.toThrow(
    'Cannot call fallback "rates": key must be given with the call or as cache.key, received undefined',
  );
  expect(fn).not.toHaveBeenCalled();
  const keyed = cached(around, { maxAgeMs: 1_000, key: "eur" });
  await keyed.call(fn);
  await keyed.call(give("usd 1"), { key: "usd" });
  await expect(keyed.call(broken)).resolves.toBe("one");
});

test("keep decides what is good enough to be kept", async () => {
  const around = surroundings();
  const policy = cached(around, { maxAgeMs: 1_000, key: "all", keep: (value) => value !== "bad" });
  await policy.call(give("good"));
  await expect(policy.call(give("bad"))).resolves.toBe("bad");
  await expect(policy.call(broken)).resolves.toBe("good");
});

test("keep that throws keeps nothing, harms no call and is told", async () => {
  const around = surroundings();
  const keep = () => {
    throw new Error("broken");
  };
  const policy = cached(around, { maxAgeMs: 1_000, key: "all", keep });
  await expect(policy.call(give("one"))).resolves.toBe("one");
  expect(around.last("policy.callback_failed").callback).toBe("cache.keep");
  await expect(policy.call(broken)).rejects.toBe(reset);
});

test("a permanent error takes the last good result away", async () => {
  const around = surroundings();
  const policy = cached(around, { maxAgeMs: 1_000, key: "all" });
  await policy.call(give("one"));
  const revoked = permanent(new Error("revoked"));
  await expect(policy.call(() => Promise.reject(revoked))).rejects.toBe(revoked);
  await expect(policy.call(broken)).rejects.toBe(reset);
});

test("a call that began before a permanent error brings nothing back, whatever holds the results", async () => {
  const revoked = () => Promise.reject(permanent(new Error("revoked")));
  for (const store of [undefined, new Map<string, CacheEntry<string>>()]) {
    const around = surroundings();
    const policy = cached(around, {
      maxAgeMs: 1_000,
      key: "all",
      singleFlight: false,
      ...(store === undefined ? {} : { store }),
    });
    const before = deferred<string>();
    const slow = policy.call(() => before.promise);
    await policy.execute(revoked);
    before.resolve("not revoked yet");
    await expect(slow).resolves.toBe("not revoked yet");
    await expect(policy.call(broken)).rejects.toBe(reset);
    await policy.call(give("granted anew"));
    await expect(policy.call(broken)).resolves.toBe("granted anew");
  }
});

test("what an inner fallback served is not kept as a good result", async () => {
  const around = surroundings();
  let serves = true;
  const inner = fallback<string>("inner", {
    ...around.options,
    fail: "open",
    value: "none",
    serveOn: { error: () => serves },
  });
  const policy = pipeline(cached(around, { maxAgeMs: 1_000, key: "all" }), inner);
  expect(await policy.execute(broken)).toMatchObject({ outcome: "fallback", source: "value" });
  serves = false;
  await expect(policy.call(broken)).rejects.toBe(reset);
  await policy.call(give("own"));
  await expect(policy.call(broken)).resolves.toBe("own");
});

test("maxEntries bounds the keys: the one used longest ago goes first", async () => {
  const around = surroundings();
  const policy = cached(around, { maxAgeMs: 1_000, maxEntries: 2 });
  for (const key of ["a", "b"]) await policy.call(give(key), { key });
  await expect(policy.call(broken, { key: "a" })).resolves.toBe("a");
  await policy.call(give("c"), { key: "c" });
  await expect(policy.call(broken, { key: "b" })).rejects.toBe(reset);
  await expect(policy.call(broken, { key: "a" })).resolves.toBe("a");
  await expect(policy.call(broken, { key: "c" })).resolves.toBe("c");
});

test("maxEntries is 1 000 when none is given", async () => {
  const around = surroundings();
  const policy = cached(around, { maxAgeMs: 1_000 });
  for (let n = 0; n < 1_001; n++) await policy.call(give(String(n)), { key: String(n) });
  await expect(policy.call(broken, { key: "0" })).rejects.toBe(reset);
  await expect(policy.call(broken, { key: "1" })).resolves.toBe("1");
});

test("of two calls that end in the other order the younger result stays, whatever holds the results", async () => {
  for (const store of [undefined, new Map<string, CacheEntry<string>>()]) {
    for (const singleFlight of [false, { leaseMs: 10 }] as const) {
      const around = surroundings();
      const policy = cached(around, {
        maxAgeMs: 1_000,
        key: "all",
        singleFlight,
        ...(store === undefined ? {} : { store }),
      });
      const first = deferred<string>();
      const older = policy.call(() => first.promise);
      await around.time.pass(10);
      await policy.call(give("younger"));
      first.resolve("older");
      await older;
      expect(await policy.execute(broken)).toMatchObject({ value: "younger", ageMs: 0 });
    }
  }
});

test("strangers who are denied while a call runs do not take its result away, however many", async () => {
  const around = surroundings();
  const policy = cached(around, { maxAgeMs: 1_000 });
  const answer = deferred<string>();
  const slow = policy.call(() => answer.promise, { key: "known" });
  const denied = () => Promise.reject(permanent(new Error("no")));
  const strangers = Array.from({ length: 5_000 }, (_, n) =>
    policy.execute(denied, { key: `${n}` }),
  );
  await Promise.all(strangers);
  for (let n = 0; n < 12_000; n++) await policy.execute(denied, { key: `later ${n}` });
  answer.resolve("good");
  await slow;
  await expect(policy.call(broken, { key: "known" })).resolves.toBe("good");
});

test("trap 40: of more than 10 000 keys with calls that hang, the oldest neither write nor delete a result", async () => {
  const around = surroundings();
  const policy = cached(around, { maxAgeMs: 1_000, singleFlight: false });
  await policy.call(give("kept"), { key: "oldest" });
  await around.time.pass(1);
  const answers = ["oldest", "next"].map((key) => {
    const answer = deferred<string>();
    return { answer, call: policy.call(() => answer.promise, { key }) };
  });
  for (let n = 0; n < 9_999; n++) {
    void policy.call(() => new Promise<string>(() => {}), { key: String(n) });
  }
  for (const { answer, call } of answers) {
    answer.resolve("new");
    await call;
  }
  await expect(policy.call(broken, { key: "oldest" })).resolves.toBe("kept");
  await expect(policy.call(broken, { key: "next" })).resolves.toBe("new");
  await policy.call(give("newer"), { key: "oldest" });
  await expect(policy.call(broken, { key: "oldest" })).resolves.toBe("newer");
});

test("the least recently used key goes first, as a reference of it says", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(
        fc.record({ key: fc.constantFrom("a", "b", "c", "d", "e", "f"), fails: fc.boolean() }),
        {
          maxLength: 60,
        },
      ),
      async (maxEntries, calls) => {
        const around = surroundings();
        const policy = cached(around, { maxAgeMs: 1_000, maxEntries });
        let used: string[] = [];
        for (const { key, fails } of calls) {
          const result = await policy.execute(fails ? broken : give(key), { key });
          const held = used.includes(key);
          if (fails) expect(result.outcome).toBe(held ? "fallback" : "error");
          if (!fails || held) used = [...used.filter((other) => other !== key), key];
          used = used.slice(-maxEntries);
        }
      },
    ),
  );
});
