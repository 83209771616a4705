import { expect, test } from "vitest";
import { CircuitBreaker, consecutive, failureRate } from "../../src/index.ts";
import { BOOM, deferred, fail, failTimes, succeed } from "../support/breaker.ts";
import { FakeClock, START_AT_MS } from "../support/fake-clock.ts";
import { HALF, hang, LIMIT_MS, permits, watchHanging } from "../support/hanging.ts";
import { permitOf, refusalOf } from "../support/states.ts";

// A trip is effective at once.

test("20 calls that hang trip a rate of 50 % as soon as they are over the limit", () => {
  const watched = watchHanging({ trip: HALF });
  const { breaker, clock, told } = watched;
  hang(watched, 20);
  clock.advance(LIMIT_MS);
  expect(breaker).toMatchObject({ state: "closed", trafficShare: 1, tripProgress: 0 });
  clock.advance(1);
  expect(breaker).toMatchObject({
    state: "open",
    isOpen: true,
    trafficShare: 0,
    tripProgress: 1,
    retryAfterMs: 499,
  });
  // Nothing is committed by reading.
  expect(told()).toEqual([]);
  expect(breaker.stats.transitions["closed->open"]).toBe(0);
  expect(refusalOf(watched)).toMatchObject({ reason: "open", retryAfterMs: 499 });
  expect(told()).toEqual(["open", "skip"]);
});

test("without inFlight calls that hang trip nothing", () => {
  const watched = watchHanging({ trip: HALF, inFlight: false });
  hang(watched, 20);
  watched.clock.advance(60_000);
  watched.breaker.catchUp();
  expect(watched.breaker.state).toBe("closed");
});

test("circuit.open of calls that hang names them, and counts from when they were over the limit", () => {
  const watched = watchHanging({ trip: HALF });
  const { breaker, clock, last } = watched;
  hang(watched, 15);
  clock.advance(30);
  hang(watched, 5);
  clock.advance(LIMIT_MS + 20);
  breaker.catchUp();
  // The last of the twenty was overdue 20 ms ago, and the cooldown runs since then.
  expect(last("circuit.open")).toEqual({
    type: "circuit.open",
    v: 1,
    seq: 1,
    breaker: "dependency",
    atMs: START_AT_MS + LIMIT_MS + 50,
    generation: 1,
    state: "open",
    incidentId: expect.any(String),
    from: "closed",
    reason: "latency",
    rule: "failureRate",
    consecutiveFailures: 0,
    failuresByReason: { error: 0, latency: 20 },
    window: { calls: 20, failures: 20, rate: 1, minimumCalls: 20, inFlight: 20, overdue: 20 },
    threshold: 0.5,
    cooldownMs: 500,
    retryAtMs: START_AT_MS + LIMIT_MS + 30 + 500,
    spentMs: LIMIT_MS + 50,
    firstFailureAtMs: START_AT_MS + LIMIT_MS,
    detectMs: 50,
    reopens: 0,
  });
  expect(breaker.stats).toMatchObject({
    trips: { error: 0, latency: 1 },
    timeInStateMs: { closed: LIMIT_MS + 50 },
  });
});

test("overdue calls decide together with failures that ended", async () => {
  const watched = watchHanging({ trip: HALF });
  const { breaker, clock, last } = watched;
  for (let n = 0; n < 10; n++) breaker.recordSuccess();
  clock.advance(5);
  await failTimes(breaker, 6);
  hang(watched, 4);
  clock.advance(LIMIT_MS + 1);
  breaker.catchUp();
  expect(last("circuit.open")).toMatchObject({
    // The larger part of them threw.
    reason: "error",
    failuresByReason: { error: 6, latency: 4 },
    window: { calls: 20, failures: 10, rate: 0.5, inFlight: 4, overdue: 4 },
    firstFailureAtMs: START_AT_MS + 5,
    detectMs: LIMIT_MS + 1,
    consecutiveFailures: 6,
  });
});

