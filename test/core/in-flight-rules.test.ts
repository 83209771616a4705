import { expect, test } from "vitest";
import {
  consecutive,
  failureRate,
  type Situation,
  slowRate,
  type TripMeter,
  type TripRule,
} from "../../src/index.ts";
import { BOOM, failTimes, succeed, watch } from "../support/breaker.ts";
import { START_AT_MS } from "../support/fake-clock.ts";
import { HALF, hang, LIMIT_MS, permits, watchHanging } from "../support/hanging.ts";
import { permitOf } from "../support/states.ts";

// What calls that hang are worth to each kind of rule.

test("consecutive trips on as many calls in a row that hang", () => {
  const watched = watchHanging({ trip: consecutive(3) });
  const { breaker, clock, last } = watched;
  hang(watched, 2);
  clock.advance(100);
  hang(watched, 2);
  clock.advance(LIMIT_MS - 50);
  expect(breaker).toMatchObject({ state: "closed", tripProgress: 2 / 3 });
  clock.advance(60);
  breaker.catchUp();
  expect(last("circuit.open")).toMatchObject({
    rule: "consecutive",
    reason: "latency",
    threshold: 3,
    failuresByReason: { error: 0, latency: 4 },
    window: { calls: 4, failures: 4, inFlight: 4, overdue: 4 },
    consecutiveFailures: 0,
    firstFailureAtMs: START_AT_MS + LIMIT_MS,
    detectMs: 110,
  });
});

test("consecutive adds the calls that hang to the failures in a row", async () => {
  const watched = watchHanging({ trip: consecutive(3) });
  const { breaker, clock, last } = watched;
  hang(watched, 1);
  clock.advance(10);
  await failTimes(breaker, 2);
  clock.advance(LIMIT_MS);
  breaker.catchUp();
  expect(last("circuit.open")).toMatchObject({
    reason: "error",
    failuresByReason: { error: 2, latency: 1 },
    window: { calls: 3, failures: 3, inFlight: 1, overdue: 1 },
    consecutiveFailures: 2,
    firstFailureAtMs: START_AT_MS + 10,
    detectMs: LIMIT_MS,
  });
});

test("a failure in a row after calls that hang trips consecutive, and the first of them counts as the first", async () => {
  const watched = watchHanging({ trip: consecutive(3) });
  const { breaker, clock, last } = watched;
  hang(watched, 2);
  clock.advance(LIMIT_MS + 10);
  await failTimes(breaker, 1);
  expect(last("circuit.open")).toMatchObject({
    reason: "latency",
    failuresByReason: { error: 1, latency: 2 },
    window: { failures: 3, overdue: 2 },
    firstFailureAtMs: START_AT_MS + LIMIT_MS,
    detectMs: 10,
  });
});

test("a few calls that are stuck among thousands of successes never trip consecutive", async () => {
  const watched = watchHanging({ trip: consecutive(5) });
  const { breaker, clock } = watched;
  for (let n = 0; n < 2_000; n++) {
    if (n % 100 === 0) hang(watched, 2);
    await breaker.call(succeed);
    clock.advance(500);
  }
  expect(breaker.stats).toMatchObject({ calls: { success: 2_000 }, trips: { latency: 0 } });
  expect(breaker.state).toBe("closed");
});

test("a call that was overdue before the last success counts again only when it ends", () => {
  const watched = watchHanging({ trip: consecutive(2) });
  const { breaker, clock } = watched;
  const [stuck] = permits(watched, 1);
  clock.advance(LIMIT_MS + 1);
  expect(breaker.tripProgress).toBe(0.5);
  breaker.recordSuccess();
  expect(breaker.tripProgress).toBe(0);
  stuck?.failure(BOOM);
  expect(breaker.stats).toMatchObject({ consecutiveFailures: 1, calls: { latency: 1 } });
  expect(breaker.state).toBe("closed");
});

test("a call that becomes overdue at the moment of a success is in the row after it", () => {
  const watched = watchHanging({ trip: consecutive(1) });
  const { breaker, clock } = watched;
  hang(watched, 1);
  clock.advance(LIMIT_MS);
  breaker.recordSuccess();
  expect(breaker.state).toBe("closed");
  clock.advance(1);
  expect(breaker.state).toBe("open");
});

test("failureRate needs its minimum, to which calls that hang count", () => {
  const watched = watchHanging({
    trip: failureRate({ threshold: 0.5, window: { calls: 100 }, minimumCalls: 10 }),
  });
  hang(watched, 9);
  watched.clock.advance(LIMIT_MS + 1);
  expect(watched.breaker).toMatchObject({ state: "closed", tripProgress: 0.9 });
  hang(watched, 1);
  watched.clock.advance(LIMIT_MS + 1);
  expect(watched.breaker.state).toBe("open");
});

