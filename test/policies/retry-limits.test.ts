import { expect, test } from "vitest";
import { type RetryBudget, ratioBudget, retry, tokenBudget } from "../../src/index.ts";
import { BOOM, deferred, fail, succeed } from "../support/breaker.ts";
import { START_AT_MS } from "../support/fake-clock.ts";
import { flaky, httpError, networkError, surroundings } from "../support/policies.ts";

const steady = { backoff: { jitter: "none", initialMs: 100 } } as const;

test("Retry-After is waited for, and the backoff on top of it", async () => {
  const { time, options, last } = surroundings();
  const policy = retry("orders", { ...options, ...steady });
  await time.until(policy.call(flaky([httpError(429, { "retry-after": "7" })])));
  expect(time.nowMs).toBe(7_100);
  expect(last("retry.attempt")).toMatchObject({ delayMs: 7_100, retryAfterMs: 7_000 });
  // A date has whole seconds.
  const inTwo = new Date(START_AT_MS + 9_000).toUTCString();
  await time.until(policy.call(flaky([httpError(503, { "Retry-After": inTwo })])));
  expect(time.nowMs).toBe(9_100);
  const own = Object.assign(new Error("busy"), { retryAfterMs: 50 });
  await time.until(policy.call(flaky([own])));
  expect(time.nowMs).toBe(9_250);
  expect(last("retry.attempt")).toMatchObject({ delayMs: 150, retryAfterMs: 50 });
});

test("maxRetryAfterMs gives up at once when more is asked for", async () => {
  const { time, options, last } = surroundings();
  const policy = retry("orders", { ...options, ...steady, maxRetryAfterMs: 5_000 });
  const busy = httpError(429, { "retry-after": "6" });
  await expect(policy.call(() => Promise.reject(busy))).rejects.toMatchObject({
    reason: "retry_after",
    cause: busy,
  });
  expect(time.nowMs).toBe(0);
  expect(last("retry.give_up").reason).toBe("retry_after");
  // The backoff on top of it does not count.
  await time.until(policy.call(flaky([httpError(429, { "retry-after": "5" })])));
  expect(time.nowMs).toBe(5_100);
});

test("maxRetryAfterMs is 30 000 when none is given", async () => {
  const { time, options } = surroundings();
  const policy = retry("orders", { ...options, ...steady });
  await time.until(policy.call(flaky([httpError(429, { "retry-after": "30" })])));
  expect(time.nowMs).toBe(30_100);
  const busy = httpError(429, { "retry-after": "31" });
  await expect(policy.call(() => Promise.reject(busy))).rejects.toMatchObject({
    reason: "retry_after",
  });
});

test("totalMs: a retry whose wait would not end in time is not begun", async () => {
  const { time, options } = surroundings();
  const policy = retry("orders", { ...options, ...steady, attempts: 9, totalMs: 250 });
  await expect(time.until(policy.call(fail))).rejects.toMatchObject({
    reason: "time",
    attempts: 2,
    elapsedMs: 100,
    cause: BOOM,
  });
  expect(time.nowMs).toBe(100);
  expect(time.pending).toBe(0);
});

test("totalMs ends an attempt that is under way, aborts its signal and keeps the last error", async () => {
  const { time, options, last, told } = surroundings();
  const policy = retry("orders", { ...options, ...steady, attempts: 9, totalMs: 1_000 });
  const signals: AbortSignal[] = [];
  const call = policy.call((signal) => {
    signals.push(signal);
    return signals.length === 1 ? fail() : new Promise<string>(() => {});
  });
  const error: unknown = await time.until(call).catch((thrown: unknown) => thrown);
  expect(time.nowMs).toBe(1_000);
  expect(error).toMatchObject({
    name: "RetryError",
    reason: "time",
    attempts: 2,
    elapsedMs: 1_000,
  });
  expect(error).toMatchObject({ cause: { name: "TimeoutError", limitMs: 1_000, cause: BOOM } });
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
  expect(signals[1]?.reason).toMatchObject({ name: "TimeoutError" });
  expect(told()).toEqual(["retry.attempt", "retry.give_up"]);
  expect(last("retry.give_up")).toMatchObject({ reason: "time", attempts: 2 });
  expect(time.pending).toBe(0);
});

test("totalMs: no attempt begins after it, when the process was too busy for its timers", async () => {
  const { time, options, last } = surroundings();
  const isBad = (value: unknown) => value === "bad";
  const limits = { ...options, ...steady, attempts: 9, totalMs: 250 };
  const policy = retry("orders", { ...limits, shouldRetryResult: isBad });
  for (const attempt of [fail, async () => "bad"]) {
    let attempts = 0;
    const call = policy.execute(() => {
      attempts++;
      return attempt();
    });
    await time.pass(0);
    time.advance(300);
    const result = await time.until(call);
    if (attempt === fail) expect(result).toMatchObject({ error: { reason: "time", cause: BOOM } });
    else expect(result).toMatchObject({ outcome: "ok", value: "bad" });
    expect(last("retry.give_up")).toMatchObject({ reason: "time", attempts: 1, elapsedMs: 300 });
    expect(attempts).toBe(1);
    expect(time.pending).toBe(0);
  }
});

