import fc from "fast-check";
import { expect, test } from "vitest";
import {
  CircuitBreaker,
  failureRate,
  type RateWindow,
  slowRate,
  type TripMeter,
  type TripRule,
} from "../../src/index.ts";
import { BOOM, failTimes, watch } from "../support/breaker.ts";

const rate = (window: RateWindow, threshold = 0.5, minimumCalls = 1) =>
  failureRate({ threshold, window, minimumCalls });

type Watched = ReturnType<typeof watch>;

function succeedTimes({ breaker }: Watched, times: number): void {
  for (let n = 0; n < times; n++) breaker.recordSuccess(1);
}

test("a rate with another threshold goes on with the calls that its window holds", async () => {
  const watched = watch({ trip: rate({ calls: 10 }, 0.5, 10) });
  const { breaker, last } = watched;
  succeedTimes(watched, 6);
  await failTimes(breaker, 3);
  breaker.reconfigure({ trip: rate({ calls: 10 }, 0.4, 10) });
  await failTimes(breaker, 1);
  expect(last("circuit.open")).toMatchObject({
    threshold: 0.4,
    window: { calls: 10, failures: 4, rate: 0.4, minimumCalls: 10 },
    failuresByReason: { error: 4, latency: 0 },
  });
});

test("a window of fewer calls keeps the last of them, one of more calls all", async () => {
  const watched = watch({ trip: rate({ calls: 10 }, 1) });
  const { breaker } = watched;
  succeedTimes(watched, 1);
  await failTimes(breaker, 4);
  succeedTimes(watched, 1);
  await failTimes(breaker, 1);
  succeedTimes(watched, 3);
  // success, 4 failures, success, failure, 3 successes
  breaker.reconfigure({ trip: rate({ calls: 4 }, 1) });
  expect(breaker.tripProgress).toBe(1 / 4);
  breaker.reconfigure({ trip: rate({ calls: 20 }, 1) });
  expect(breaker.tripProgress).toBe(1 / 4);
  succeedTimes(watched, 1);
  expect(breaker.tripProgress).toBe(1 / 5);
});

test("a full window of calls is kept in its order when it changes", () => {
  const watched = watch({ trip: rate({ calls: 5 }, 1) });
  const { breaker } = watched;
  // The ring is full and its oldest call is in its middle.
  for (const ok of [true, true, true, false, true, true, false]) {
    if (ok) breaker.recordSuccess();
    else breaker.recordFailure(BOOM);
  }
  breaker.reconfigure({ trip: rate({ calls: 3 }, 1) });
  expect(breaker.tripProgress).toBe(1 / 3);
  // The failure leaves after three more calls, not after two.
  succeedTimes(watched, 2);
  expect(breaker.tripProgress).toBe(1 / 3);
  succeedTimes(watched, 1);
  expect(breaker.tripProgress).toBe(0);
});

test("a longer window of time keeps what the shorter one held, and forgets it when its time is over", async () => {
  const watched = watch({ trip: rate({ durationMs: 1000 }, 1) });
  const { breaker, clock } = watched;
  clock.advance(300);
  succeedTimes(watched, 1);
  clock.advance(300);
  await failTimes(breaker, 1);
  breaker.reconfigure({ trip: rate({ durationMs: 10_000 }, 1) });
  expect(breaker.tripProgress).toBe(0.5);
  clock.advance(8_000);
  expect(breaker.tripProgress).toBe(0.5);
  clock.advance(2_000);
  expect(breaker.tripProgress).toBe(0);
});

test("a window of time goes on with the reasons and the first moment of its failures", () => {
  const watched = watch({ trip: rate({ durationMs: 10_000 }, 1, 5), latencyTripMs: 100 });
  const { breaker, clock, last } = watched;
  clock.advance(500);
  breaker.recordFailure(BOOM, 1);
  breaker.recordSuccess(101);
  clock.advance(2_500);
  breaker.recordSuccess(101);
  breaker.recordSuccess(101);
  breaker.reconfigure({ trip: rate({ durationMs: 20_000 }, 1, 5) });
  clock.advance(1_000);
  breaker.recordFailure(BOOM, 1);
  expect(last("circuit.open")).toMatchObject({
    reason: "latency",
    failuresByReason: { error: 2, latency: 3 },
    window: { calls: 5, failures: 5 },
    detectMs: 3_500,
  });
});

test("successes that wait to be counted are counted before the window changes", async () => {
  const breaker = new CircuitBreaker("quiet", { trip: rate({ calls: 10 }, 1) });
  for (let n = 0; n < 4; n++) await breaker.call(() => n);
  breaker.reconfigure({ trip: rate({ calls: 20 }, 1) });
  breaker.recordFailure(BOOM);
  expect(breaker.tripProgress).toBe(1 / 5);
});

test("a shorter window of time drops what is too old for it", async () => {
  const watched = watch({ trip: rate({ durationMs: 10_000 }, 1) });
  const { breaker, clock } = watched;
  succeedTimes(watched, 1);
  await failTimes(breaker, 1);
  clock.advance(5_000);
  succeedTimes(watched, 1);
  breaker.reconfigure({ trip: rate({ durationMs: 2_000 }, 1) });
  expect(breaker.tripProgress).toBe(0);
  await failTimes(breaker, 1);
  expect(breaker.tripProgress).toBe(0.5);
});

