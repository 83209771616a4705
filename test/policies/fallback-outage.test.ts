import { expect, test } from "vitest";
import {
  bulkhead,
  CircuitBreaker,
  type CircuitBreakerOptions,
  fallback,
  permanent,
  pipeline,
  ratioBudget,
  retry,
  timeout,
} from "../../src/index.ts";
import { deferred } from "../support/breaker.ts";
import { networkError, surroundings } from "../support/policies.ts";

const down = (): Promise<never> => Promise.reject(networkError("ECONNREFUSED", "connect"));
const give = (value: string) => async () => value;

/** A breaker with last good results around it: allowed for 1 s, and for 60 s more in an outage. */
function guarded(options: CircuitBreakerOptions = {}) {
  const around = surroundings();
  const { time, bus } = around;
  const breaker = new CircuitBreaker("identity", {
    bus,
    clock: time,
    failureThreshold: 3,
    cooldownMs: 250,
    ...options,
  });
  const results = fallback<string>("identity", {
    ...around.options,
    fail: "closed",
    cache: { maxAgeMs: 1_000, staleWhileOpenMs: 60_000 },
  });
  return { ...around, breaker, results, policy: pipeline(results, breaker) };
}

test("staleWhileOpenMs holds for the probes of the outage, too, whatever they fail with", async () => {
  const { time, bus, options, breaker, results } = guarded();
  let drawn = 0;
  const policy = pipeline(
    results,
    retry("identity", {
      ...options,
      attempts: 2,
      maxRetryAfterMs: 0,
      // Spread as by chance, but the same in every run: the waits decide how many calls there are.
      random: () => (drawn++ * 0.381966) % 1,
      budget: ratioBudget({ ratio: 0.1 }),
    }),
    breaker,
    timeout("identity", { ...options, limitMs: 750 }),
  );
  let served = 0;
  bus.on("fallback.served", () => {
    served++;
  });
  await policy.call(give("good"), { key: "t" });
  let calls = 0;
  for (; time.nowMs < 60_000; calls++) {
    await time.pass(100);
    const hangs = breaker.state !== "closed" && calls % 3 === 0;
    const fn = hangs ? () => new Promise<string>(() => {}) : down;
    const result = await time.until(policy.execute(fn, { key: "t" }));
    expect(result).toMatchObject({ outcome: "fallback", value: "good" });
  }
  expect(served).toBe(calls);
  expect(breaker.stats.probes.error).toBeGreaterThan(10);
  expect(breaker.stats.probes.latency).toBeGreaterThan(3);
});

test("staleWhileOpenMs ends with the outage: a call that succeeds ends it for every key", async () => {
  const { time, breaker, policy } = guarded();
  await policy.call(give("old"), { key: "a" });
  breaker.forceOpen("the outage is known", { forMs: 2_000 });
  await policy.execute(give("refused"), { key: "b" });
  await time.pass(2_000);
  await expect(policy.call(down, { key: "a" })).resolves.toBe("old");
  await time.pass(250);
  await policy.call(give("well again"), { key: "b" });
  expect(breaker.state).toBe("closed");
  expect(await policy.execute(down, { key: "a" })).toMatchObject({ outcome: "error" });
});

test("a call that began before the outage does not end it, however well it ends", async () => {
  const { time, breaker, policy } = guarded();
  await policy.call(give("old"), { key: "a" });
  const before = deferred<string>();
  const slow = policy.call(() => before.promise, { key: "b" });
  breaker.forceOpen("the outage is known", { forMs: 2_000 });
  await policy.execute(give("refused"), { key: "a" });
  before.resolve("late");
  await slow;
  await time.pass(2_000);
  await expect(policy.call(down, { key: "a" })).resolves.toBe("old");
});

test("a call that began in an outage that is over does not end the next one", async () => {
  const { time, breaker, policy } = guarded({ halfOpen: { maxProbes: 2 } });
  await policy.call(give("old"), { key: "a" });
  breaker.forceOpen("the first outage", { forMs: 1_000 });
  await policy.execute(give("refused"), { key: "a" });
  await time.pass(1_000);
  const before = deferred<string>();
  const slow = policy.call(() => before.promise, { key: "b" });
  await policy.call(give("well"), { key: "c" });
  breaker.forceOpen("the second outage", { forMs: 1_000 });
  await policy.execute(give("refused"), { key: "a" });
  before.resolve("late");
  await slow;
  await time.pass(1_000);
  await expect(policy.call(down, { key: "a" })).resolves.toBe("old");
});

test("a permanent error is an answer: one of a call that began in the outage ends it", async () => {
  const { time, breaker, policy } = guarded();
  const deny = () => Promise.reject(permanent(new Error("no such token")));
  await policy.call(give("old"), { key: "a" });
  const before = deferred<string>();
  const slow = policy.execute(() => before.promise, { key: "b" });
  breaker.forceOpen("the outage is known", { forMs: 2_000 });
  await policy.execute(give("refused"), { key: "a" });
  before.reject(permanent(new Error("denied before the outage")));
  await slow;
  await time.pass(2_000);
  await expect(policy.call(down, { key: "a" })).resolves.toBe("old");
  await time.pass(250);
  await policy.execute(deny, { key: "c" });
  breaker.reset();
  expect(await policy.execute(down, { key: "a" })).toMatchObject({ outcome: "error" });
});

test("a value that keep turns down is no end of the outage", async () => {
  const { time, breaker, options } = guarded();
  const policy = pipeline(
    fallback<string>("identity", {
      ...options,
      fail: "closed",
      cache: {
        maxAgeMs: 1_000,
        staleWhileOpenMs: 60_000,
        key: "all",
        keep: (value) => value !== "HTTP 500",
      },
    }),
    breaker,
  );
  await policy.call(give("good"));
  breaker.forceOpen("the outage is known", { forMs: 2_000 });
  await policy.execute(give("refused"));
  await time.pass(2_000);
  await policy.call(give("HTTP 500"));
  await expect(policy.call(down)).resolves.toBe("good");
});

test("what no breaker refuses is no outage: without one maxAgeMs holds", async () => {
  const { time, policy } = guarded({ failureThreshold: 100 });
  await policy.call(give("good"), { key: "t" });
  await time.pass(1_001);
  for (let n = 0; n < 10; n++) {
    expect(await policy.execute(down, { key: "t" })).toMatchObject({ outcome: "error" });
  }
});

test("a bulkhead that is full while its breaker is open tells of the outage", async () => {
  const { time, breaker, results } = guarded();
  const places = bulkhead(breaker, { limit: 1, clock: time, timers: time });
  const policy = pipeline(results, places, breaker);
  await policy.call(give("good"), { key: "t" });
  void places.execute(() => new Promise(() => {}));
  await time.pass(2_000);
  expect(await policy.execute(give("new"), { key: "t" })).toMatchObject({ reason: "bulkhead" });
  breaker.forceOpen("the outage is known");
  expect(await policy.execute(give("new"), { key: "t" })).toMatchObject({
    outcome: "fallback",
    error: { reason: "bulkhead", state: "forced_open" },
  });
});
