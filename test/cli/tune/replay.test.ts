import fc from "fast-check";
import { expect, test } from "vitest";
import { CallLog, FATE } from "../../../src/cli/tune/call-log.ts";
import { tablesOf } from "../../../src/cli/tune/call-table.ts";
import { replay } from "../../../src/cli/tune/replay.ts";
import { optionsOf, type Setting, USUAL } from "../../../src/cli/tune/setting.ts";
import { CircuitBreaker, type Permit } from "../../../src/index.ts";

const SLOW_MS = 30;

interface Recorded {
  readonly startMs: number;
  readonly durationMs: number;
  readonly fate: number;
}

function logOf(calls: readonly Recorded[]): CallLog {
  const log = new CallLog();
  for (const { startMs, durationMs, fate } of calls) log.add(startMs, durationMs, fate);
  return log;
}

const timeout = Object.assign(new Error("late"), { name: "TimeoutError" });

/** Drives a breaker by its public door, with a list where the replay has tables, and counts by itself. */
function driven(calls: readonly Recorded[], setting: Setting) {
  const ordered = calls.toSorted((a, b) => a.startMs - b.startMs);
  // A window of time is kept in tenths that begin where the clock does: the same beginning for both.
  const originMs = ordered[0]?.startMs ?? 0;
  let nowMs = originMs;
  const breaker = new CircuitBreaker("direct", {
    ...optionsOf(setting),
    clock: { monotonicMs: () => nowMs - originMs, epochMs: () => nowMs },
    random: () => 0,
  });
  const seen = { incidents: 0, reopens: 0, recoveryMs: 0, detectMs: 0 };
  breaker.on("circuit.open", ({ from, detectMs }) => {
    if (from === "closed") {
      seen.incidents++;
      seen.detectMs += detectMs ?? 0;
    } else seen.reopens++;
  });
  breaker.on("circuit.close", ({ mttrMs }) => {
    seen.recoveryMs += mttrMs;
  });
  const counted = { passed: 0, refused: 0, badPassed: 0, goodRefused: 0, badRefused: 0 };
  const isBad = ({ fate, durationMs }: Recorded): boolean =>
    fate === FATE.error || fate === FATE.timeout || (fate === FATE.ok && durationMs > SLOW_MS);
  let underWay: { readonly call: Recorded; readonly place: number; readonly permit: Permit }[] = [];
  const endOf = ({ call }: { readonly call: Recorded }): number => call.startMs + call.durationMs;
  const endUntil = (untilMs: number): void => {
    for (;;) {
      const [next] = underWay.toSorted((a, b) => endOf(a) - endOf(b) || a.place - b.place);
      if (next === undefined || endOf(next) > untilMs) return;
      underWay = underWay.filter((each) => each !== next);
      nowMs = endOf(next);
      const { call, permit } = next;
      if (call.fate === FATE.ok) permit.success(call.durationMs);
      else if (call.fate === FATE.error) permit.failure(new Error("boom"), call.durationMs);
      else if (call.fate === FATE.timeout) permit.failure(timeout, call.durationMs);
      else permit.ignore();
    }
  };
  for (const [place, call] of ordered.entries()) {
    endUntil(call.startMs);
    nowMs = call.startMs;
    const permit = breaker.admit();
    if (permit.ok) {
      counted.passed++;
      if (isBad(call)) counted.badPassed++;
      underWay.push({ call, place, permit });
    } else {
      counted.refused++;
      if (isBad(call)) counted.badRefused++;
      else if (call.fate === FATE.ok) counted.goodRefused++;
    }
  }
  endUntil(Number.POSITIVE_INFINITY);
  const { probes } = breaker.stats;
  return {
    ...counted,
    ...seen,
    probes: Object.values(probes).reduce((sum, count) => sum + count, 0),
    stillOpen: breaker.openedAtMs === null ? 0 : 1,
  };
}

const calls = fc.array(
  fc.record({
    startMs: fc.integer({ min: 0, max: 400 }),
    durationMs: fc.integer({ min: 0, max: 60 }),
    fate: fc.constantFrom(FATE.ok, FATE.ok, FATE.error, FATE.error, FATE.timeout, FATE.ignored),
  }),
  { minLength: 1, maxLength: 120 },
);

const settings: fc.Arbitrary<Setting> = fc.record({
  failureThreshold: fc.integer({ min: 1, max: 5 }),
  latencyTripMs: fc.constantFrom(10, 30, 50),
  inFlight: fc.boolean(),
  failureRate: fc.constantFrom(null, { threshold: 0.5, window: { calls: 6 } }),
  slowRate: fc.constantFrom(null, {
    ...{ threshold: 0.6, latencyMs: 20, window: { durationMs: 100 }, minimumCalls: 3 },
  }),
  cooldownMs: fc.constantFrom(5, 40, 150, { initialMs: 10, maxMs: 100 }),
  degradation: fc.constantFrom(null, [1, 1, 0]),
  rampUp: fc.constantFrom(null, { durationMs: 50, from: 0.5 }),
  maxProbes: fc.integer({ min: 1, max: 3 }),
  successThreshold: fc.integer({ min: 1, max: 3 }),
  probeRate: fc.constant(null),
  leaseMs: fc.constantFrom(5, 60_000),
});