test("the detection time of a trip goes back to a failure before the reconfiguration", async () => {
  const watched = watch({ trip: rate({ calls: 10 }, 1, 3) });
  const { breaker, clock, last } = watched;
  await failTimes(breaker, 2);
  clock.advance(50);
  breaker.reconfigure({ trip: rate({ calls: 6 }, 1, 3) });
  clock.advance(50);
  await failTimes(breaker, 1);
  expect(last("circuit.open").detectMs).toBe(100);
});

test.each([
  { why: "calls to time", from: rate({ calls: 10 }, 1), to: rate({ durationMs: 1000 }, 1) },
  { why: "time to calls", from: rate({ durationMs: 1000 }, 1), to: rate({ calls: 10 }, 1) },
  {
    why: "another limit of slowness",
    from: slowRate({ latencyMs: 5, threshold: 1, window: { calls: 10 }, minimumCalls: 1 }),
    to: slowRate({ latencyMs: 6, threshold: 1, window: { calls: 10 }, minimumCalls: 1 }),
  },
])("a rate begins anew: $why", ({ from, to }) => {
  const { breaker } = watch({ trip: from });
  breaker.recordSuccess(1);
  breaker.recordFailure(BOOM, 10);
  expect(breaker.tripProgress).toBe(0.5);
  breaker.reconfigure({ trip: to });
  expect(breaker.tripProgress).toBe(0);
  breaker.recordSuccess(1);
  expect(breaker.tripProgress).toBe(0);
});

test("slow calls judged by the same limit go on", () => {
  const slow = (calls: number) =>
    slowRate({ latencyMs: 5, threshold: 1, window: { calls }, minimumCalls: 1 });
  const { breaker } = watch({ trip: slow(10) });
  breaker.recordSuccess(1);
  breaker.recordSuccess(10);
  breaker.reconfigure({ trip: slow(20) });
  expect(breaker.tripProgress).toBe(0.5);
});

/** A rule that counts failures, and remembers the meters that it was given to go on from. */
function counting(name: string, given: (TripMeter | undefined)[]): TripRule {
  return {
    name,
    threshold: 10,
    begin(previous) {
      given.push(previous);
      let failures = 0;
      return {
        record: () => {
          failures++;
        },
        read: () => ({ ratio: failures / 10 }),
        explain: () => ({ window: { failures }, failuresByReason: null, firstFailureMs: null }),
      };
    },
  };
}

test("a rule that stays keeps its meter, one of its name is given the meter it replaces, others begin", async () => {
  const given: (TripMeter | undefined)[] = [];
  const [stays, goes, comes] = ["stays", "swapped", "swapped"].map((name) => counting(name, given));
  if (stays === undefined || goes === undefined || comes === undefined) throw new Error("rules");
  const { breaker } = watch({ trip: [goes, stays] });
  await failTimes(breaker, 3);
  expect(given.splice(0)).toEqual([undefined, undefined]);
  breaker.reconfigure({ trip: [stays, comes, counting("new", given)] });
  expect(given.map((meter) => meter !== undefined)).toEqual([true, false]);
  // The one that stayed still counts three.
  expect(breaker.tripProgress).toBe(0.3);
});

test("a rule is begun again in the next closed period, with nothing to go on from", async () => {
  const given: (TripMeter | undefined)[] = [];
  const { breaker } = watch({ trip: counting("a", given) });
  await failTimes(breaker, 1);
  breaker.reconfigure({ trip: counting("a", given) });
  breaker.reset();
  await failTimes(breaker, 1);
  expect(given.map((meter) => meter !== undefined)).toEqual([false, true, false]);
});

test("a rule whose begin throws at the reconfiguration is told and left out", async () => {
  const { breaker, told, last } = watch({ failureThreshold: 5 });
  await failTimes(breaker, 1);
  told();
  const begin = () => {
    throw BOOM;
  };
  breaker.reconfigure({ trip: { name: "broken", threshold: 1, begin } });
  expect(told()).toEqual(["callback_failed", "reconfigure"]);
  expect(last("circuit.callback_failed").callback).toBe("trip.broken");
  await failTimes(breaker, 10);
  expect(breaker.state).toBe("open");
});

test("a window of calls that changes its size holds what one of that size would have held", () => {
  fc.assert(
    fc.property(
      fc.array(fc.boolean(), { maxLength: 40 }),
      fc.integer({ min: 2, max: 40 }),
      fc.integer({ min: 2, max: 40 }),
      (outcomes, before, after) => {
        // A success after each, so that no window of two is all failures, which would trip.
        const calls = outcomes.flatMap((ok) => [ok, true]);
        const changed = watch({ trip: rate({ calls: before }, 1) });
        const fresh = watch({ trip: rate({ calls: after }, 1) });
        const take = ({ breaker }: Watched, ok: boolean) =>
          ok ? breaker.recordSuccess() : breaker.recordFailure(BOOM);
        for (const ok of [true, ...calls]) take(changed, ok);
        // Only what the first window still holds can be known to the second.
        const known = [true, ...calls].slice(-before);
        if (known[0] === false) take(fresh, true);
        for (const ok of known) take(fresh, ok);
        changed.breaker.reconfigure({ trip: rate({ calls: after }, 1) });
        if (known[0] === false && known.length < after) return;
        for (let n = 0; n <= after; n++) {
          expect(changed.breaker.tripProgress).toBe(fresh.breaker.tripProgress);
          take(changed, true);
          take(fresh, true);
        }
      },
    ),
    { numRuns: 500 },
  );
});
