import { expect, test } from "vitest";
import { type BreakerStats, CircuitBreaker } from "../../src/index.ts";
import { BOOM, fail, failTimes, succeed, watch } from "../support/breaker.ts";
import { FakeClock, START_AT_MS } from "../support/fake-clock.ts";
import { COOLDOWN_MS, permitOf, refusalOf } from "../support/states.ts";

const counters = ({ calls, skips, trips, transitions, probes, timeInStateMs }: BreakerStats) => ({
  ...Object.fromEntries(Object.entries(calls).map(([key, value]) => [`calls.${key}`, value])),
  ...Object.fromEntries(Object.entries(skips).map(([key, value]) => [`skips.${key}`, value])),
  ...Object.fromEntries(Object.entries(trips).map(([key, value]) => [`trips.${key}`, value])),
  ...transitions,
  ...Object.fromEntries(Object.entries(probes).map(([key, value]) => [`probes.${key}`, value])),
  ...Object.fromEntries(Object.entries(timeInStateMs).map(([key, ms]) => [`time.${key}`, ms])),
});

const sum = (record: Readonly<Record<string, number>>): number =>
  Object.values(record).reduce((total, value) => total + value, 0);

/** A breaker and the steps of a life that reaches every state. */
function life() {
  const watched = watch({
    failureThreshold: 2,
    latencyTripMs: 100,
    cooldownMs: COOLDOWN_MS,
    halfOpen: { leaseMs: 300 },
  });
  const { breaker, clock } = watched;
  const steps: (() => unknown)[] = [
    () => breaker.call(succeed),
    () => clock.advance(11),
    () => breaker.execute(fail),
    () => permitOf(watched).success(101),
    () => refusalOf(watched),
    () => breaker.recordSuccess(),
    () => clock.advance(COOLDOWN_MS + 3),
    () => permitOf(watched).ignore(),
    () => clock.advance(7),
    () => permitOf(watched),
    () => refusalOf(watched),
    () => clock.advance(300),
    () => permitOf(watched).cancel(),
    () => permitOf(watched).failure(BOOM),
    () => clock.advance(COOLDOWN_MS),
    () => permitOf(watched).success(),
    () => clock.advance(13),
    () => breaker.forceOpen("drill", { forMs: 50 }),
    () => refusalOf(watched),
    () => clock.advance(50),
    () => permitOf(watched).release(),
    () => breaker.disable(),
    () => clock.advance(17),
    () => breaker.execute(fail),
    () => breaker.forceOpen(),
    () => clock.advance(19),
    () => breaker.reset(),
    () => clock.advance(0.5),
    () => breaker.disable(),
    () => breaker.enable(),
    () => breaker.reset(),
  ];
  return { ...watched, steps };
}

test("stats of a new breaker are zeros for every word", () => {
  const { breaker } = watch();
  expect(breaker.stats).toEqual({
    calls: {
      success: 0,
      error: 0,
      latency: 0,
      ignored: 0,
      cancelled: 0,
      unreached: 0,
      late: 0,
    },
    skips: {
      open: 0,
      half_open: 0,
      forced_open: 0,
      degraded: 0,
      ramping: 0,
      quota: 0,
      bulkhead: 0,
    },
    trips: { error: 0, latency: 0 },
    transitions: {
      "closed->open": 0,
      "closed->forced_open": 0,
      "closed->disabled": 0,
      "open->half_open": 0,
      "open->closed": 0,
      "open->forced_open": 0,
      "half_open->open": 0,
      "half_open->closed": 0,
      "half_open->forced_open": 0,
      "forced_open->half_open": 0,
      "forced_open->closed": 0,
      "disabled->closed": 0,
      "disabled->forced_open": 0,
    },
    probes: {
      success: 0,
      error: 0,
      latency: 0,
      ignored: 0,
      cancelled: 0,
      unreached: 0,
      late: 0,
      expired: 0,
    },
    consecutiveFailures: 0,
    lastFailureAtMs: null,
    lastSuccessAtMs: null,
    timeInStateMs: { closed: 0, open: 0, half_open: 0, forced_open: 0, disabled: 0 },
  });
});

test("stats of a whole life", async () => {
  const { breaker, steps } = life();
  for (const step of steps) await step();
  expect(breaker.stats).toEqual({
    calls: {
      success: 2,
      error: 3,
      latency: 1,
      ignored: 1,
      cancelled: 1,
      unreached: 1,
      late: 1,
    },
    skips: {
      open: 1,
      half_open: 1,
      forced_open: 1,
      degraded: 0,
      ramping: 0,
      quota: 0,
      bulkhead: 0,
    },
    trips: { error: 1, latency: 1 },
    transitions: {
      "closed->open": 1,
      "closed->forced_open": 1,
      "closed->disabled": 2,
      "open->half_open": 2,
      "open->closed": 0,
      "open->forced_open": 0,
      "half_open->open": 1,
      "half_open->closed": 2,
      "half_open->forced_open": 0,
      "forced_open->half_open": 1,
      "forced_open->closed": 1,
      "disabled->closed": 1,
      "disabled->forced_open": 1,
    },
    probes: {
      success: 1,
      error: 1,
      latency: 0,
      ignored: 1,
      cancelled: 1,
      unreached: 1,
      late: 0,
      expired: 1,
    },
    consecutiveFailures: 0,
    lastFailureAtMs: START_AT_MS + 2_401,
    lastSuccessAtMs: START_AT_MS + 2_321,
    timeInStateMs: {
      closed: 11 + 13 + 0.5,
      open: COOLDOWN_MS + 3 + COOLDOWN_MS,
      half_open: 307,
      forced_open: 50 + 19,
      disabled: 17,
    },
  });
});