test("a failure that decides counts the calls that are overdue by then", async () => {
  const watched = watchHanging({ trip: HALF });
  const { breaker, clock, last } = watched;
  hang(watched, 19);
  clock.advance(LIMIT_MS + 1);
  await breaker.execute(fail);
  expect(last("circuit.open")).toMatchObject({
    reason: "latency",
    failuresByReason: { error: 1, latency: 19 },
    window: { calls: 20, failures: 20, inFlight: 19, overdue: 19 },
    error: { message: "boom" },
    detectMs: 1,
  });
});

// It is committed and told by whatever comes next.

const STEPS = {
  call: ({ breaker }) => void breaker.call(succeed).catch(() => {}),
  execute: ({ breaker }) => void breaker.execute(succeed),
  callSync: ({ breaker }) => expect(() => breaker.callSync(() => 1)).toThrow("open"),
  admit: ({ breaker }) => void breaker.admit(),
  recordSuccess: ({ breaker }) => breaker.recordSuccess(),
  recordFailure: ({ breaker }) => breaker.recordFailure(BOOM),
  forceOpen: ({ breaker }) => breaker.forceOpen(),
  reset: ({ breaker }) => breaker.reset(),
  disable: ({ breaker }) => breaker.disable(),
  catchUp: ({ breaker }) => breaker.catchUp(),
} satisfies Record<string, (watched: ReturnType<typeof watchHanging>) => void>;
const TOLD: Readonly<Record<keyof typeof STEPS, readonly string[]>> = {
  call: ["open", "skip"],
  execute: ["open", "skip"],
  callSync: ["open", "skip"],
  admit: ["open", "skip"],
  recordSuccess: ["open", "late"],
  recordFailure: ["open", "late"],
  forceOpen: ["open", "open"],
  reset: ["open", "close"],
  disable: ["open", "close", "disable"],
  catchUp: ["open"],
};

test.each(Object.keys(STEPS) as (keyof typeof STEPS)[])(
  "a trip by calls that hang is committed by %s",
  (step) => {
    const watched = watchHanging({ trip: HALF });
    hang(watched, 20);
    watched.clock.advance(LIMIT_MS + 1);
    STEPS[step](watched);
    expect(watched.told()).toEqual(TOLD[step]);
    expect(watched.last("circuit.open").atMs).toBe(START_AT_MS + LIMIT_MS + 1);
  },
);

test("a trip by calls that hang is committed by the result of one of them, which is late", async () => {
  const watched = watchHanging({ trip: HALF });
  const { breaker, clock, told } = watched;
  const call = deferred<string>();
  const result = breaker.execute(() => call.promise);
  hang(watched, 19);
  clock.advance(LIMIT_MS + 7);
  call.resolve("value");
  expect(await result).toMatchObject({ outcome: "latency", value: "value", countedAs: "late" });
  expect(told()).toEqual(["open", "late"]);
  expect(breaker.stats.calls).toMatchObject({ latency: 0, late: 1 });
});

test("a trip by calls that hang is committed by the result of an older generation", () => {
  const watched = watchHanging({ trip: HALF });
  const { breaker, clock, told } = watched;
  const old = permitOf(watched);
  breaker.reset();
  hang(watched, 20);
  clock.advance(LIMIT_MS + 1);
  old.success();
  expect(told()).toEqual(["open", "late"]);
});

test("catchUp() tells and changes nothing when time has brought nothing about", async () => {
  const watched = watchHanging({ trip: HALF });
  const { breaker, told } = watched;
  breaker.catchUp();
  await breaker.call(succeed);
  hang(watched, 20);
  told();
  breaker.catchUp();
  expect(told()).toEqual([]);
  expect(breaker.state).toBe("closed");
});

