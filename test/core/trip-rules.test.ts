import fc from "fast-check";
import { expect, test } from "vitest";
import { CircuitBreaker, consecutive, failureRate, slowRate } from "../../src/index.ts";
import { BOOM, fail, failTimes, succeed, watch } from "../support/breaker.ts";
import { permitOf } from "../support/states.ts";

const succeedTimes = async (breaker: CircuitBreaker, times: number): Promise<void> => {
  for (let n = 0; n < times; n++) await breaker.call(succeed);
};

test("consecutive() trips at n failures in a row, and says so where failureThreshold did", async () => {
  const { breaker, last } = watch({ trip: consecutive(3) });
  expect(breaker.failureThreshold).toBe(3);
  await failTimes(breaker, 2);
  await breaker.execute(succeed);
  await failTimes(breaker, 2);
  expect(breaker.state).toBe("closed");
  await failTimes(breaker, 1);
  expect(last("circuit.open")).toMatchObject({
    rule: "consecutive",
    threshold: 3,
    window: { calls: 3, failures: 3 },
    failuresByReason: { error: 3, latency: 0 },
  });
  expect(last("circuit.failure").failureThreshold).toBe(3);
});

test("failureRate() over calls trips at the share of the last calls, successes heard without a listener", async () => {
  const breaker = new CircuitBreaker("dependency", {
    trip: failureRate({ threshold: 0.5, window: { calls: 10 } }),
  });
  await succeedTimes(breaker, 20);
  await failTimes(breaker, 4);
  expect(breaker.state).toBe("closed");
  await failTimes(breaker, 1);
  expect(breaker.state).toBe("open");
});

test("failureRate() explains itself by its window", async () => {
  const { breaker, clock, last } = watch({
    latencyTripMs: 10,
    trip: failureRate({ threshold: 0.5, window: { calls: 10 }, minimumCalls: 5 }),
  });
  await succeedTimes(breaker, 3);
  await breaker.execute(() => clock.advance(20));
  clock.advance(100);
  await succeedTimes(breaker, 1);
  await breaker.execute(fail);
  clock.advance(100);
  expect(breaker.state).toBe("closed");
  await breaker.execute(fail);
  await breaker.execute(() => clock.advance(20));
  expect(last("circuit.open")).toMatchObject({
    reason: "latency",
    rule: "failureRate",
    threshold: 0.5,
    window: { calls: 8, failures: 4, rate: 0.5, minimumCalls: 5 },
    failuresByReason: { error: 2, latency: 2 },
    consecutiveFailures: 3,
    detectMs: 220,
  });
  expect(last("circuit.open").firstFailureAtMs).toBe(last("circuit.open").atMs - 220);
});

test("failureRate() over a time hears when each success was", async () => {
  const breaker = (clock: { readonly nowMs: number }) =>
    new CircuitBreaker("dependency", {
      clock: { monotonicMs: () => clock.nowMs, epochMs: () => clock.nowMs },
      trip: failureRate({ threshold: 0.5, window: { durationMs: 1_000 }, minimumCalls: 2 }),
    });
  const near = { nowMs: 0 };
  const held = breaker(near);
  await succeedTimes(held, 2);
  near.nowMs = 800;
  await held.execute(fail);
  expect(held.state).toBe("closed");

  const far = { nowMs: 0 };
  const gone = breaker(far);
  await succeedTimes(gone, 2);
  far.nowMs = 1_000;
  await gone.execute(fail);
  expect(gone.state).toBe("closed");
  await gone.execute(fail);
  expect(gone.state).toBe("open");
});

test.each([
  { minimumCalls: undefined, calls: 100, trips: 10 },
  { minimumCalls: undefined, calls: 4, trips: 4 },
  { minimumCalls: 1, calls: 100, trips: 1 },
  { minimumCalls: 7, calls: 100, trips: 7 },
])(
  "minimumCalls $minimumCalls of a window of $calls lets the rate count from call $trips",
  async (row) => {
    const { minimumCalls, calls, trips } = row;
    const breaker = new CircuitBreaker("dependency", {
      trip: failureRate({
        threshold: 0.5,
        window: { calls },
        ...(minimumCalls === undefined ? {} : { minimumCalls }),
      }),
    });
    await failTimes(breaker, trips - 1);
    expect(breaker.state).toBe("closed");
    await failTimes(breaker, 1);
    expect(breaker.state).toBe("open");
  },
);

test("failureRate() trips at exactly its threshold, however it is written", () => {
  const share = fc.integer({ min: 1, max: 60 }).chain((calls) =>
    fc.record({
      calls: fc.constant(calls),
      failures: fc.integer({ min: 1, max: calls }),
    }),
  );
  fc.assert(
    fc.property(share, ({ calls, failures }) => {
      const breaker = new CircuitBreaker("dependency", {
        trip: failureRate({
          threshold: failures / calls,
          window: { calls },
          minimumCalls: calls,
        }),
      });
      for (let n = 0; n < calls - failures; n++) breaker.recordSuccess();
      for (let n = 0; n < failures - 1; n++) breaker.recordFailure(BOOM);
      expect(breaker.state).toBe("closed");
      breaker.recordFailure(BOOM);
      expect(breaker.state).toBe("open");
    }),
  );
});

