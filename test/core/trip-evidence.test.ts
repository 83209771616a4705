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
import { START_AT_MS } from "../support/fake-clock.ts";

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

/** What a slow call takes at least, for the rules that judge by a limit of their own. */
const SLOW_MS = 5;

interface Outcome {
  readonly slow: boolean;
  readonly ok: boolean;
}

const outcomes: fc.Arbitrary<readonly Outcome[]> = fc.array(
  fc.record({ slow: fc.boolean(), ok: fc.boolean() }),
  { maxLength: 120 },
);

/** Rules with windows of at most so many calls. */
const rulesUpTo = (most: number): fc.Arbitrary<() => TripRule> =>
  fc.oneof(
    fc.integer({ min: 1, max: 6 }).map((n) => () => consecutive(n)),
    fc
      .record({
        slow: fc.boolean(),
        threshold: fc.integer({ min: 1, max: 10 }).map((tenths) => tenths / 10),
        calls: fc.integer({ min: 1, max: most }),
        timed: fc.boolean(),
        minimum: fc.integer({ min: 1, max: most }),
      })
      .map(({ slow, threshold, calls, timed, minimum }) => () => {
        const window = timed ? { durationMs: 1_000 } : { calls };
        const minimumCalls = timed ? minimum : Math.min(minimum, calls);
        return slow
          ? slowRate({ threshold, window, minimumCalls, latencyMs: SLOW_MS })
          : failureRate({ threshold, window, minimumCalls });
      }),
  );
const rules = rulesUpTo(40);

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

/** One outcome of a stream in which calls may hang: `waitMs` after the one before it. */
interface Beat {
  readonly what: "hangs" | "succeeds" | "fails" | "nothing";
  readonly waitMs: number;
}

const LIMIT_MS = 10;
const COOLDOWN_MS = 1_000;

const beats: fc.Arbitrary<readonly Beat[]> = fc.array(
  fc.record({
    what: fc.constantFrom("hangs", "hangs", "hangs", "succeeds", "fails", "nothing"),
    waitMs: fc.nat(12),
  }),
  { maxLength: 80 },
);

/** Plays the stream until the breaker trips; what it told, and since when it was effective. */
function playHanging(rule: TripRule, given: readonly Beat[]) {
  const { breaker, clock, events } = watch({
    trip: rule,
    latencyTripMs: LIMIT_MS,
    inFlight: true,
    cooldownMs: COOLDOWN_MS,
  });
  for (const { what, waitMs } of given) {
    clock.advance(waitMs);
    if (what === "hangs") breaker.admit();
    else if (what === "succeeds") breaker.recordSuccess(1);
    else if (what === "fails") breaker.recordFailure(BOOM, 1);
    else breaker.catchUp();
    const open = events.find((event) => event.type === "circuit.open");
    if (open === undefined) continue;
    const effectiveAtMs = (open.retryAtMs ?? Number.NaN) - COOLDOWN_MS;
    return { open, effectiveAtMs };
  }
  return null;
}

test("a trip by calls that hang explains itself, and without the last of them there was none by then", () => {
  let trips = 0;
  fc.assert(
    fc.property(rulesUpTo(8), beats, (rule, given) => {
      const trip = playHanging(rule(), given);
      if (trip === null) return;
      const { open, effectiveAtMs } = trip;
      const { threshold, failuresByReason, window } = open;
      const { calls = 0, failures = 0, rate, overdue = 0, inFlight = 0 } = window ?? {};
      expect(failuresByReason.error + failuresByReason.latency).toBe(failures);
      expect(rate ?? failures).toBeGreaterThanOrEqual(threshold ?? Number.NaN);
      expect(overdue).toBeLessThanOrEqual(Math.min(inFlight, failuresByReason.latency));
      expect(failures).toBeLessThanOrEqual(calls);
      expect(open.detectMs).toBe(open.atMs - (open.firstFailureAtMs ?? Number.NaN));
      // A failure that ended decided: the property above has it.
      if (effectiveAtMs === open.atMs) return;
      trips++;
      expect(overdue).toBeGreaterThan(0);
      expect(open.firstFailureAtMs).toBeLessThanOrEqual(effectiveAtMs);
      // The calls that became overdue at that moment decided: without them nothing had happened by then.
      const limitMs = open.rule === "slowRate" ? SLOW_MS : LIMIT_MS;
      let nowAtMs = START_AT_MS;
      const spared = given.map((beat): Beat => {
        nowAtMs += beat.waitMs;
        const decided = beat.what === "hangs" && nowAtMs + limitMs === effectiveAtMs;
        return decided ? { ...beat, what: "nothing" } : beat;
      });
      const other = playHanging(rule(), spared);
      expect(other === null || other.effectiveAtMs > effectiveAtMs).toBe(true);
    }),
    { numRuns: 400 },
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