test("catchUp() ends leases and commits idle steps of degradation, and opens for no probe", async () => {
  const { breaker, clock, told } = watchHanging({
    degradation: [1, 0.5],
    random: () => 0,
    cooldownMs: 100,
    halfOpen: { leaseMs: 50 },
  });
  await failTimes(breaker, 1);
  told();
  clock.advance(100);
  breaker.catchUp();
  expect(told()).toEqual(["degrade"]);
  await failTimes(breaker, 5);
  clock.advance(100);
  told();
  breaker.catchUp();
  expect(told()).toEqual([]);
  permitOf({ breaker });
  clock.advance(50);
  told();
  breaker.catchUp();
  expect(told()).toEqual(["probe"]);
});

// From the moment at which it took effect time runs as in an open breaker.

test("the cooldown of a trip by calls that hang runs from its moment, committed or not", async () => {
  const watched = watchHanging({ trip: HALF });
  const { breaker, clock, told, last } = watched;
  hang(watched, 20);
  clock.advance(LIMIT_MS + 499);
  expect(breaker).toMatchObject({ state: "open", retryAfterMs: 1 });
  breaker.catchUp();
  expect(breaker).toMatchObject({ state: "open", retryAfterMs: 1 });
  expect(refusalOf(watched).retryAfterMs).toBe(1);
  told();
  clock.advance(1);
  await breaker.call(succeed);
  expect(told()).toEqual(["half_open", "success", "probe", "close"]);
  expect(last("circuit.half_open")).toMatchObject({ openMs: 1, idleMs: 0 });
});

test("a cooldown that is over before the commit reads half-open, and the next call is the probe", async () => {
  const watched = watchHanging({ trip: HALF });
  const { breaker, clock, told, last } = watched;
  hang(watched, 20);
  clock.advance(LIMIT_MS + 600);
  expect(breaker).toMatchObject({ state: "half_open", isOpen: false, retryAfterMs: 0 });
  expect(breaker).toMatchObject({ trafficShare: 0, tripProgress: 1, probesInFlight: 0 });
  await breaker.call(succeed);
  expect(told()).toEqual(["open", "half_open", "success", "probe", "close"]);
  expect(last("circuit.open")).toMatchObject({ cooldownMs: 500, detectMs: 600 });
  expect(last("circuit.open").retryAtMs).toBe(START_AT_MS + LIMIT_MS + 500);
  expect(last("circuit.half_open")).toMatchObject({ openMs: 0, idleMs: 100 });
});

test("catchUp() opens for no probe, however long the cooldown is over", () => {
  const watched = watchHanging({ trip: HALF });
  const { breaker, clock, told } = watched;
  hang(watched, 20);
  clock.advance(LIMIT_MS + 60_000);
  breaker.catchUp();
  expect(told()).toEqual(["open"]);
  expect(breaker.state).toBe("half_open");
  expect(breaker.stats.timeInStateMs).toMatchObject({ closed: LIMIT_MS + 60_000, half_open: 0 });
});

test("what is read never jumps back at the commit", () => {
  for (const commitAt of [1, 100, 499, 500, 501, 5_000]) {
    const watched = watchHanging({ trip: HALF });
    const { breaker, clock } = watched;
    hang(watched, 20);
    clock.advance(LIMIT_MS + commitAt);
    const read = () => {
      const { state, isOpen, retryAfterMs, trafficShare, tripProgress, stats } = breaker;
      const { consecutiveFailures } = stats;
      return { state, isOpen, retryAfterMs, trafficShare, tripProgress, consecutiveFailures };
    };
    const before = read();
    breaker.catchUp();
    expect(read()).toEqual(before);
  }
});

// Each call counts once.

test("a call that ends counts as what it is, and no more as one that hangs", () => {
  const watched = watchHanging({ trip: HALF });
  const { breaker, clock } = watched;
  const running = permits(watched, 8);
  clock.advance(LIMIT_MS + 1);
  expect(breaker.tripProgress).toBe(8 / 20);
  running[0]?.success();
  running[1]?.failure(BOOM);
  expect(breaker.tripProgress).toBe(8 / 20);
  expect(breaker.stats.calls).toMatchObject({ latency: 2, error: 0 });
  // What says nothing of the dependency leaves nothing behind.
  running[2]?.cancel();
  running[3]?.ignore();
  running[4]?.release();
  expect(breaker.tripProgress).toBe(5 / 20);
  // A success by the caller's own measure: five are counted still, and four of them failed.
  running[5]?.success(10);
  expect(breaker.tripProgress).toBe(5 / 20);
  for (let n = 0; n < 12; n++) breaker.recordSuccess();
  expect(breaker.state).toBe("closed");
});

