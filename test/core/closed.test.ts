import { expect, test } from "vitest";
import { BOOM, deferred, fail, failTimes, succeed, watch } from "../support/breaker.ts";
import { START_AT_MS } from "../support/fake-clock.ts";
import { generationOf, permitOf } from "../support/states.ts";

const timeout = Object.assign(new Error("too slow"), { name: "TimeoutError" });

test("call() passes the value through while closed", async () => {
  const { breaker, told } = watch();
  await expect(breaker.call(succeed)).resolves.toBe("value");
  expect(breaker.state).toBe("closed");
  expect(told()).toEqual(["success"]);
});

test("call() opens at failureThreshold consecutive failures", async () => {
  const { breaker, last } = watch({ failureThreshold: 3 });
  await failTimes(breaker, 2);
  expect(breaker.state).toBe("closed");
  await breaker.execute(fail);
  expect(breaker.state).toBe("open");
  expect(last("circuit.open")).toMatchObject({
    reason: "error",
    rule: "consecutive",
    threshold: 3,
  });
});

test("failureThreshold is 5 by default", async () => {
  const { breaker } = watch();
  expect(breaker.failureThreshold).toBe(5);
  await failTimes(breaker, 4);
  expect(breaker.state).toBe("closed");
  await failTimes(breaker, 1);
  expect(breaker.state).toBe("open");
});

test("failureThreshold of 1 trips at the first failure", async () => {
  const { breaker, told } = watch({ failureThreshold: 1 });
  await failTimes(breaker, 1);
  expect(breaker.state).toBe("open");
  expect(told()).toEqual(["failure", "open"]);
});

test("a success between failures starts the count again", async () => {
  const { breaker } = watch({ failureThreshold: 3 });
  await failTimes(breaker, 2);
  await breaker.call(succeed);
  expect(breaker.stats.consecutiveFailures).toBe(0);
  await failTimes(breaker, 2);
  expect(breaker.state).toBe("closed");
  expect(breaker.stats.consecutiveFailures).toBe(2);
  await failTimes(breaker, 1);
  expect(breaker.state).toBe("open");
});

test("a closed breaker reads as one that lets everything through", async () => {
  const { breaker } = watch({ failureThreshold: 4 });
  await failTimes(breaker, 1);
  expect(breaker).toMatchObject({
    name: "dependency",
    state: "closed",
    isOpen: false,
    retryAfterMs: 0,
    trafficShare: 1,
    tripProgress: 0.25,
    probesInFlight: 0,
    openedAtMs: null,
  });
});

test("circuit.failure holds the count, the limit, the time and the error", async () => {
  const { breaker, clock, last } = watch({ failureThreshold: 3 });
  const call = deferred<string>();
  const result = breaker.execute(() => call.promise);
  clock.advance(40);
  call.reject(Object.assign(new TypeError("no route"), { code: "EHOSTUNREACH" }));
  await result;
  expect(last("circuit.failure")).toEqual({
    type: "circuit.failure",
    v: 1,
    seq: 1,
    breaker: "dependency",
    atMs: START_AT_MS + 40,
    generation: 0,
    state: "closed",
    reason: "error",
    consecutiveFailures: 1,
    failureThreshold: 3,
    latencyMs: 40,
    error: { name: "TypeError", message: "no route", code: "EHOSTUNREACH" },
  });
});

test("circuit.open holds the numbers that decided", async () => {
  const { breaker, clock, last } = watch({ failureThreshold: 3, cooldownMs: 5_000 });
  clock.advance(100);
  for (let n = 0; n < 3; n++) {
    await breaker.execute(fail);
    clock.advance(10);
  }
  expect(last("circuit.open")).toEqual({
    type: "circuit.open",
    v: 1,
    seq: 6,
    breaker: "dependency",
    atMs: START_AT_MS + 120,
    generation: 1,
    state: "open",
    incidentId: expect.stringMatching(/^[0-9a-z]+-[0-9a-z]{8}$/),
    from: "closed",
    spentMs: 120,
    reason: "error",
    rule: "consecutive",
    consecutiveFailures: 3,
    failuresByReason: { error: 3, latency: 0 },
    window: { calls: 3, failures: 3 },
    threshold: 3,
    cooldownMs: 5_000,
    retryAtMs: START_AT_MS + 5_120,
    firstFailureAtMs: START_AT_MS + 100,
    detectMs: 20,
    reopens: 0,
    error: { name: "Error", message: "boom" },
  });
});

test("latencyTripMs counts a slower value as latency, and an equal one as success", async () => {
  const { breaker, clock, told } = watch({ latencyTripMs: 100 });
  for (const tookMs of [100, 100.5]) {
    const call = deferred<string>();
    const result = breaker.call(() => call.promise);
    clock.advance(tookMs);
    call.resolve("value");
    await expect(result).resolves.toBe("value");
  }
  expect(told()).toEqual(["success", "failure", "progress"]);
  expect(breaker.stats.calls).toMatchObject({ success: 1, latency: 1, error: 0 });
});