test("slowRate holds calls under way against its own limit", () => {
  const trip = slowRate({ latencyMs: 300, threshold: 0.5, window: { calls: 4 }, minimumCalls: 4 });
  const watched = watchHanging({ trip });
  const { breaker, clock, last } = watched;
  for (let n = 0; n < 2; n++) breaker.recordSuccess(5);
  hang(watched, 2);
  clock.advance(300);
  expect(breaker.state).toBe("closed");
  clock.advance(1);
  expect(breaker.state).toBe("open");
  breaker.catchUp();
  expect(last("circuit.open")).toMatchObject({
    rule: "slowRate",
    window: { calls: 4, failures: 2, rate: 0.5, inFlight: 2, overdue: 2 },
    firstFailureAtMs: START_AT_MS + 300,
    detectMs: 1,
  });
});

test("a limit of slowRate makes no call overdue for another rule", () => {
  const slow = slowRate({ latencyMs: 300, threshold: 1, window: { calls: 50 }, minimumCalls: 50 });
  const watched = watchHanging({ trip: [consecutive(2), slow] });
  const { breaker, clock } = watched;
  hang(watched, 2);
  clock.advance(LIMIT_MS);
  expect(breaker).toMatchObject({ state: "closed", tripProgress: 0.04 });
  clock.advance(1);
  expect(breaker.state).toBe("open");
});

test("without latencyTripMs only rules with a limit of their own count calls under way", () => {
  const slow = slowRate({ latencyMs: 300, threshold: 1, window: { calls: 5 }, minimumCalls: 5 });
  const watched = watch({ inFlight: true, trip: [consecutive(2), slow] });
  const { breaker, clock, last } = watched;
  hang(watched, 4);
  clock.advance(60_000);
  expect(breaker.state).toBe("closed");
  hang(watched, 1);
  clock.advance(301);
  breaker.catchUp();
  expect(last("circuit.open").rule).toBe("slowRate");
});

test("a rate over time forgets a call that hangs as it forgets a failure", () => {
  const watched = watchHanging({
    trip: failureRate({ threshold: 1, window: { durationMs: 1_000 }, minimumCalls: 3 }),
  });
  const { breaker, clock } = watched;
  hang(watched, 2);
  clock.advance(LIMIT_MS + 1);
  expect(breaker.tripProgress).toBeCloseTo(2 / 3);
  // They became overdue at 2 000 ms, in the bucket that begins there: nine buckets later they are still in.
  clock.advance(998);
  expect(breaker.tripProgress).toBeCloseTo(2 / 3);
  clock.advance(1);
  expect(breaker.tripProgress).toBe(0);
  hang(watched, 2);
  clock.advance(LIMIT_MS + 1);
  expect(breaker.state).toBe("closed");
});

test("calls that are stuck for ever do not add up to a rate in healthy traffic", () => {
  const watched = watchHanging({
    trip: [
      failureRate({ threshold: 0.5, window: { durationMs: 10_000 }, minimumCalls: 10 }),
      failureRate({ threshold: 0.5, window: { calls: 10 }, minimumCalls: 10 }),
    ],
  });
  const { breaker, clock } = watched;
  for (let n = 0; n < 5_000; n++) {
    if (n % 50 === 0) permitOf(watched);
    permitOf(watched).success();
    clock.advance(100);
  }
  expect(breaker.stats.trips).toEqual({ error: 0, latency: 0 });
  expect(breaker.tripProgress).toBeLessThan(0.5);
});

test.each([1, 2, 5, 16, 17, 20, 33, 100])(
  "a rate over %i calls forgets a call that hangs after as many verdicts",
  (calls) => {
    const watched = watchHanging({
      trip: failureRate({ threshold: 1, window: { calls }, minimumCalls: 1 }),
    });
    const { breaker, clock } = watched;
    breaker.recordSuccess();
    hang(watched, 1);
    clock.advance(LIMIT_MS + 1);
    let verdicts = 0;
    for (; breaker.tripProgress > 0; verdicts++) {
      breaker.recordSuccess();
      clock.advance(1);
    }
    // To a segment of the window, a sixteenth of it.
    expect(verdicts).toBeLessThanOrEqual(calls);
    expect(verdicts).toBeGreaterThanOrEqual(calls - Math.ceil(calls / 16) + 1);
  },
);

test("calls under way add to a window of calls that is full", () => {
  const watched = watchHanging({ trip: HALF });
  const { breaker, clock } = watched;
  for (let n = 0; n < 50; n++) breaker.recordSuccess();
  hang(watched, 19);
  clock.advance(LIMIT_MS + 1);
  expect(breaker.state).toBe("closed");
  // 20 of 40.
  hang(watched, 1);
  clock.advance(LIMIT_MS + 1);
  expect(breaker.state).toBe("open");
});

// Rules of the user's making.

const MUTE: TripMeter = {
  record() {},
  read: () => ({ ratio: 0 }),
  explain: () => ({ window: {}, failuresByReason: null, firstFailureMs: null }),
};

/** Trips at so many calls that hang at the same time. */
const hanging = (threshold: number, more: Partial<TripRule> = {}): TripRule => ({
  name: "hanging",
  threshold,
  begin: () => ({ ...MUTE, read: ({ overdue }) => ({ ratio: overdue / threshold }) }),
  ...more,
});

