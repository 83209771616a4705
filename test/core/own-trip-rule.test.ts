import { expect, test } from "vitest";
import {
  CircuitBreaker,
  consecutive,
  failureRate,
  type Hearing,
  type TripMeter,
  type TripRule,
  type Verdict,
} from "../../src/index.ts";
import { BOOM, fail, failTimes, succeed, watch } from "../support/breaker.ts";
import { START_AT_MS } from "../support/fake-clock.ts";
import { wrong } from "../support/wrong-values.ts";

// Rules of the user's making: what they hear, what they may answer, and what their faults cost.

const MUTE: TripMeter = {
  record() {},
  read: () => ({ ratio: 0 }),
  explain: () => ({ window: {}, failuresByReason: null, firstFailureMs: null }),
};

/** A rule whose meter is the mute one but for what is given. */
const ruleOf = (meter: Partial<TripMeter>, rule: Partial<TripRule> = {}): TripRule => ({
  name: "own",
  threshold: 1,
  begin: () => ({ ...MUTE, ...meter }),
  ...rule,
});

/** Trips at so many failures in all, successes or not. */
const total = (threshold: number): TripRule => ({
  name: "total",
  threshold,
  begin() {
    let failures = 0;
    return {
      record(verdict) {
        if (verdict !== null) failures++;
      },
      read: () => ({ ratio: failures / threshold }),
      explain: () => ({ window: { failures }, failuresByReason: null, firstFailureMs: null }),
    };
  },
});

test("a rule of one's own trips, and is named with its threshold and its numbers", async () => {
  const { breaker, clock, last } = watch({ trip: total(4) });
  await failTimes(breaker, 2);
  await breaker.execute(succeed);
  expect(last("circuit.progress")).toMatchObject({ rule: "total", ratio: 0.5 });
  await failTimes(breaker, 1);
  clock.advance(7);
  await failTimes(breaker, 1);
  expect(last("circuit.open")).toMatchObject({
    rule: "total",
    threshold: 4,
    window: { failures: 4 },
    // What it does not keep is told of the failures in a row.
    failuresByReason: { error: 2, latency: 0 },
    consecutiveFailures: 2,
    detectMs: 7,
  });
});

test("levels of a rule are the steps of its progress; without them the tenths", async () => {
  const ratios = async (levels?: readonly number[]) => {
    const rule = levels === undefined ? total(20) : { ...total(20), levels };
    const { breaker, events } = watch({ trip: rule });
    await failTimes(breaker, 19);
    return events.flatMap((event) => (event.type === "circuit.progress" ? [event.ratio] : []));
  };
  expect(await ratios([0.5, 0.75])).toEqual([0.5, 0.75]);
  expect(await ratios()).toEqual([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]);
});

type Heard = [verdict: Verdict, latencyMs: number | null, nowMs: number];

test.each<{ hears: Hearing | undefined; heard: unknown[] }>([
  { hears: undefined, heard: [["error", expect.anything(), 10]] },
  { hears: "failures", heard: [["error", expect.anything(), 10]] },
  {
    hears: "successes",
    heard: [
      [null, expect.anything(), expect.anything()],
      ["error", expect.anything(), 10],
      [null, expect.anything(), expect.anything()],
    ],
  },
  {
    hears: "moments",
    heard: [
      [null, expect.anything(), 5],
      ["error", expect.anything(), 10],
      [null, expect.anything(), 15],
    ],
  },
  {
    hears: "latencies",
    heard: [
      [null, 5, 5],
      ["error", 5, 10],
      [null, 5, 15],
    ],
  },
])("a rule that hears $hears is told that much", async ({ hears, heard }) => {
  const all: Heard[] = [];
  const own = ruleOf({ record: (...verdict) => void all.push(verdict) });
  const { breaker, clock } = watch({
    trip: hears === undefined ? own : { ...own, hears },
  });
  const five = () => clock.advance(5);
  await breaker.call(five);
  await breaker.execute(() => {
    five();
    return fail();
  });
  await breaker.call(five);
  expect(all).toEqual(heard);
});

test("a rule that hears latencies may trip on a success; one that hears less is not asked then", async () => {
  const eager = ruleOf({ read: () => ({ ratio: 1 }) });
  const latencies = watch({ trip: { ...eager, hears: "latencies" } });
  await latencies.breaker.call(succeed);
  expect(latencies.last("circuit.open")).toMatchObject({ rule: "own", reason: "latency" });
  const moments = watch({ trip: { ...eager, hears: "moments" } });
  await moments.breaker.call(succeed);
  expect(moments.breaker.state).toBe("closed");
});

test.each<{ part: string; rule: TripRule; failures: number }>([
  {
    part: "begin",
    rule: ruleOf(
      {},
      {
        begin: () => {
          throw BOOM;
        },
      },
    ),
    failures: 1,
  },
  {
    part: "record",
    rule: ruleOf({
      record: () => {
        throw BOOM;
      },
    }),
    failures: 3,
  },
  {
    part: "read",
    rule: ruleOf({
      read: () => {
        throw BOOM;
      },
    }),
    failures: 3,
  },
])(
  "a rule that throws in $part is told, harms no caller, and the other rules trip",
  async (row) => {
    const { breaker, events, last } = watch({ trip: [row.rule, consecutive(3)] });
    for (let n = 0; n < 3; n++) await expect(breaker.call(fail)).rejects.toBe(BOOM);
    expect(last("circuit.open").rule).toBe("consecutive");
    expect(last("circuit.callback_failed")).toMatchObject({
      callback: "trip.own",
      error: { name: "Error", message: "boom" },
    });
    const told = events.filter(({ type }) => type === "circuit.callback_failed").length;
    expect(told).toBeGreaterThanOrEqual(row.failures);
  },
);

