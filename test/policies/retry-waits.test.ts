import { expect, test } from "vitest";
import {
  bulkhead,
  CircuitBreaker,
  pipeline,
  type RetryBudget,
  ratioBudget,
  retry,
  timeout,
  tokenBudget,
} from "../../src/index.ts";
import { joined, nth } from "../cluster/fleet.ts";
import { BOOM, fail, failTimes, succeed } from "../support/breaker.ts";
import { flaky, httpError, listenersOf, surroundings } from "../support/policies.ts";

const steady = { backoff: { jitter: "none", initialMs: 100 } } as const;
const late = () => new DOMException("too late", "TimeoutError");

test("callers that were told the same moment come back spread over the backoff, none of them earlier", async () => {
  const { time, options, events } = surroundings();
  const breaker = new CircuitBreaker("db", { clock: time, cooldownMs: 5_000, failureThreshold: 1 });
  breaker.recordFailure(BOOM);
  const patient = pipeline(retry("db", { ...options, attempts: 2 }), breaker);
  const results = Promise.all(Array.from({ length: 200 }, () => patient.execute(succeed)));
  const outcomes = (await time.until(results)).map(({ outcome }) => outcome);
  expect(new Set(outcomes)).toEqual(new Set(["ok"]));
  const delays = events.flatMap((event) => (event.type === "retry.attempt" ? event.delayMs : []));
  expect(delays).toHaveLength(200);
  expect(new Set(delays).size).toBeGreaterThan(190);
  expect(Math.min(...delays)).toBeGreaterThanOrEqual(5_000);
  expect(Math.max(...delays)).toBeLessThan(5_100);
});

test("maxRetryAfterMs 0 waits for no refusal, also where none says for how long, and pays for none", async () => {
  const { time, options, last } = surroundings();
  const breaker = new CircuitBreaker("db", { clock: time, cooldownMs: 1_000, failureThreshold: 1 });
  const budget = tokenBudget();
  const policy = retry("db", { ...options, ...steady, budget, maxRetryAfterMs: 0 });
  const refused = { reason: "refused", attempts: 1 };
  breaker.recordFailure(BOOM);
  await expect(pipeline(policy, breaker).call(succeed)).rejects.toMatchObject({
    reason: "retry_after",
    attempts: 1,
  });
  await time.pass(1_000);
  const probe = breaker.admit();
  expect(breaker.state).toBe("half_open");
  await expect(pipeline(policy, breaker).call(succeed)).rejects.toMatchObject(refused);
  if (probe.ok) probe.success();
  const places = bulkhead(breaker, { limit: 1 });
  const first = places.call(() => time.pass(10));
  await expect(pipeline(policy, places, breaker).call(succeed)).rejects.toMatchObject(refused);
  expect(last("retry.give_up")).toMatchObject({ ...refused, error: { name: "CircuitOpenError" } });
  await first;
  expect(budget.balance).toBe(500);
});

test("maxRetryAfterMs 0 waits for no breaker whose turn to probe another task has, either", async () => {
  const { time, tasks } = await joined(2);
  const [first, second] = [nth(tasks, 0).get("db"), nth(tasks, 1).get("db")];
  await failTimes(first, 2);
  await time.pass(1_100);
  // Its window is over, and the right to probe is not here yet.
  const budget = tokenBudget();
  const options = { clock: time, timers: time, ...steady };
  const policy = pipeline(retry("db", { ...options, budget, maxRetryAfterMs: 0 }), second);
  await expect(policy.call(succeed)).rejects.toMatchObject({
    ...{ reason: "refused", attempts: 1 },
    cause: { state: "open", retryAfterMs: 0 },
  });
  expect(budget.balance).toBe(500);
});

