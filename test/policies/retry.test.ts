import { expect, test, vi } from "vitest";
import {
  type Backoff,
  CircuitBreaker,
  isRetryError,
  permanent,
  type RetryBudget,
  RetryError,
  ratioBudget,
  refusalOf,
  retry,
  tokenBudget,
} from "../../src/index.ts";
import { BOOM, deferred, fail, succeed } from "../support/breaker.ts";
import { START_AT_MS } from "../support/fake-clock.ts";
import { flaky, httpError, listenersOf, networkError, surroundings } from "../support/policies.ts";

const steady = { backoff: { jitter: "none", initialMs: 100 } } as const;

test("call() passes the value of a first attempt through, and starts no timer", async () => {
  const { time, options, told } = surroundings();
  const policy = retry("orders", { ...options, ...steady });
  await expect(policy.call(succeed)).resolves.toBe("value");
  await expect(policy.call(() => 5)).resolves.toBe(5);
  // biome-ignore lint/suspicious/noThenProperty: any thenable may be returned
  const thenable = { then: (resolve: (value: number) => void) => resolve(7) };
  await expect(policy.call(() => thenable as PromiseLike<number>)).resolves.toBe(7);
  expect(time.pending).toBe(0);
  expect(told()).toEqual([]);
});

test("call() tries again until an attempt succeeds", async () => {
  const { time, options } = surroundings();
  const fn = flaky([BOOM, BOOM]);
  await expect(time.until(retry("orders", { ...options, ...steady }).call(fn))).resolves.toBe(
    "value",
  );
  expect(fn.calls).toBe(3);
  expect(time.nowMs).toBe(300);
});

test("call() tries a function again that throws at once", async () => {
  const { time, options } = surroundings();
  let calls = 0;
  const fn = (): string => {
    calls++;
    if (calls < 3) throw BOOM;
    return "value";
  };
  await expect(time.until(retry("orders", options).call(fn))).resolves.toBe("value");
});

test("call() tries each of several functions again, also when they take turns", async () => {
  const { time, options } = surroundings();
  const { bus: _, ...unheard } = options;
  const policy = retry("orders", unheard);
  const calls = [0, 0];
  const fns = [0, 1].map((n) => async () => {
    calls[n] = (calls[n] ?? 0) + 1;
    if ((calls[n] ?? 0) % 2 === 1) throw BOOM;
    return n;
  });
  const [first, second] = fns;
  if (first === undefined || second === undefined) throw new Error("two functions");
  const results = [policy.call(first), policy.call(second), policy.call(first)];
  expect(await time.until(Promise.all(results))).toEqual([0, 1, 0]);
  expect(calls).toEqual([4, 2]);
});

test("attempts bounds them, the first included, and the error keeps cause and number", async () => {
  const { time, options, last } = surroundings();
  const fn = flaky(Array(9).fill(BOOM));
  const policy = retry("orders", { ...options, ...steady, attempts: 4 });
  const error: unknown = await time.until(policy.call(fn)).catch((thrown: unknown) => thrown);
  expect(fn.calls).toBe(4);
  expect(error).toBeInstanceOf(RetryError);
  expect(isRetryError(error)).toBe(true);
  expect(error).toMatchObject({
    name: "RetryError",
    code: "ERR_RETRY",
    policy: "orders",
    reason: "attempts",
    attempts: 4,
    elapsedMs: 700,
    message: 'Retry "orders" gave up after 4 attempts, no attempts are left: boom',
  });
  expect(Reflect.get(Object(error), "cause")).toBe(BOOM);
  expect(last("retry.give_up")).toMatchObject({ reason: "attempts", attempts: 4, elapsedMs: 700 });
});

test("attempts is 3 when none are given", async () => {
  const { time, options } = surroundings();
  const fn = flaky(Array(9).fill(BOOM));
  await time.until(retry("orders", options).execute(fn));
  expect(fn.calls).toBe(3);
});