test("replay() does what driving a breaker directly does, whatever the calls and the setting", () => {
  fc.assert(
    fc.property(calls, settings, (recorded, setting) => {
      const [table] = tablesOf(logOf(recorded), SLOW_MS);
      // The same chance for both: a share of the traffic either passes whole or not at all.
      const figures = replay(table, { ...optionsOf(setting), random: () => 0 }, SLOW_MS);
      const { recovery, detect, opened: _, ...rest } = figures;
      const direct = driven(recorded, setting);
      const { recoveryMs, detectMs, ...counts } = direct;
      expect(rest).toMatchObject(counts);
      expect(recovery.sumMs).toBeCloseTo(recoveryMs, 3);
      expect(detect.sumMs).toBeCloseTo(detectMs, 3);
    }),
    { numRuns: 500 },
  );
});

const at = (startMs: number, fate: number = FATE.ok, durationMs = 5): Recorded => ({
  ...{ startMs, durationMs, fate },
});

/** A minute of calls every 100 ms: it fails from second 10 to second 20, and is slow from second 30 to second 40. */
const minute = Array.from({ length: 600 }, (_, n) => {
  const startMs = n * 100;
  if (startMs >= 10_000 && startMs < 20_000) return at(startMs, FATE.error);
  return at(startMs, FATE.ok, startMs >= 30_000 && startMs < 40_000 ? 900 : 5);
});

const under = (part: Partial<Setting>) => {
  const [table] = tablesOf(logOf(minute), 500);
  return replay(table, optionsOf({ ...USUAL, ...part }), 500);
};

test("replay() tells an outage by its figures", () => {
  const figures = under({ failureThreshold: 5, cooldownMs: 3_000 });
  expect(figures).toMatchObject({
    ...{ calls: 600, passed: 600 - figures.refused, incidents: 1, stillOpen: 0 },
    // Five failures, 100 ms apart; then a probe every 3 s and a bit, three of which fail.
    ...{ failedBeforeTrip: 5, reopens: 3, probes: 4, badRefused: 92, goodRefused: 28 },
    // The failures, the failed probes, and every slow call.
    badPassed: 5 + 3 + 100,
    detect: { count: 1, sumMs: 400 },
  });
  expect(figures.opened).toMatchObject([{ reason: "error", rule: "consecutive", reopens: 3 }]);
  expect(figures.recovery.sumMs).toBe(figures.openMs);
});

test("replay() counts the calls that were under way when the breaker opened", () => {
  const { badUnderWay, failedBeforeTrip } = under({ latencyTripMs: 500, cooldownMs: 60_000 });
  // Slow calls never come to be seen: the failures have opened it for good by then.
  expect([badUnderWay, failedBeforeTrip]).toEqual([0, 5]);
  const slow = under({ latencyTripMs: 500, failureThreshold: 5, cooldownMs: 2_000 });
  // A call of 900 ms every 100 ms: eight more have begun when the fifth of them ends.
  expect(slow.badUnderWay).toBe(8);
});

test("replay() counts an incident without an end until the last call", () => {
  const figures = under({ cooldownMs: 60_000 });
  expect(figures).toMatchObject({ incidents: 1, stillOpen: 1, recovery: { count: 0 } });
  expect(figures.openMs).toBeGreaterThan(45_000);
  expect(figures.opened[0]?.closedAtMs).toBeNull();
});

// Each of them changes what the replay comes to, or it would have no effect.
test.each<Partial<Setting>>([
  { failureThreshold: 9 },
  { latencyTripMs: 500 },
  { latencyTripMs: 500, inFlight: true },
  { failureThreshold: null, failureRate: { threshold: 0.5, window: { calls: 50 } } },
  { slowRate: { threshold: 0.5, window: { durationMs: 3_000 }, latencyMs: 500 } },
  { cooldownMs: 1_000 },
  { cooldownMs: { initialMs: 500, maxMs: 4_000 } },
  { degradation: [1, 0.5, 0.5, 0.2] },
  { rampUp: { durationMs: 5_000 } },
  { maxProbes: 3, latencyTripMs: 500 },
  { successThreshold: 4 },
  { probeRate: { threshold: 0.5, minimumCalls: 4 } },
  { leaseMs: 50, latencyTripMs: 500 },
])("a replay with %j differs from one without", (part) => {
  const base: Partial<Setting> = {
    cooldownMs: 2_500,
    ...("latencyTripMs" in part && Object.keys(part).length > 1 ? { latencyTripMs: 500 } : {}),
  };
  const { opened: _, ...without } = under(base);
  const { opened: __, ...withIt } = under({ ...base, ...part });
  expect(withIt).not.toEqual(without);
});

test("replay() meets each setting with the same chance", () => {
  const part = { degradation: [1, 0.5, 0.5, 0.2] };
  expect(under(part)).toEqual(under(part));
});