test("a full bulkhead of a breaker that is forced open without an end is given up at once, as the breaker is", async () => {
  const { time, options } = surroundings();
  const breaker = new CircuitBreaker("db", { clock: time });
  const places = bulkhead(breaker, { limit: 1 });
  const first = places.call(() => time.pass(10));
  breaker.forceOpen("maintenance");
  const patient = pipeline(retry("db", { ...options, ...steady }), places, breaker);
  await expect(patient.call(succeed)).rejects.toMatchObject({
    ...{ reason: "refused", attempts: 1 },
    cause: { reason: "bulkhead", state: "forced_open" },
  });
  await first;
});

test("backoff is told what it gave before, without what was asked for on top", async () => {
  const { time, options } = surroundings();
  const before: number[] = [];
  const backoff = (_: number, __: () => number, previousMs: number): number => {
    before.push(previousMs);
    return 10;
  };
  const busy = httpError(429, { "retry-after": "2" });
  const policy = retry("orders", { ...options, backoff, attempts: 3 });
  await time.until(policy.execute(() => Promise.reject(busy)));
  expect(before).toEqual([0, 10]);
  expect(time.nowMs).toBe(4_020);
});

test("a wait and its backoff together are no longer than a timer can wait", async () => {
  const { time, options, last } = surroundings();
  const longest = 2 ** 31 - 2;
  const policy = retry("orders", {
    ...options,
    backoff: () => longest,
    maxRetryAfterMs: longest,
    attempts: 2,
  });
  const asked = Object.assign(new Error("busy"), { retryAfterMs: longest });
  await time.until(policy.call(flaky([asked])));
  expect(last("retry.attempt")).toMatchObject({ delayMs: longest, retryAfterMs: longest });
});

test("the Retry-After that an inner retry gave up on holds for the outer one, too", async () => {
  const { time, options, events } = surroundings();
  const nested = pipeline(
    retry("outer", { ...options, attempts: 3 }),
    retry("inner", { ...options, attempts: 3 }),
  );
  const busy = httpError(429, { "retry-after": "3600" });
  const fn = flaky(Array(9).fill(busy));
  await expect(time.until(nested.call(fn))).rejects.toMatchObject({
    policy: "outer",
    reason: "retry_after",
    cause: { policy: "inner", reason: "retry_after", cause: busy },
  });
  expect(fn.calls).toBe(1);
  expect(events.map(({ type }) => type)).toEqual(["retry.give_up", "retry.give_up"]);
  const soon = flaky(Array(3).fill(httpError(429, { "retry-after": "20" })));
  const beganMs = time.nowMs;
  await time.until(
    pipeline(retry("outer", options), retry("inner", { attempts: 1 }))
      .call(soon)
      .catch(() => {}),
  );
  expect(time.nowMs - beganMs).toBeGreaterThanOrEqual(40_000);
});

test.each([
  ["degraded", { degradation: [1, 0.1], failureThreshold: 1_000, cooldownMs: 1e9 }],
  ["ramping", { failureThreshold: 1, cooldownMs: 10, rampUp: { durationMs: 1e9, from: 0.1 } }],
] as const)(
  "a %s refusal is given up at once: the share of the breaker holds, however many attempts",
  async (reason, given) => {
    const { time, options, last } = surroundings();
    let draws = 0;
    const breaker = new CircuitBreaker("db", {
      ...given,
      clock: time,
      random: () => (draws++ % 10) / 10,
      classify: (call) => (call.ok ? "ignored" : undefined),
    });
    breaker.recordFailure(BOOM);
    if (reason === "ramping") {
      await time.pass(10);
      breaker.recordSuccess();
      expect(breaker.state).toBe("closed");
    }
    let ran = 0;
    const patient = pipeline(retry("db", { ...options, ...steady, attempts: 5 }), breaker);
    const outcomes: string[] = [];
    for (let n = 0; n < 200; n++) {
      outcomes.push((await time.until(patient.execute(async () => void ran++))).outcome);
    }
    expect(ran).toBe(20);
    expect(outcomes.filter((outcome) => outcome === "circuit-open")).toHaveLength(180);
    expect(last("retry.give_up")).toMatchObject({ reason: "refused", attempts: 1 });
    expect(last("retry.give_up").error?.name).toBe("CircuitOpenError");
  },
);

