import { expect, test } from "vitest";
import {
  bulkhead,
  CircuitBreaker,
  fallback,
  pipeline,
  ratioBudget,
  retry,
  timeout,
} from "../../src/index.ts";
import { BOOM, fail, succeed } from "../support/breaker.ts";
import { flaky, httpError, surroundings } from "../support/policies.ts";

const steady = { backoff: { jitter: "none", initialMs: 100 } } as const;

test("a fallback around a limit and a retry serves at once while the breaker is open, by its longer bound", async () => {
  for (const passedMs of [1_000, 31_000, 58_000]) {
    const { time, options, bus, told, last } = surroundings();
    const breaker = new CircuitBreaker("identity", { bus, clock: time });
    const budget = ratioBudget({ ratio: 0.1 });
    const introspect = pipeline(
      fallback<string>("identity", {
        ...options,
        fail: "closed",
        cache: { maxAgeMs: 60_000, staleWhileOpenMs: 60_000, maxEntries: 10_000 },
      }),
      timeout("identity overall", { ...options, limitMs: 3_000 }),
      retry("identity", { ...options, attempts: 3, budget }),
      bulkhead(breaker, { limit: 20, queue: { limit: 50, maxWaitMs: 500 } }),
      breaker,
      timeout("identity", { ...options, limitMs: 800 }),
    );
    for (let n = 0; n < 20; n++) await introspect.call(succeed, { key: "token-1" });
    // The result is older than maxAgeMs then: only the refusal allows it.
    await time.pass(60_000 - passedMs + 5_000);
    for (let n = 0; n < 5; n++) breaker.recordFailure(BOOM);
    await time.pass(passedMs - 1_000);
    const { nowMs } = time;
    const before = budget.balance;
    told();
    const result = await time.until(introspect.execute(succeed, { key: "token-1" }));
    expect(result).toMatchObject({ outcome: "fallback", source: "cache", ageMs: 64_000 });
    expect(told()).toEqual(["circuit.skip", "retry.give_up", "fallback.served"]);
    expect(last("fallback.served")).toMatchObject({ reason: "refusal", ageMs: 64_000 });
    expect(budget.balance).toBeCloseTo(before + 0.1);
    expect(time.nowMs).toBe(nowMs);
    expect(time.pending).toBe(0);
  }
});

test("a wait that would not end before the limit of a timeout around is not begun", async () => {
  for (const [limitMs, attempts] of [
    [100, 1],
    [101, 2],
    [300, 2],
    [301, 3],
  ]) {
    const { time, options, last, told } = surroundings();
    const composed = pipeline(
      timeout("all", { ...options, limitMs: limitMs ?? 0 }),
      retry("orders", { ...options, ...steady, attempts: 9 }),
    );
    const result = await time.until(composed.execute(fail));
    expect(result).toMatchObject({
      outcome: "error",
      attempts,
      error: { name: "RetryError", reason: "time", attempts, cause: BOOM },
    });
    expect(last("retry.give_up")).toMatchObject({ reason: "time", error: { message: "boom" } });
    expect(told()).not.toContain("timeout.expired");
    expect(time.pending).toBe(0);
  }
});

test("a Retry-After that does not fit into the limit of a timeout around is given up at once", async () => {
  const { time, options } = surroundings();
  const composed = pipeline(
    timeout("all", { ...options, limitMs: 3_000, mode: "cooperate" }),
    retry("orders", { ...options, ...steady }),
  );
  const busy = httpError(429, { "retry-after": "3" });
  await expect(composed.call(() => Promise.reject(busy))).rejects.toMatchObject({
    reason: "time",
    cause: busy,
  });
  expect(time.nowMs).toBe(0);
});

test.each([
  [1_000, 150],
  [150, 1_000],
])(
  "of several limits around a retry the nearest counts: %i around %i",
  async (outerMs, innerMs) => {
    const { time, options } = surroundings();
    const composed = pipeline(
      timeout("outer", { ...options, limitMs: outerMs }),
      timeout("inner", { ...options, limitMs: innerMs }),
      retry("orders", { ...options, ...steady, attempts: 9 }),
    );
    expect(await time.until(composed.execute(fail))).toMatchObject({
      attempts: 2,
      error: { reason: "time" },
    });
    expect(time.nowMs).toBe(100);
  },
);

test("totalMs counts beside a timeout around, whichever ends first", async () => {
  for (const [limitMs, totalMs, attempts] of [
    [1_000, 150, 2],
    [150, 1_000, 2],
    [1_000, 350, 3],
  ] as const) {
    const { time, options } = surroundings();
    const composed = pipeline(
      timeout("all", { ...options, limitMs }),
      retry("orders", { ...options, ...steady, attempts: 3, totalMs }),
    );
    const result = await time.until(composed.execute(fail));
    expect(result).toMatchObject({ attempts });
    expect(time.pending).toBe(0);
  }
});

test("a limit that began before a wait counts what is left of it", async () => {
  const { time, options } = surroundings();
  const composed = pipeline(
    timeout("all", { ...options, limitMs: 500 }),
    retry("orders", { ...options, ...steady, attempts: 2 }),
  );
  const slow = () => new Promise<string>((_, reject) => time.start(() => reject(BOOM), 400));
  expect(await time.until(composed.execute(slow))).toMatchObject({
    attempts: 1,
    latencyMs: 400,
    error: { reason: "time" },
  });
});

test("no attempt begins after the limit of a timeout around, when the process was too busy for its timers", async () => {
  const { time, options, last } = surroundings();
  const composed = pipeline(
    timeout("all", { ...options, limitMs: 250, mode: "cooperate" }),
    retry("orders", { ...options, ...steady, attempts: 9 }),
  );
  const fn = flaky([BOOM]);
  const call = composed.execute(fn);
  await time.pass(0);
  time.advance(300);
  await time.until(call);
  expect(fn.calls).toBe(1);
  expect(last("retry.give_up")).toMatchObject({ reason: "time", attempts: 1 });
  expect(time.pending).toBe(0);
});

test("the limit of one caller does not end a call that others wait for, too", async () => {
  const { time, options } = surroundings();
  const composed = pipeline(
    timeout("all", { ...options, limitMs: 100 }),
    fallback<string>("orders", {
      ...options,
      fail: "closed",
      cache: { maxAgeMs: 1, key: "all" },
    }),
    retry("orders", { ...options, backoff: () => 80 }),
  );
  let calls = 0;
  const fn = () =>
    new Promise<string>((resolve, reject) => {
      if (++calls === 1) time.start(() => reject(BOOM), 40);
      else resolve("value");
    });
  const first = composed.execute(fn);
  await time.pass(30);
  const second = composed.execute(fn);
  expect(await time.until(first)).toMatchObject({ error: { name: "TimeoutError" } });
  expect(await time.until(second)).toMatchObject({ outcome: "ok", value: "value" });
  expect(calls).toBe(2);
});