test("backoff may be a function: of the retry, of chance and of the wait before", async () => {
  const { time, options, events } = surroundings();
  const backoff = vi.fn<Backoff>((nth, random) => nth * 10 + random());
  await time.until(
    retry("orders", { ...options, backoff, attempts: 3, random: () => 0.5 }).execute(fail),
  );
  expect(backoff.mock.calls.map(([n, , previous]) => [n, previous])).toEqual([
    [1, 0],
    [2, 10.5],
  ]);
  expect(events.flatMap((event) => (event.type === "retry.attempt" ? event.delayMs : []))).toEqual([
    10.5, 20.5,
  ]);
});

test.each([
  [
    "throws",
    () => {
      throw BOOM;
    },
    "boom",
  ],
  ["answers nonsense", () => Number.NaN, "received NaN"],
  ["answers more than a timer can wait", () => 2 ** 31, "received 2147483648"],
  ["answers less than nothing", () => -1, "received -1"],
])("backoff that %s is replaced by the default and told", async (_, backoff, message) => {
  const { time, options, last } = surroundings();
  await time.until(retry("orders", { ...options, backoff, random: () => 0.5 }).execute(fail));
  expect(last("policy.callback_failed")).toMatchObject({ policy: "orders", callback: "backoff" });
  expect(last("policy.callback_failed").error.message).toContain(message);
  expect(last("retry.attempt").delayMs).toBe(100);
});

test("random that fails is replaced by the platform's and told", async () => {
  const { time, options, last } = surroundings();
  const policy = retry("orders", { ...options, random: () => 1, attempts: 2 });
  await time.until(policy.execute(fail));
  expect(last("policy.callback_failed").callback).toBe("random");
  expect(last("retry.attempt").delayMs).toBeLessThan(100);
});

test("a permanent error comes through untouched at the first attempt", async () => {
  const { options, last, told } = surroundings();
  const error = new Error("no such order");
  const fn = vi.fn(() => Promise.reject(permanent(error)));
  const policy = retry("orders", options);
  await expect(policy.call(fn)).rejects.toBe(error);
  expect(fn).toHaveBeenCalledTimes(1);
  expect(told()).toEqual(["retry.give_up"]);
  expect(last("retry.give_up")).toMatchObject({ reason: "permanent", attempts: 1 });
});

test.each([400, 401, 404, 409, 422, 501, 505])("HTTP %i is not tried again", async (status) => {
  const { options } = surroundings();
  const error = httpError(status);
  await expect(retry("orders", options).call(() => Promise.reject(error))).rejects.toBe(error);
});

test.each([408, 425, 429, 500, 502, 503, 504, 529])("HTTP %i is tried again", async (status) => {
  const { time, options } = surroundings();
  const fn = flaky([httpError(status)]);
  await expect(time.until(retry("orders", options).call(fn))).resolves.toBe("value");
});

test("shouldRetry decides for errors that are not marked permanent", async () => {
  const { time, options } = surroundings();
  const shouldRetry = vi.fn((error: unknown) => {
    if (error === "again") return true;
    return error === BOOM ? false : undefined;
  });
  const policy = retry("orders", { ...options, shouldRetry });
  await expect(policy.call(fail)).rejects.toBe(BOOM);
  await expect(time.until(policy.call(flaky(["again"])))).resolves.toBe("value");
  expect(shouldRetry.mock.calls.at(-1)).toEqual(["again", 1]);
  const missing = httpError(404);
  await expect(policy.call(() => Promise.reject(missing))).rejects.toBe(missing);
  const marked = permanent(new Error("for ever"));
  shouldRetry.mockClear();
  await expect(policy.call(() => Promise.reject(marked))).rejects.toBe(marked);
  expect(shouldRetry).not.toHaveBeenCalled();
});

test("shouldRetry may try an error again that would be permanent", async () => {
  const { time, options } = surroundings();
  const policy = retry("orders", { ...options, shouldRetry: () => true });
  await expect(time.until(policy.call(flaky([httpError(404)])))).resolves.toBe("value");
});