test("retry.give_up of an abort in the wait says why the last attempt failed, and the caller gets the reason", async () => {
  const { time, options, last } = surroundings();
  const caller = new AbortController();
  const call = retry("orders", { ...options, ...steady }).call(fail, { signal: caller.signal });
  await time.pass(50);
  caller.abort("bye");
  await expect(call).rejects.toBe("bye");
  expect(last("retry.give_up")).toMatchObject({ reason: "aborted", error: { message: "boom" } });
  expect(listenersOf(caller.signal)).toBe(0);
});

test("retry.give_up of an abort in the wait has no error when the value asked for another attempt", async () => {
  const { time, options, last } = surroundings();
  const caller = new AbortController();
  const policy = retry("orders", { ...options, ...steady, shouldRetryResult: () => true });
  const call = policy.call(succeed, { signal: caller.signal });
  await time.pass(50);
  caller.abort("bye");
  await expect(call).rejects.toBe("bye");
  expect(last("retry.give_up").reason).toBe("aborted");
  expect(last("retry.give_up")).not.toHaveProperty("error");
});

test("retry.give_up says time when a time limit aborted the signal, in the wait or in the attempt", async () => {
  for (const where of ["wait", "attempt"]) {
    const { time, options, last } = surroundings();
    const caller = new AbortController();
    const fn = () => {
      if (where === "attempt") caller.abort(late());
      return fail();
    };
    const ended = retry("orders", { ...options, ...steady })
      .call(fn, { signal: caller.signal })
      .catch((thrown: unknown) => thrown);
    await time.pass(50);
    if (where === "wait") caller.abort(late());
    expect(await ended).toBe(where === "wait" ? caller.signal.reason : BOOM);
    expect(last("retry.give_up")).toMatchObject({ reason: "time", error: { message: "boom" } });
  }
});

test.each([
  ["tokenBudget", () => tokenBudget(), 500],
  ["ratioBudget", () => ratioBudget({ ratio: 0.1, reserve: 50 }), 60],
])(
  "budget of callers who left in their wait is given back to the others (%s)",
  async (_, make, left) => {
    const { time, options } = surroundings();
    const budget = make();
    const policy = retry("orders", { ...options, ...steady, budget });
    for (let n = 0; n < 100; n++) {
      const caller = new AbortController();
      const call = policy.execute(fail, { signal: caller.signal });
      await time.pass(1);
      caller.abort("gone");
      await call;
    }
    expect(budget.balance).toBeCloseTo(left);
  },
);

test("budget gets back what was taken for an attempt that came too late to be made", async () => {
  const { time, options } = surroundings();
  const budget = tokenBudget();
  const composed = pipeline(
    timeout("all", { ...options, limitMs: 250, mode: "cooperate" }),
    retry("orders", { ...options, ...steady, budget }),
  );
  const call = composed.execute(fail);
  await time.pass(0);
  expect(budget.balance).toBe(495);
  time.advance(300);
  await time.until(call);
  expect(budget.balance).toBe(500);
});

test("budget that is given back never holds more than its capacity", async () => {
  const token = tokenBudget({ capacity: 10 });
  token.giveBack?.(5);
  expect(token.balance).toBe(10);
  const ratio = ratioBudget({ ratio: 1, capacity: 2 });
  for (let n = 0; n < 2; n++) ratio.begin();
  ratio.withdraw(false);
  ratio.begin();
  ratio.giveBack?.(1);
  expect(ratio.balance).toBe(2);
});