test("a rule of one's own is told the calls that hang, and explained with them", async () => {
  const watched = watchHanging({ trip: hanging(3) });
  const { breaker, clock, last } = watched;
  await failTimes(breaker, 1);
  clock.advance(7);
  hang(watched, 5);
  clock.advance(LIMIT_MS + 1);
  breaker.catchUp();
  expect(last("circuit.open")).toMatchObject({
    rule: "hanging",
    reason: "latency",
    window: { inFlight: 5, overdue: 5 },
    failuresByReason: { error: 1, latency: 5 },
    firstFailureAtMs: START_AT_MS,
    detectMs: LIMIT_MS + 8,
  });
});

test("a rule of one's own may have a limit of its own, and is asked when a call exceeds it", () => {
  const asked: Situation[] = [];
  const begin = () => ({
    ...MUTE,
    read: (situation: Situation) => {
      asked.push(situation);
      return { ratio: 0 };
    },
  });
  const watched = watchHanging({ trip: [consecutive(9), hanging(9, { latencyMs: 100, begin })] });
  hang(watched, 2);
  watched.clock.advance(30);
  hang(watched, 1);
  watched.clock.advance(100);
  watched.breaker.catchUp();
  // Once for the two that started together; the third is not overdue yet. Then once for the progress.
  expect(asked).toEqual([
    { consecutiveFailures: 0, nowMs: 100, overdue: 2 },
    { consecutiveFailures: 0, nowMs: 130, overdue: 2 },
  ]);
  watched.clock.advance(1);
  watched.breaker.catchUp();
  expect(asked.slice(2)).toEqual([
    { consecutiveFailures: 0, nowMs: 130, overdue: 3 },
    { consecutiveFailures: 0, nowMs: 131, overdue: 3 },
  ]);
});

test("overdueFromMs() of a rule says which calls count no longer", () => {
  const given: number[][] = [];
  const begin = (): TripMeter => ({
    ...MUTE,
    read: ({ overdue }) => ({ ratio: overdue / 10 }),
    overdueFromMs: (...moments) => {
      given.push(moments);
      return moments[0] - 1_000;
    },
  });
  const watched = watchHanging({ trip: hanging(10, { begin }) });
  const { breaker, clock } = watched;
  breaker.recordSuccess();
  hang(watched, 2);
  clock.advance(LIMIT_MS + 1_000);
  expect(breaker.tripProgress).toBe(0.2);
  clock.advance(1);
  expect(breaker.tripProgress).toBe(0);
  expect(given).toContainEqual([LIMIT_MS + 1_000, 0]);
});

test("a rule that throws when a call becomes overdue is told by the next step, and left out", () => {
  const begin = () => ({
    ...MUTE,
    read: () => {
      throw BOOM;
    },
  });
  const watched = watchHanging({ trip: [hanging(1, { begin }), consecutive(2)] });
  const { breaker, clock, told, last } = watched;
  hang(watched, 2);
  clock.advance(LIMIT_MS + 1);
  // Whoever reads first comes upon the failure; what is told does not depend on it.
  for (let n = 0; n < 3; n++) expect(breaker.state).toBe("open");
  expect(told()).toEqual([]);
  breaker.catchUp();
  expect(told()).toEqual(["callback_failed", "open"]);
  expect(last("circuit.callback_failed").callback).toBe("trip.hanging");
  expect(last("circuit.open").rule).toBe("consecutive");
});

test("a rule that resets the breaker when it is asked about a call that hangs ends its question", () => {
  const watched = watchHanging({
    trip: hanging(1, {
      begin: () => ({
        ...MUTE,
        read: () => {
          watched.breaker.reset();
          return { ratio: 1 };
        },
      }),
    }),
  });
  const { breaker, clock } = watched;
  hang(watched, 3);
  clock.advance(LIMIT_MS + 1);
  expect(breaker.state).toBe("closed");
  breaker.catchUp();
  expect(breaker).toMatchObject({ state: "closed", tripProgress: 0 });
  expect(breaker.stats.trips.latency).toBe(0);
});

test("a rule that calls the breaker when it is asked about a call that hangs is not asked again inside", () => {
  let asked = 0;
  const watched = watchHanging({
    trip: hanging(2, {
      begin: () => ({
        ...MUTE,
        read: ({ overdue }) => {
          asked++;
          permitOf(watched).success();
          void watched.breaker.state;
          return { ratio: overdue / 2 };
        },
      }),
    }),
  });
  const { breaker, clock } = watched;
  hang(watched, 1);
  clock.advance(1);
  hang(watched, 1);
  clock.advance(LIMIT_MS);
  breaker.catchUp();
  expect(asked).toBeLessThan(10);
  expect(breaker.state).toBe("closed");
  clock.advance(1);
  breaker.catchUp();
  expect(breaker.state).toBe("open");
  expect(breaker.stats.calls.success).toBeGreaterThan(0);
});