test.each([
  { threshold: 0.1, calls: 30, failures: 3 },
  { threshold: 0.3, calls: 10, failures: 3 },
  { threshold: 0.7, calls: 10, failures: 7 },
  { threshold: 0.29, calls: 100, failures: 29 },
  { threshold: 1, calls: 10, failures: 10 },
])("failureRate() of $threshold trips at $failures of $calls and not one sooner", (row) => {
  const { threshold, calls, failures } = row;
  const breaker = new CircuitBreaker("dependency", {
    trip: failureRate({ threshold, window: { calls }, minimumCalls: calls }),
  });
  for (let n = 0; n < calls - failures; n++) breaker.recordSuccess();
  for (let n = 0; n < failures; n++) {
    expect(breaker.state).toBe("closed");
    breaker.recordFailure(BOOM);
  }
  expect(breaker.state).toBe("open");
});

test("slowRate() counts a call that is a success and slow, and trips on it for reason latency", async () => {
  const { breaker, clock, told, last } = watch({
    trip: slowRate({ latencyMs: 100, threshold: 0.5, window: { calls: 4 } }),
  });
  await succeedTimes(breaker, 2);
  await breaker.execute(() => clock.advance(100));
  expect(breaker.tripProgress).toBe(0);
  await breaker.execute(() => clock.advance(101));
  expect(breaker.state).toBe("closed");
  told();
  const result = await breaker.execute(() => clock.advance(200));
  expect(result).toMatchObject({ outcome: "ok", countedAs: "success", latencyTripped: false });
  expect(told()).toEqual(["success", "open"]);
  expect(last("circuit.open")).toMatchObject({
    reason: "latency",
    rule: "slowRate",
    threshold: 0.5,
    window: { calls: 4, failures: 2, rate: 0.5, minimumCalls: 4 },
    failuresByReason: { error: 0, latency: 2 },
    detectMs: 200,
  });
  expect(last("circuit.open")).not.toHaveProperty("error");
  expect(breaker.stats).toMatchObject({ trips: { error: 0, latency: 1 }, calls: { success: 5 } });
});

test("slowRate() is timed without a listener, and a TimeoutError is slow however long it took", async () => {
  const trip = slowRate({ latencyMs: 100, threshold: 1, window: { calls: 2 } });
  const clock = { nowMs: 0, monotonicMs: () => clock.nowMs, epochMs: () => clock.nowMs };
  const breaker = new CircuitBreaker("dependency", { clock, trip });
  await breaker.call(() => {
    clock.nowMs += 101;
  });
  await breaker.execute(() => Promise.reject(Object.assign(new Error(), { name: "TimeoutError" })));
  expect(breaker.state).toBe("open");
});

test("slowRate() does not count a quick error, and counts a slow one", () => {
  const watched = watch({
    trip: slowRate({ latencyMs: 100, threshold: 0.5, window: { calls: 2 } }),
  });
  const { breaker, clock, last } = watched;
  for (let n = 0; n < 5; n++) breaker.recordFailure(BOOM, 100);
  expect(breaker.state).toBe("closed");
  const permit = permitOf(watched);
  clock.advance(101);
  permit.failure(BOOM);
  expect(last("circuit.open")).toMatchObject({ rule: "slowRate", reason: "latency" });
});

test("a trip on a success tells no failures in a row: the success ended them", async () => {
  const { breaker, clock, last } = watch({
    trip: slowRate({ latencyMs: 100, threshold: 0.25, window: { calls: 4 } }),
  });
  await succeedTimes(breaker, 1);
  await failTimes(breaker, 2);
  await breaker.execute(() => clock.advance(101));
  expect(last("circuit.open").consecutiveFailures).toBe(0);
});

test("of several rules any trips", async () => {
  const rules = () => [
    consecutive(3),
    failureRate({ threshold: 0.4, window: { calls: 10 }, minimumCalls: 10 }),
  ];
  const hard = watch({ trip: rules() });
  await failTimes(hard.breaker, 3);
  expect(hard.last("circuit.open").rule).toBe("consecutive");

  const partial = watch({ trip: rules() });
  await succeedTimes(partial.breaker, 6);
  for (let n = 0; n < 3; n++) {
    await partial.breaker.execute(fail);
    await partial.breaker.execute(succeed);
  }
  expect(partial.breaker.state).toBe("closed");
  await partial.breaker.execute(fail);
  expect(partial.last("circuit.open").rule).toBe("failureRate");
});

