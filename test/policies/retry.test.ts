import { expect, test, vi } from "vitest";
import { type Backoff, isRetryError, permanent, RetryError, retry } from "../../src/index.ts";
import { BOOM, fail, succeed } from "../support/breaker.ts";

import { flaky, httpError, surroundings } from "../support/policies.ts";

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
    ...steady,
    shouldRetryResult: (value) => value instanceof Response && value.status >= 500,
  });
  const response = await time.until(policy.call(() => answers.shift() ?? BOOM));
  expect(response).toMatchObject({ status: 200 });
  expect(last("retry.attempt")).toMatchObject({ delayMs: 2_100, retryAfterMs: 2_000 });
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