test("a rule that throws in record harms no successful call", async () => {
  const broken = ruleOf(
    {
      record: () => {
        throw BOOM;
      },
    },
    { hears: "latencies" },
  );
  const { breaker, told } = watch({ trip: broken });
  await expect(breaker.call(succeed)).resolves.toBe("value");
  expect(told()).toContain("callback_failed");
  expect(breaker.stats.calls.success).toBe(1);
});

test("a rule that throws in explain trips all the same, without numbers", async () => {
  const broken = ruleOf({
    read: () => ({ ratio: 1 }),
    explain: () => {
      throw BOOM;
    },
  });
  const { breaker, told, last } = watch({ trip: broken });
  await expect(breaker.call(fail)).rejects.toBe(BOOM);
  expect(told()).toEqual(["failure", "callback_failed", "open"]);
  expect(last("circuit.open")).toMatchObject({
    rule: "own",
    window: {},
    failuresByReason: { error: 1, latency: 0 },
  });
});

test.each([
  ["a ratio of NaN", { ratio: Number.NaN }],
  ["no ratio", {}],
  ["nothing", undefined],
  ["null", null],
  ["a number", 0.5],
  ["a text for a ratio", { ratio: "1" }],
])("a rule that reads %s hides no other rule", async (_, reading) => {
  const odd = ruleOf({ read: () => wrong(reading) });
  const { breaker, last } = watch({ trip: [odd, consecutive(2)] });
  await failTimes(breaker, 1);
  expect(breaker.tripProgress).toBe(0.5);
  await failTimes(breaker, 1);
  expect(last("circuit.open").rule).toBe("consecutive");
});

test("what explain handed out may change without changing the event", async () => {
  const window = { failures: 1 };
  const own = ruleOf({
    read: () => ({ ratio: 1 }),
    explain: () => ({ window, failuresByReason: null, firstFailureMs: null }),
  });
  const { breaker, last } = watch({ trip: own });
  await failTimes(breaker, 1);
  window.failures = 99;
  expect(last("circuit.open").window).toEqual({ failures: 1 });
});

test("reading tripProgress tells nothing, also when a rule throws: a getter has no effect", async () => {
  const broken = ruleOf({
    read: () => {
      throw BOOM;
    },
  });
  const { breaker, told, events } = watch({ trip: broken });
  await failTimes(breaker, 1);
  told();
  const before = events.length;
  expect(breaker.tripProgress).toBe(0);
  await breaker.execute(succeed);
  expect(told()).toEqual(["success"]);
  // Numbered without gaps: no event was made and lost.
  expect(events.at(-1)?.seq).toBe(before + 1);
});

test.each(["begin", "record", "read", "explain"] as const)(
  "a rule that forces the breaker open in %s leaves it forced, with legal changes only",
  async (part) => {
    let breaker: CircuitBreaker | undefined;
    const force = () => breaker?.forceOpen("by the rule");
    const own: TripRule = {
      name: "own",
      threshold: 1,
      begin() {
        if (part === "begin") force();
        return {
          record() {
            if (part === "record") force();
          },
          read() {
            if (part === "read") force();
            return { ratio: 1 };
          },
          explain() {
            if (part === "explain") force();
            return { window: {}, failuresByReason: null, firstFailureMs: null };
          },
        };
      },
    };
    const watched = watch({ trip: own });
    breaker = watched.breaker;
    await breaker.execute(fail);
    expect(breaker.state).toBe("forced_open");
    expect(watched.told()).toEqual(["failure", "open"]);
    expect(breaker.stats.transitions).toMatchObject({
      "closed->forced_open": 1,
      "closed->open": 0,
    });
  },
);

test("a rule that hears moments is told each of them on the platform's clock, however dense the calls", async () => {
  const moments: number[] = [];
  const own = ruleOf({ record: (_, __, nowMs) => void moments.push(nowMs) }, { hears: "moments" });
  const breaker = new CircuitBreaker("dependency", { trip: own });
  for (let n = 0; n < 200; n++) await breaker.call(succeed);
  expect(moments).toHaveLength(200);
  expect(moments.every(Number.isFinite)).toBe(true);
  expect(failureRate({ threshold: 1, window: { durationMs: 1 } }).hears).toBe("moments");
});

test("a rule that explains nothing leaves the run of failures to explain the trip", async () => {
  const mute: TripRule = {
    name: "mute",
    threshold: 1,
    begin: () => ({
      record: () => {},
      read: () => ({ ratio: 1 }),
      // Wrong on purpose: this is what JavaScript callers can do.
      explain: () => ({}) as never,
    }),
  };
  const { breaker, last } = watch({ trip: mute });
  await failTimes(breaker, 1);
  expect(last("circuit.open")).toMatchObject({
    rule: "mute",
    window: {},
    failuresByReason: { error: 1, latency: 0 },
    firstFailureAtMs: START_AT_MS,
    detectMs: 0,
  });
});
