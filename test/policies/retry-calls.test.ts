import { expect, test, vi } from "vitest";
import { CircuitBreaker, ratioBudget, refusalOf, retry } from "../../src/index.ts";
import { BOOM, deferred, fail, succeed } from "../support/breaker.ts";
import { START_AT_MS } from "../support/fake-clock.ts";
import { flaky, httpError, listenersOf, surroundings } from "../support/policies.ts";

const steady = { backoff: { jitter: "none", initialMs: 100 } } as const;

test("a refusal of a breaker is not tried again before its retryAfterMs", async () => {
  const { time, options, last } = surroundings();
  const breaker = new CircuitBreaker("orders", {
    clock: time,
    failureThreshold: 1,
    cooldownMs: 5_000,
  });
  await breaker.execute(fail);
  await time.pass(1_000);
  const policy = retry("orders", { ...options, ...steady });
  await expect(time.until(policy.call(() => breaker.call(succeed)))).resolves.toBe("value");
  expect(last("retry.attempt")).toMatchObject({ delayMs: 4_100, retryAfterMs: 4_000 });
  expect(breaker.stats.skips.open).toBe(1);
});

test("a refusal whose retryAfterMs is too long is given up at once", async () => {
  const { time, options } = surroundings();
  const breaker = new CircuitBreaker("orders", { clock: time, failureThreshold: 1 });
  await breaker.execute(fail);
  const policy = retry("orders", options);
  const error: unknown = await policy.call(() => breaker.call(succeed)).catch((thrown) => thrown);
  expect(error).toMatchObject({ reason: "retry_after", attempts: 1 });
  expect(refusalOf(error)).toMatchObject({
    breaker: "orders",
    reason: "open",
    retryAfterMs: 60_000,
  });
  expect(breaker.stats.skips.open).toBe(1);
});

test("a refusal without an end is given up at once when forced, else tried within the budgets", async () => {
  const { time, options, last } = surroundings();
  const breaker = new CircuitBreaker("orders", {
    clock: time,
    failureThreshold: 1,
    cooldownMs: 100,
  });
  breaker.forceOpen("maintenance");
  const policy = retry("orders", { ...options, ...steady, attempts: 3 });
  await expect(policy.call(() => breaker.call(succeed))).rejects.toMatchObject({
    reason: "refused",
    attempts: 1,
  });
  expect(last("retry.give_up").reason).toBe("refused");
  breaker.reset();
  await breaker.execute(fail);
  await time.pass(100);
  const probe = deferred<string>();
  const probing = breaker.call(() => probe.promise);
  const refused = policy.call(() => breaker.call(succeed));
  await time.pass(150);
  expect(breaker.stats.skips.half_open).toBe(2);
  expect(last("retry.attempt")).toMatchObject({ delayMs: 200, retryAfterMs: null });
  probe.resolve("back");
  await probing;
  await expect(time.until(refused)).resolves.toBe("value");
  const limited = retry("orders", { ...options, ...steady, budget: ratioBudget() });
  await breaker.execute(fail);
  await time.pass(100);
  const permit = breaker.admit();
  await expect(limited.call(() => breaker.call(succeed))).rejects.toMatchObject({
    reason: "budget",
  });
  if (permit.ok) permit.success();
});

test("a RetryError counts as its cause for a breaker around the retry", async () => {
  const { time, options } = surroundings();
  const outer = new CircuitBreaker("outer", { clock: time });
  const inner = new CircuitBreaker("inner", { clock: time });
  inner.forceOpen("off", { forMs: 100_000 });
  const policy = retry("orders", { ...options, attempts: 2 });
  const slow = Object.assign(new Error("slow"), { name: "TimeoutError" });
  const counted = async (fn: () => Promise<unknown>) =>
    (await time.until(outer.execute(() => policy.call(fn)))).countedAs;
  expect(await counted(() => inner.call(succeed))).toBe("unreached");
  expect(await counted(() => Promise.reject(slow))).toBe("latency");
  expect(await counted(fail)).toBe("error");
  expect(await counted(() => policy.call(() => Promise.reject(slow)))).toBe("latency");
});

test("a signal that is aborted before the call keeps it from running", async () => {
  const { options, told } = surroundings();
  const fn = vi.fn(succeed);
  const policy = retry("orders", options);
  const signal = AbortSignal.abort("no more");
  await expect(policy.call(fn, { signal })).rejects.toBe("no more");
  expect(await policy.execute(fn, { signal })).toMatchObject({
    outcome: "error",
    error: "no more",
  });
  expect(fn).not.toHaveBeenCalled();
  expect(told()).toEqual([]);
});