test("budget of one's own may give nothing back; one that fails to is told", async () => {
  const own: RetryBudget = { begin() {}, succeed() {}, withdraw: () => 2, balance: 0 };
  const given: number[] = [];
  const failing = async (withdrawn: number): Promise<void> => {
    given.push(withdrawn);
    throw new Error("the store is down");
  };
  for (const budget of [own, { ...own, giveBack: failing }]) {
    const { time, options, told } = surroundings();
    const caller = new AbortController();
    const policy = retry("orders", { ...options, ...steady, budget });
    const call = policy.execute(fail, { signal: caller.signal });
    await time.pass(1);
    caller.abort("gone");
    await call;
    await time.pass(0);
    expect(told().includes("policy.callback_failed")).toBe(budget !== own);
  }
  expect(given).toEqual([2]);
});

/** A response whose body says whether it was cancelled. */
function answer(status: number) {
  const cancels: unknown[] = [];
  const body = new ReadableStream({ cancel: (reason) => void cancels.push(reason) });
  return { response: new Response(body, { status }), cancels };
}

const isBusy = (value: unknown): boolean => value instanceof Response && value.status === 503;

test("the body of a response that is tried again is cancelled, that of the last one is not", async () => {
  const { time, options } = surroundings();
  const answers = [answer(503), answer(503), answer(503)];
  let calls = 0;
  const policy = retry("orders", { ...options, ...steady, shouldRetryResult: isBusy });
  const response = await time.until(policy.call(() => answers[calls++]?.response));
  expect(response).toBe(answers[2]?.response);
  expect(answers.map(({ cancels }) => cancels.length)).toEqual([1, 1, 0]);
});

test("the body of a response is cancelled when its caller leaves in the wait, which nobody gets then", async () => {
  const { time, options } = surroundings();
  const { response, cancels } = answer(503);
  const caller = new AbortController();
  const policy = retry("orders", { ...options, ...steady, shouldRetryResult: isBusy });
  const call = policy.execute(() => response, { signal: caller.signal });
  await time.pass(50);
  expect(cancels).toHaveLength(0);
  caller.abort("gone");
  await call;
  expect(cancels).toHaveLength(1);
});

test("a body that somebody reads, and what is no response, are left alone", async () => {
  const { time, options } = surroundings();
  const { response, cancels } = answer(503);
  const reader = response.body?.getReader();
  const broken = Object.defineProperty({}, "body", {
    get: () => {
      throw new Error("not to be read");
    },
  });
  const rejecting = {
    body: { locked: false, cancel: () => Promise.reject(new Error("broken")) },
  };
  const values: unknown[] = [response, broken, rejecting, { body: null }, "text", null, "good"];
  let calls = 0;
  const policy = retry("orders", {
    ...options,
    ...steady,
    attempts: 9,
    shouldRetryResult: (value) => value !== "good",
  });
  await expect(time.until(policy.call(() => values[calls++]))).resolves.toBe("good");
  expect(cancels).toHaveLength(0);
  await reader?.cancel();
});

test("timers of one's own that cannot be stopped keep no caller waiting, and are told", async () => {
  const { time, options, events } = surroundings();
  const timers = {
    start: (callback: () => void, delayMs: number) => time.start(callback, delayMs),
    stop: () => {
      throw new Error("stop is broken");
    },
  };
  const given = { ...options, timers };
  for (const mode of ["abandon", "cooperate"] as const) {
    const patience = timeout("search", { ...given, limitMs: 1_000, mode });
    await expect(patience.call(succeed)).resolves.toBe("value");
    await expect(patience.call(fail)).rejects.toBe(BOOM);
  }
  const caller = new AbortController();
  const call = retry("search", { ...given, ...steady }).call(fail, { signal: caller.signal });
  await time.pass(1);
  caller.abort("gone");
  await expect(call).rejects.toBe("gone");
  const failures = events.filter(({ type }) => type === "policy.callback_failed");
  expect(failures).toHaveLength(5);
  // Nor do they fire for anybody.
  const before = events.length;
  await time.pass(10_000);
  expect(events).toHaveLength(before);
  expect(failures[0]).toMatchObject({
    callback: "timers.stop",
    error: { message: "stop is broken" },
  });
});