test("counters never go back, at any step of a life", async () => {
  const { breaker, steps } = life();
  let before: Record<string, number> = counters(breaker.stats);
  for (const [index, step] of steps.entries()) {
    await step();
    const after: Record<string, number> = counters(breaker.stats);
    for (const [key, value] of Object.entries(before)) {
      expect(after[key], `${key} after step ${index}`).toBeGreaterThanOrEqual(value);
    }
    before = after;
  }
});

test("timeInStateMs sums to the breaker's age, at every step of a life", async () => {
  const clock = new FakeClock();
  clock.advance(12_345);
  const { breaker, clock: own, steps } = life();
  for (const step of steps) {
    await step();
    expect(sum(breaker.stats.timeInStateMs)).toBe(own.nowMs);
  }
  const older = new CircuitBreaker("younger than its clock", { clock });
  clock.advance(5);
  expect(sum(older.stats.timeInStateMs)).toBe(5);
});

test("timeInStateMs is about the committed state: a cooldown that is over still counts as open", async () => {
  const { breaker, clock } = watch({ failureThreshold: 1, cooldownMs: 100 });
  await failTimes(breaker, 1);
  clock.advance(250);
  expect(breaker.state).toBe("half_open");
  expect(breaker.stats.timeInStateMs).toMatchObject({ open: 250, half_open: 0 });
});

test("every call is counted once: calls and skips add up to what was asked", async () => {
  const { breaker, steps } = life();
  for (const step of steps) await step();
  const { calls, skips } = breaker.stats;
  // The steps make ten calls that are settled, one that is not, three that are refused.
  expect(sum(calls)).toBe(10);
  expect(sum(skips)).toBe(3);
});

test("stats are frozen, nested values too, and do not change later", async () => {
  const { breaker } = watch({ failureThreshold: 1 });
  const { stats } = breaker;
  const copy = structuredClone(stats);
  await failTimes(breaker, 1);
  await breaker.execute(succeed);
  expect(stats).toEqual(copy);
  expect(Object.isFrozen(stats)).toBe(true);
  for (const [key, value] of Object.entries(stats)) {
    expect(Object.isFrozen(value), key).toBe(true);
  }
  for (const value of Object.values(breaker.stats)) expect(Object.isFrozen(value)).toBe(true);
});

test("lastFailureAtMs and lastSuccessAtMs are wall-clock moments", async () => {
  const { breaker, clock } = watch();
  clock.advance(10);
  await breaker.execute(fail);
  clock.advance(10);
  await breaker.execute(succeed);
  expect(breaker.stats).toMatchObject({
    lastFailureAtMs: START_AT_MS + 10,
    lastSuccessAtMs: START_AT_MS + 20,
  });
});

test("lastSuccessAtMs of a breaker nobody listens to does not go back to null", async () => {
  const clock = new FakeClock();
  const breaker = new CircuitBreaker("unheard", { clock });
  await breaker.execute(succeed);
  const { lastSuccessAtMs } = breaker.stats;
  expect(lastSuccessAtMs).toBe(START_AT_MS);
  clock.advance(10);
  await breaker.call(succeed);
  expect(breaker.stats.lastSuccessAtMs ?? 0).toBeGreaterThanOrEqual(START_AT_MS);
});

test("lastSuccessAtMs of a breaker nobody listens to is the moment of each success", async () => {
  const clock = new FakeClock();
  const breaker = new CircuitBreaker("unheard", { clock });
  for (let n = 1; n <= 50; n++) {
    clock.advance(n % 3);
    await breaker.call(succeed);
    expect(breaker.stats.lastSuccessAtMs).toBe(clock.epochMs());
  }
  expect(breaker.stats.calls.success).toBe(50);
});

test("non-verdicts and late results move neither moment", async () => {
  const watched = watch({ failureThreshold: 1 });
  const late = permitOf(watched);
  permitOf(watched).ignore();
  watched.breaker.reset();
  late.failure(BOOM);
  expect(watched.breaker.stats).toMatchObject({ lastFailureAtMs: null, lastSuccessAtMs: null });
});

test("stats count the same whether somebody listens or not", async () => {
  const run = async (heard: boolean) => {
    const clock = new FakeClock();
    const breaker = new CircuitBreaker("b", { clock, failureThreshold: 2, cooldownMs: 100 });
    if (heard) breaker.on("circuit.*", () => {});
    for (const fn of [succeed, fail, succeed, fail, fail, succeed]) {
      await breaker.call<unknown>(fn).catch(() => {});
    }
    clock.advance(100);
    await breaker.call(succeed);
    await breaker.call(succeed);
    const { stats } = breaker;
    expect(stats.calls).toMatchObject({ success: 4, error: 3 });
    expect(stats.skips.open).toBe(1);
    return { ...counters(stats), consecutiveFailures: stats.consecutiveFailures };
  };
  expect(await run(false)).toEqual(await run(true));
});