test("without latencyTripMs no value is too slow", async () => {
  const { breaker, clock } = watch();
  const call = deferred<string>();
  const result = breaker.call(() => call.promise);
  clock.advance(86_400_000);
  call.resolve("value");
  await result;
  expect(breaker.stats.calls).toMatchObject({ success: 1, latency: 0 });
});

test("latencyTripMs counts a slower error as latency", async () => {
  const { breaker, clock, last } = watch({ latencyTripMs: 100 });
  const call = deferred<string>();
  const result = breaker.call(() => call.promise);
  clock.advance(101);
  call.reject(BOOM);
  await expect(result).rejects.toBe(BOOM);
  expect(last("circuit.failure")).toMatchObject({ reason: "latency", latencyMs: 101 });
});

test("a TimeoutError is latency, however fast it came", async () => {
  const { breaker, last } = watch();
  await expect(breaker.call(() => Promise.reject(timeout))).rejects.toBe(timeout);
  expect(last("circuit.failure")).toMatchObject({ reason: "latency", latencyMs: 0 });
  expect(breaker.stats.calls).toMatchObject({ latency: 1, error: 0 });
});

test("circuit.open gives the reason of most failures", async () => {
  const { breaker, last } = watch({ failureThreshold: 3 });
  breaker.recordFailure(timeout);
  breaker.recordFailure(timeout);
  breaker.recordFailure(BOOM);
  expect(last("circuit.open")).toMatchObject({
    reason: "latency",
    failuresByReason: { error: 1, latency: 2 },
  });
  expect(breaker.stats.trips).toEqual({ error: 0, latency: 1 });
});

test.each([
  { order: [timeout, BOOM], reason: "error" },
  { order: [BOOM, timeout], reason: "latency" },
])("circuit.open gives the last reason on a tie: $reason", ({ order, reason }) => {
  const { breaker, last } = watch({ failureThreshold: 2 });
  for (const error of order) breaker.recordFailure(error);
  expect(last("circuit.open")).toMatchObject({
    reason,
    failuresByReason: { error: 1, latency: 1 },
  });
});

test("failuresByReason leaves out the failures before the last success", () => {
  const { breaker, last } = watch({ failureThreshold: 2 });
  breaker.recordFailure(timeout);
  breaker.recordSuccess();
  breaker.recordFailure(BOOM);
  breaker.recordFailure(BOOM);
  expect(last("circuit.open").failuresByReason).toEqual({ error: 2, latency: 0 });
});

test("firstFailureAtMs and detectMs start at the first failure after the last success", () => {
  const { breaker, clock, last } = watch({ failureThreshold: 2 });
  breaker.recordFailure();
  clock.advance(1_000);
  breaker.recordSuccess();
  clock.advance(1_000);
  breaker.recordFailure();
  clock.advance(30);
  breaker.recordFailure();
  expect(last("circuit.open")).toMatchObject({
    firstFailureAtMs: START_AT_MS + 2_000,
    detectMs: 30,
  });
});

test("non-verdicts leave the count alone", async () => {
  const watched = watch({ failureThreshold: 3 });
  const { breaker } = watched;
  await failTimes(breaker, 2);
  permitOf(watched).ignore();
  permitOf(watched).cancel();
  permitOf(watched).release();
  expect(breaker.stats.consecutiveFailures).toBe(2);
  expect(breaker.state).toBe("closed");
  await failTimes(breaker, 1);
  expect(breaker.state).toBe("open");
});

test("reset() when closed clears the counts, raises the generation and tells nothing", async () => {
  const watched = watch({ failureThreshold: 3 });
  const { breaker, told } = watched;
  await failTimes(breaker, 2);
  told();
  breaker.reset("let us start again");
  expect(told()).toEqual([]);
  expect(breaker.stats.consecutiveFailures).toBe(0);
  expect(breaker.stats.transitions).toEqual(watch().breaker.stats.transitions);
  expect(await generationOf(watched)).toBe(1);
  await failTimes(breaker, 2);
  expect(breaker.state).toBe("closed");
});

test("reset() when closed makes the calls under way late", async () => {
  const { breaker, told, last } = watch({ failureThreshold: 1 });
  const call = deferred<string>();
  const result = breaker.execute(() => call.promise);
  breaker.reset();
  call.reject(BOOM);
  expect(await result).toMatchObject({ outcome: "error", error: BOOM, countedAs: "late" });
  expect(breaker.state).toBe("closed");
  expect(told()).toEqual(["late"]);
  expect(last("circuit.late")).toMatchObject({ countedAs: "error", generation: 1 });
});

test("failures of calls that ran at the same time trip once, and the rest are late", async () => {
  const { breaker, told } = watch({ failureThreshold: 2 });
  const calls = Array.from({ length: 4 }, () => deferred<string>());
  const results = calls.map((call) => breaker.execute(() => call.promise));
  for (const call of calls) call.reject(BOOM);
  const counted = (await Promise.all(results)).map(({ countedAs }) => countedAs);
  expect(counted).toEqual(["error", "error", "late", "late"]);
  expect(told()).toEqual(["failure", "progress", "failure", "open", "late", "late"]);
});