test.each([
  [
    "throws",
    () => {
      throw new Error("broken");
    },
  ],
  ["answers no boolean", () => Promise.resolve(false) as unknown as boolean],
])("shouldRetry that %s leaves it to the defaults and is told", async (_, shouldRetry) => {
  const { time, options, last } = surroundings();
  const policy = retry("orders", { ...options, shouldRetry });
  await expect(time.until(policy.call(flaky([BOOM])))).resolves.toBe("value");
  expect(last("policy.callback_failed").callback).toBe("shouldRetry");
});

test("shouldRetryResult tries a value again, and gives it to the caller when no retry is left", async () => {
  const { time, options, events, last } = surroundings();
  let calls = 0;
  const policy = retry("orders", {
    ...options,
    ...steady,
    shouldRetryResult: (value, attempt) => value !== "good" && attempt < 9,
  });
  const fn = () => (++calls % 5 === 3 ? "good" : "bad");
  await expect(time.until(policy.call(fn))).resolves.toBe("good");
  expect(calls).toBe(3);
  await expect(time.until(policy.call(() => "bad"))).resolves.toBe("bad");
  expect(last("retry.give_up")).toMatchObject({ reason: "attempts", attempts: 3 });
  expect(events.every((event) => !("error" in event))).toBe(true);
});

test("shouldRetryResult reads the Retry-After of a response that was returned", async () => {
  const { time, options, last } = surroundings();
  const answers = [
    new Response(null, { status: 503, headers: { "Retry-After": "2" } }),
    new Response("ok"),
  ];
  const policy = retry("orders", {
    ...options,
    shouldRetryResult: (value) => value instanceof Response && value.status >= 500,
  });
  const response = await time.until(policy.call(() => answers.shift() ?? BOOM));
  expect(response).toMatchObject({ status: 200 });
  expect(last("retry.attempt")).toMatchObject({ delayMs: 2_000, retryAfterMs: 2_000 });
});

test("shouldRetryResult that throws lets the value pass and is told", async () => {
  const { options, last } = surroundings();
  const policy = retry("orders", {
    ...options,
    shouldRetryResult: () => {
      throw BOOM;
    },
  });
  await expect(policy.call(succeed)).resolves.toBe("value");
  expect(last("policy.callback_failed").callback).toBe("shouldRetryResult");
});

test("Retry-After is waited for when it is longer than the backoff, and not otherwise", async () => {
  const { time, options, last } = surroundings();
  const policy = retry("orders", { ...options, ...steady });
  await time.until(policy.call(flaky([httpError(429, { "retry-after": "7" })])));
  expect(time.nowMs).toBe(7_000);
  expect(last("retry.attempt")).toMatchObject({ delayMs: 7_000, retryAfterMs: 7_000 });
  const inTwo = new Date(START_AT_MS + time.nowMs + 2_000).toUTCString();
  await time.until(policy.call(flaky([httpError(503, { "Retry-After": inTwo })])));
  expect(time.nowMs).toBe(9_000);
  const own = Object.assign(new Error("busy"), { retryAfterMs: 50 });
  await time.until(policy.call(flaky([own])));
  expect(time.nowMs).toBe(9_100);
  expect(last("retry.attempt")).toMatchObject({ delayMs: 100, retryAfterMs: 50 });
});

test("maxRetryAfterMs gives up at once when more is asked for", async () => {
  const { time, options, last } = surroundings();
  const policy = retry("orders", { ...options, maxRetryAfterMs: 5_000 });
  const busy = httpError(429, { "retry-after": "6" });
  await expect(policy.call(() => Promise.reject(busy))).rejects.toMatchObject({
    reason: "retry_after",
    cause: busy,
  });
  expect(time.nowMs).toBe(0);
  expect(last("retry.give_up").reason).toBe("retry_after");
  await time.until(policy.call(flaky([httpError(429, { "retry-after": "5" })])));
  expect(time.nowMs).toBe(5_000);
});

test("maxRetryAfterMs is 30 000 when none is given", async () => {
  const { time, options } = surroundings();
  const policy = retry("orders", options);
  await time.until(policy.call(flaky([httpError(429, { "retry-after": "30" })])));
  expect(time.nowMs).toBe(30_000);
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
  expect(last("retry.attempt")).toMatchObject({ delayMs: 4_000, retryAfterMs: 4_000 });
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
