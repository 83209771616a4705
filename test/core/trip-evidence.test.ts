import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type CircuitBreaker,
  consecutive,
  failureRate,
  slowRate,
  type TripRule,
} from "../../src/index.ts";
import { BOOM, fail, failTimes, succeed, watch } from "../support/breaker.ts";

const succeedTimes = async (breaker: CircuitBreaker, times: number): Promise<void> => {
  for (let n = 0; n < times; n++) await breaker.call(succeed);
};

test("circuit.progress of a rate comes once per level of a climb, which ends at half its peak", async () => {
  const { breaker, events } = watch({
    trip: failureRate({ threshold: 1, window: { calls: 10 }, minimumCalls: 10 }),
  });
  const ratios = () =>
    events
      .flatMap((event) => (event.type === "circuit.progress" ? [event.ratio] : []))
      .map((ratio) => Math.round(ratio * 100) / 100);
  await failTimes(breaker, 6);
  expect(ratios()).toEqual([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]);
  // The window now holds five failures, then rises to six again: the same climb.
  await succeedTimes(breaker, 5);
  await failTimes(breaker, 1);
  expect(ratios()).toHaveLength(6);
  // It falls to three, half of the peak, and the next climb begins.
  await succeedTimes(breaker, 8);
  await failTimes(breaker, 1);
  expect(ratios().slice(6)).toEqual([0.2]);
});

test("circuit.progress is no flood when a rate trembles around a level", async () => {
  const { breaker, events } = watch({
    trip: failureRate({ threshold: 0.5, window: { calls: 20 }, minimumCalls: 20 }),
  });
  for (let n = 0; n < 2_000; n++) await breaker.execute(n % 4 === 0 ? fail : succeed);
  expect(breaker.state).toBe("closed");
  const told = events.filter(({ type }) => type === "circuit.progress").length;
  expect(told).toBeGreaterThan(0);
  expect(told).toBeLessThanOrEqual(9);
});

interface Outcome {
  readonly slow: boolean;
  readonly ok: boolean;
}

const outcomes: fc.Arbitrary<readonly Outcome[]> = fc.array(
  fc.record({ slow: fc.boolean(), ok: fc.boolean() }),
  { maxLength: 120 },
);

const rules: fc.Arbitrary<() => TripRule> = fc.oneof(
  fc.integer({ min: 1, max: 6 }).map((n) => () => consecutive(n)),
  fc
    .record({
      slow: fc.boolean(),
      threshold: fc.integer({ min: 1, max: 10 }).map((tenths) => tenths / 10),
      calls: fc.integer({ min: 1, max: 40 }),
      timed: fc.boolean(),
      minimum: fc.integer({ min: 1, max: 40 }),
    })
    .map(({ slow, threshold, calls, timed, minimum }) => () => {
      const window = timed ? { durationMs: 1_000 } : { calls };
      const minimumCalls = timed ? minimum : Math.min(minimum, calls);
      return slow
        ? slowRate({ threshold, window, minimumCalls, latencyMs: 5 })
        : failureRate({ threshold, window, minimumCalls });
    }),
);

/** Plays the outcomes until the breaker trips; the number of the outcome that tripped it, or null. */
function play(rule: TripRule, given: readonly Outcome[]) {
  const watched = watch({ trip: rule, latencyTripMs: 10 });
  for (const [index, { ok, slow }] of given.entries()) {
    watched.clock.advance(15);
    if (ok) watched.breaker.recordSuccess(slow ? 11 : 1);
    else watched.breaker.recordFailure(BOOM, slow ? 11 : 1);
    if (watched.breaker.state === "open") return { at: index, open: watched.last("circuit.open") };
  }
  return null;
}

test("a trip explains itself: its numbers reach the threshold, and did not without the decisive outcome", () => {
  let trips = 0;
  fc.assert(
    fc.property(rules, outcomes, (rule, given) => {
      const trip = play(rule(), given);
      if (trip === null) return;
      trips++;
      const { rule: name, threshold, failuresByReason, ...open } = trip.open;
      const { calls = 0, failures = 0, rate = 0, minimumCalls = 0 } = open.window ?? {};
      expect(failuresByReason.error + failuresByReason.latency).toBe(failures);
      const decisive = trip.open.window?.["rate"] === undefined ? failures : rate;
      expect(decisive).toBeGreaterThanOrEqual(threshold ?? Number.NaN);
      if (name === "consecutive") expect(calls).toBe(failures);
      else {
        expect(rate).toBe(failures / calls);
        expect(calls).toBeGreaterThanOrEqual(minimumCalls);
      }
      // Every outcome but the decisive one came, and did not trip.
      expect(play(rule(), given.slice(0, trip.at))).toBeNull();
      const last = given[trip.at];
      if (last?.ok === false && !last.slow && name === "failureRate") {
        const spared = [...given.slice(0, trip.at), { ok: true, slow: false }];
        expect(play(rule(), spared)).toBeNull();
      }
    }),
  );
  expect(trips).toBeGreaterThan(10);
});

test.each([
  { to: 0.3, ended: true },
  { to: 0.31, ended: false },
])("a climb with its peak at 0.6 that falls to $to has ended: $ended", async ({ to, ended }) => {
  let ratio = 0.6;
  const { breaker, last, told } = watch({
    trip: {
      name: "given",
      threshold: 1,
      begin: () => ({
        record() {},
        read: () => ({ ratio }),
        explain: () => ({ window: {}, failuresByReason: null, firstFailureMs: null }),
      }),
    },
  });
  await failTimes(breaker, 1);
  expect(last("circuit.progress").ratio).toBe(0.6);
  ratio = to;
  await failTimes(breaker, 1);
  told();
  ratio = 0.4;
  await failTimes(breaker, 1);
  expect(told()).toEqual(ended ? ["failure", "progress"] : ["failure"]);
});

test("below its minimum a rate is as far from the trip as the further of the two", () => {
  const { breaker } = watch({
    trip: failureRate({ threshold: 0.5, window: { calls: 20 }, minimumCalls: 10 }),
  });
  breaker.recordFailure(BOOM);
  expect(breaker.tripProgress).toBe(0.1);
  for (let n = 0; n < 3; n++) breaker.recordSuccess();
  expect(breaker.tripProgress).toBe(0.2);
});