test("a signal is handed to every attempt, and ends them", async () => {
  const { time, options, last } = surroundings();
  const policy = retry("orders", { ...options, attempts: 9 });
  const caller = new AbortController();
  const seen: AbortSignal[] = [];
  const call = policy.call(
    (signal) => {
      seen.push(signal);
      if (seen.length === 2) caller.abort("no more");
      return fail();
    },
    { signal: caller.signal },
  );
  await expect(time.until(call)).rejects.toBe(BOOM);
  expect(seen).toEqual([caller.signal, caller.signal]);
  expect(last("retry.give_up")).toMatchObject({ reason: "aborted", attempts: 2 });
  expect(listenersOf(caller.signal)).toBe(0);
});

test("a call that succeeds after its waits leaves no listener on the signal", async () => {
  const { time, options } = surroundings();
  const { signal } = new AbortController();
  await time.until(retry("orders", options).call(flaky([BOOM, BOOM]), { signal }));
  expect(listenersOf(signal)).toBe(0);
  expect(time.pending).toBe(0);
});

test("the events of a call carry its context, frozen, and never its key", async () => {
  const { time, options, events } = surroundings();
  const policy = retry("orders", { ...options, attempts: 2 });
  await time.until(policy.execute(fail, { context: { delivery: "d-1" }, key: "secret" }));
  expect(events.map(({ type }) => type)).toEqual(["retry.attempt", "retry.give_up"]);
  for (const event of events) {
    expect(event).toMatchObject({ policy: "orders", context: { delivery: "d-1" }, v: 1 });
    expect(Object.isFrozen(event)).toBe(true);
    expect(JSON.stringify(event)).not.toContain("secret");
  }
});

test("retry.attempt says which attempt comes, after which wait, and why", async () => {
  const { time, options, events } = surroundings();
  const policy = retry("orders", { ...options, ...steady, attempts: 3 });
  await time.until(policy.execute(fail));
  expect(events[0]).toEqual({
    type: "retry.attempt",
    v: 1,
    atMs: START_AT_MS,
    policy: "orders",
    attempt: 2,
    attempts: 3,
    delayMs: 100,
    retryAfterMs: null,
    error: { name: "Error", message: "boom" },
  });
  expect(events[1]).toMatchObject({ attempt: 3, delayMs: 200, atMs: START_AT_MS + 100 });
  expect(events[2]).toMatchObject({ type: "retry.give_up", atMs: START_AT_MS + 300 });
});

test("execute() describes the end: value, failure, refusal, with attempts and time", async () => {
  const { time, options } = surroundings();
  const policy = retry("orders", { ...options, ...steady });
  expect(await time.until(policy.execute(flaky([BOOM])))).toEqual({
    outcome: "ok",
    value: "value",
    latencyMs: 100,
    attempts: 2,
  });
  const missing = httpError(404);
  expect(await policy.execute(() => Promise.reject(missing))).toEqual({
    outcome: "error",
    error: missing,
    latencyMs: 0,
    attempts: 1,
  });
  const breaker = new CircuitBreaker("guarded", { clock: time });
  breaker.forceOpen();
  const refused = await policy.execute(() => breaker.call(succeed));
  expect(refused).toMatchObject({
    outcome: "circuit-open",
    reason: "forced_open",
    retryAfterMs: null,
    attempts: 1,
    error: { name: "CircuitOpenError", breaker: "guarded" },
  });
});

test("a bus of the user's that fails harms no call", async () => {
  const { time, options } = surroundings();
  const broken = (): never => {
    throw new Error("broken");
  };
  const policy = retry("orders", { ...options, bus: { emit: broken, on: broken, has: broken } });
  await expect(time.until(policy.call(flaky([BOOM])))).resolves.toBe("value");
});

test("a clock of the user's that fails harms no call and is told", async () => {
  const { options, told } = surroundings();
  const clock = { monotonicMs: () => Number.NaN, epochMs: () => 0 };
  const policy = retry("orders", { ...options, clock, attempts: 1 });
  await expect(policy.call(fail)).rejects.toMatchObject({ reason: "attempts", elapsedMs: 0 });
  expect(told()).toContain("policy.callback_failed");
});