test("calls that end in time never count as hanging, in whatever order they end", () => {
  const watched = watchHanging({ trip: consecutive(1) });
  const { breaker, clock } = watched;
  for (let round = 0; round < 50; round++) {
    const running = permits(watched, 5);
    clock.advance(LIMIT_MS / 2);
    for (const n of [2, 0, 4, 3, 1]) running[n]?.success();
  }
  expect(breaker.stats).toMatchObject({ calls: { success: 250 }, trips: { latency: 0 } });
});

test("calls of an earlier closed time do not count", async () => {
  const watched = watchHanging({ trip: HALF });
  const { breaker, clock } = watched;
  hang(watched, 19);
  const late = permitOf(watched);
  breaker.reset();
  hang(watched, 19);
  clock.advance(LIMIT_MS + 1);
  expect(breaker.state).toBe("closed");
  late.success();
  hang(watched, 1);
  clock.advance(LIMIT_MS + 1);
  expect(breaker.state).toBe("open");
});

test("probes that hang are the lease's affair", () => {
  const watched = watchHanging({ trip: consecutive(1), halfOpen: { maxProbes: 3 } });
  const { breaker, clock } = watched;
  breaker.recordFailure(BOOM);
  clock.advance(500);
  hang(watched, 3);
  clock.advance(LIMIT_MS + 1);
  breaker.catchUp();
  expect(breaker).toMatchObject({ state: "half_open", probesInFlight: 3 });
});

test("callSync counts once when it takes too long", () => {
  const watched = watchHanging({ trip: consecutive(2) });
  const { breaker, clock } = watched;
  const slow = () => clock.advance(LIMIT_MS + 1);
  breaker.callSync(slow);
  expect(breaker.stats).toMatchObject({ calls: { latency: 1 }, consecutiveFailures: 1 });
  // It was the second in a row at the limit, before it came back.
  breaker.callSync(slow);
  expect(breaker.state).toBe("open");
  expect(breaker.stats.calls).toMatchObject({ latency: 1, late: 1 });
});

test("a call inside a call counts from its own start", () => {
  const watched = watchHanging({ trip: consecutive(2) });
  const { breaker, clock } = watched;
  breaker.callSync(() => {
    clock.advance(1_500);
    hang(watched, 1);
    clock.advance(600);
    expect(breaker.tripProgress).toBe(0.5);
  });
  expect(breaker.state).toBe("closed");
  clock.advance(1_401);
  expect(breaker.state).toBe("open");
});

test("time that goes back counts as no time for calls that hang", () => {
  const watched = watchHanging({ trip: HALF });
  const { breaker, clock } = watched;
  hang(watched, 20);
  clock.advance(LIMIT_MS);
  expect(breaker.state).toBe("closed");
  clock.advance(-10_000);
  expect(breaker.state).toBe("closed");
  clock.advance(1);
  expect(breaker.state).toBe("open");
});

test("a breaker without a listener trips on calls that hang as well", () => {
  const clock = new FakeClock();
  const breaker = new CircuitBreaker("b", {
    clock,
    latencyTripMs: LIMIT_MS,
    inFlight: true,
    trip: failureRate({ threshold: 0.5, window: { durationMs: 10_000 }, minimumCalls: 2 }),
  });
  hang({ breaker }, 2);
  clock.advance(LIMIT_MS + 1);
  expect(breaker.admit().ok).toBe(false);
  expect(breaker.stats.trips.latency).toBe(1);
});