test("circuit.progress names the nearest of several rules", async () => {
  const { breaker, last } = watch({
    trip: [consecutive(4), failureRate({ threshold: 0.5, window: { calls: 10 } })],
  });
  await succeedTimes(breaker, 10);
  await failTimes(breaker, 1);
  expect(last("circuit.progress")).toMatchObject({ rule: "consecutive", ratio: 0.25 });
  expect(last("circuit.progress").failuresToTrip).toBe(3);
  await succeedTimes(breaker, 1);
  await failTimes(breaker, 1);
  expect(last("circuit.progress")).toMatchObject({ rule: "failureRate", ratio: 0.4 });
  expect(last("circuit.progress")).not.toHaveProperty("failuresToTrip");
  expect(breaker.tripProgress).toBe(0.4);
});

test("trip beside failureThreshold: both hold; trip alone stands in for the threshold", async () => {
  const rate = () => failureRate({ threshold: 1, window: { calls: 100 }, minimumCalls: 50 });
  const both = watch({ failureThreshold: 2, trip: rate() });
  expect(both.breaker.failureThreshold).toBe(2);
  await failTimes(both.breaker, 2);
  expect(both.last("circuit.open")).toMatchObject({ rule: "consecutive", threshold: 2 });

  const alone = watch({ trip: rate() });
  expect(alone.breaker.failureThreshold).toBeNull();
  await failTimes(alone.breaker, 49);
  expect(alone.breaker.state).toBe("closed");
  expect(alone.last("circuit.failure").failureThreshold).toBeNull();
  expect(alone.last("circuit.progress").failureThreshold).toBeNull();
  await failTimes(alone.breaker, 1);
  expect(alone.last("circuit.open").rule).toBe("failureRate");
});

test("failureThreshold of several counting rules is the least", () => {
  const { breaker } = watch({ failureThreshold: 7, trip: [consecutive(9), consecutive(4)] });
  expect(breaker.failureThreshold).toBe(4);
});

test("one rule object serves many breakers, each with counts of its own, which begin anew after a close", async () => {
  const trip = failureRate({ threshold: 0.5, window: { calls: 4 } });
  const one = watch({ trip });
  const two = watch({ trip });
  await failTimes(one.breaker, 3);
  await failTimes(two.breaker, 3);
  expect([one.breaker.state, two.breaker.state]).toEqual(["closed", "closed"]);
  await failTimes(one.breaker, 1);
  one.breaker.reset();
  expect(one.breaker.tripProgress).toBe(0);
  await failTimes(one.breaker, 3);
  expect(one.breaker.state).toBe("closed");
});

test("ignored, cancelled, unreached and late results are in no window", () => {
  const watched = watch({
    trip: failureRate({ threshold: 0.5, window: { calls: 10 }, minimumCalls: 2 }),
  });
  const { breaker, last } = watched;
  const late = permitOf(watched);
  breaker.reset();
  late.failure(BOOM);
  permitOf(watched).ignore();
  permitOf(watched).cancel();
  permitOf(watched).release();
  breaker.recordFailure(BOOM);
  expect(breaker.state).toBe("closed");
  breaker.recordFailure(BOOM);
  expect(last("circuit.open").window).toMatchObject({ calls: 2, failures: 2 });
});

test("failureRate() is asked at failures: a success that completes the minimum does not trip, the next failure does", () => {
  const { breaker, last } = watch({
    trip: failureRate({ threshold: 0.5, window: { calls: 20 }, minimumCalls: 10 }),
  });
  for (let n = 0; n < 5; n++) breaker.recordFailure(BOOM);
  for (let n = 0; n < 5; n++) breaker.recordSuccess();
  expect(breaker.state).toBe("closed");
  breaker.recordFailure(BOOM);
  expect(last("circuit.open").window).toMatchObject({ calls: 11, failures: 6 });
});

test.each([
  ["alone", {}],
  ["beside a slowRate", { slow: true }],
  ["of a disabled breaker", { disabled: true }],
])(
  "failureRate() %s is decided at failures, not at the success that fills its window",
  async (_, given) => {
    const { slow = false, disabled = false }: { slow?: boolean; disabled?: boolean } = given;
    const rate = failureRate({ threshold: 0.5, window: { calls: 10 }, minimumCalls: 4 });
    const patient = slowRate({ latencyMs: 1_000, threshold: 1, window: { calls: 10 } });
    const { breaker, told } = watch({ trip: slow ? [rate, patient] : rate });
    if (disabled) breaker.disable();
    const decisions = () => told().filter((type) => type === "open" || type === "would_open");
    await failTimes(breaker, 3);
    await breaker.execute(succeed);
    expect(decisions()).toEqual([]);
    await failTimes(breaker, 1);
    expect(decisions()).toEqual([disabled ? "would_open" : "open"]);
  },
);