test("totalMs: what an attempt does after the end is nobody's, and tells nothing more", async () => {
  const { time, options, told } = surroundings();
  const policy = retry("orders", { ...options, totalMs: 100, attempts: 5 });
  const attempt = deferred<string>();
  const call = policy.execute(() => attempt.promise);
  await time.pass(100);
  expect(await call).toMatchObject({ outcome: "error", error: { reason: "time" } });
  expect(told()).toEqual(["retry.give_up"]);
  attempt.reject(BOOM);
  await time.pass(10_000);
  expect(told()).toEqual([]);
});

test("elapsedMs is null when nobody listened when the call began and nothing needs the time", async () => {
  const { time, options, bus } = surroundings();
  const { bus: _, ...unheard } = options;
  const silent = retry("orders", { ...unheard, attempts: 1 });
  await expect(time.until(silent.call(fail))).rejects.toMatchObject({ elapsedMs: null });
  const other = surroundings();
  const own: (number | null)[] = [];
  const quiet = { emit: bus.emit.bind(bus), on: bus.on.bind(bus), has: () => own.length > 0 };
  const policy = retry("orders", { ...other.options, bus: quiet, attempts: 1 });
  bus.on("retry.give_up", (event) => own.push(event.elapsedMs));
  const attempt = deferred<string>();
  const call = policy.execute(() => attempt.promise);
  own.push(-1);
  attempt.reject(BOOM);
  await call;
  expect(own).toEqual([-1, null]);
});

test("budget lets a retry happen only when it has enough for it", async () => {
  const { time, options, last } = surroundings();
  const budget = ratioBudget({ ratio: 0.5 });
  const policy = retry("orders", { ...options, budget });
  await expect(time.until(policy.call(fail))).rejects.toMatchObject({
    reason: "budget",
    attempts: 1,
    cause: BOOM,
  });
  expect(last("retry.give_up").reason).toBe("budget");
  const fn = flaky([BOOM]);
  await expect(time.until(policy.call(fn))).resolves.toBe("value");
  expect(budget.balance).toBe(0);
});

test("budget is shared by the policies that were given it", async () => {
  const { time, options } = surroundings();
  const budget = tokenBudget({ capacity: 10, retryCost: 5 });
  const orders = retry("orders", { ...options, budget, attempts: 2 });
  const refunds = retry("refunds", { ...options, budget, attempts: 2 });
  await time.until(orders.execute(fail));
  await time.until(refunds.execute(fail));
  expect(budget.balance).toBe(0);
  await expect(orders.call(fail)).rejects.toMatchObject({ reason: "budget" });
});

test("budget is told of a success and of what its last retry cost, and of timeouts", async () => {
  const { time, options } = surroundings();
  const budget = tokenBudget({ capacity: 100, retryCost: 5, timeoutCost: 20, refund: 1 });
  const policy = retry("orders", { ...options, budget });
  const slow = Object.assign(new Error("slow"), { name: "TimeoutError" });
  await time.until(policy.execute(flaky([slow, slow, slow])));
  expect(budget.balance).toBe(60);
  await policy.call(succeed);
  expect(budget.balance).toBe(61);
  await time.until(policy.call(flaky([BOOM])));
  expect(budget.balance).toBe(61);
});

test("a budget that fails lets no retry through, harms no call and is told", async () => {
  const { time, options, events } = surroundings();
  const broken = (): never => {
    throw new Error("broken");
  };
  const budget: RetryBudget = { begin: broken, withdraw: broken, succeed: broken, balance: 0 };
  const policy = retry("orders", { ...options, budget });
  await expect(policy.call(succeed)).resolves.toBe("value");
  await expect(time.until(policy.call(fail))).rejects.toMatchObject({ reason: "budget" });
  expect(
    events.flatMap((event) => (event.type === "policy.callback_failed" ? event.callback : [])),
  ).toEqual(["budget.begin", "budget.succeed", "budget.begin", "budget.withdraw"]);
});

test.each([
  ["an error that may have done it", BOOM, 1],
  ["a reset connection", networkError("ECONNRESET"), 1],
  ["a timeout", Object.assign(new Error("slow"), { name: "TimeoutError" }), 1],
  ["HTTP 503", httpError(503), 1],
  ["a connection that was never made", networkError("ECONNREFUSED", "connect"), 3],
  ["a connect that timed out", networkError("ETIMEDOUT", "connect"), 3],
  ["a name that was not found", networkError("ENOTFOUND", "getaddrinfo"), 3],
  ["HTTP 429", httpError(429), 3],
])("idempotent: false and %s: attempts are %#", async (_, error, attempts) => {
  const { time, options } = surroundings();
  const fn = flaky(Array(9).fill(error));
  const policy = retry("orders", { ...options, idempotent: false });
  const call = time.until(policy.call(fn)).catch((thrown: unknown) => thrown);
  const thrown = await call;
  expect(fn.calls).toBe(attempts);
  if (attempts === 1) expect(thrown).toBe(error);
});

test("idempotent of a call wins over that of the policy, and why is told", async () => {
  const { time, options, last } = surroundings();
  const safe = retry("orders", options);
  await expect(safe.call(fail, { idempotent: false })).rejects.toBe(BOOM);
  expect(last("retry.give_up").reason).toBe("not_idempotent");
  const unsafe = retry("orders", { ...options, idempotent: false });
  await expect(time.until(unsafe.call(flaky([BOOM]), { idempotent: true }))).resolves.toBe("value");
});
