import fc from "fast-check";
import { expect, test } from "vitest";
import {
  CircuitBreaker,
  type CircuitBreakerOptions,
  consecutive,
  type EventOf,
  failureRate,
  slowRate,
  type TripRule,
} from "../../src/index.ts";
import { BOOM, fail, failTimes, succeed, watch } from "../support/breaker.ts";
import { FakeClock } from "../support/fake-clock.ts";

const COOLDOWN_MS = 1_000;

test("a disabled breaker tells once per cooldown that it would have opened, with the numbers", async () => {
  const { breaker, clock, events, last } = watch({ failureThreshold: 2, cooldownMs: COOLDOWN_MS });
  const count = () => events.filter(({ type }) => type === "circuit.would_open").length;
  breaker.disable();
  await failTimes(breaker, 1);
  expect(count()).toBe(0);
  clock.advance(40);
  await failTimes(breaker, 1);
  expect(count()).toBe(1);
  const { atMs } = last("circuit.would_open");
  expect(last("circuit.would_open")).toMatchObject({
    state: "disabled",
    from: "disabled",
    generation: 1,
    reason: "error",
    rule: "consecutive",
    threshold: 2,
    window: { calls: 2, failures: 2 },
    failuresByReason: { error: 2, latency: 0 },
    consecutiveFailures: 2,
    cooldownMs: COOLDOWN_MS,
    retryAtMs: atMs + COOLDOWN_MS,
    firstFailureAtMs: atMs - 40,
    detectMs: 40,
    reopens: 0,
    error: { name: "Error", message: "boom" },
  });
  // While it would have been open it looks away, and then begins again.
  clock.advance(COOLDOWN_MS - 1);
  await failTimes(breaker, 5);
  expect(count()).toBe(1);
  clock.advance(1);
  await failTimes(breaker, 1);
  expect(count()).toBe(1);
  await failTimes(breaker, 1);
  expect(count()).toBe(2);
  expect(breaker.state).toBe("disabled");
  expect(breaker.stats.trips).toEqual({ error: 0, latency: 0 });
});

test("a success ends the failures in a row of a disabled breaker", async () => {
  const { breaker, told } = watch({ failureThreshold: 2 });
  breaker.disable();
  await failTimes(breaker, 1);
  await breaker.execute(succeed);
  await failTimes(breaker, 1);
  expect(told()).not.toContain("would_open");
});

test("a disabled breaker asks its own rules, and sees the successes though nobody listens to them", async () => {
  const told: EventOf<"circuit.would_open">[] = [];
  const breaker = new CircuitBreaker("dependency", {
    trip: failureRate({ threshold: 0.5, window: { calls: 10 }, minimumCalls: 10 }),
  });
  breaker.on("circuit.would_open", (event) => told.push(event));
  breaker.disable();
  for (let n = 0; n < 8; n++) await breaker.call(succeed);
  for (let n = 0; n < 4; n++) await expect(breaker.call(fail)).rejects.toBe(BOOM);
  expect(told).toEqual([]);
  await breaker.execute(fail);
  expect(told).toMatchObject([
    { rule: "failureRate", window: { calls: 10, failures: 5, rate: 0.5 }, consecutiveFailures: 5 },
  ]);
});

test("a disabled breaker would have tripped on a slow success, and is timed for it", async () => {
  const clock = new FakeClock();
  const breaker = new CircuitBreaker("dependency", {
    clock,
    trip: slowRate({ latencyMs: 100, threshold: 1, window: { calls: 2 } }),
  });
  const told: EventOf<"circuit.would_open">[] = [];
  breaker.on("circuit.would_open", (event) => told.push(event));
  breaker.disable();
  for (let n = 0; n < 2; n++) await breaker.call(() => clock.advance(101));
  expect(told).toMatchObject([
    { reason: "latency", rule: "slowRate", failuresByReason: { error: 0, latency: 2 } },
  ]);
});

test("a breaker that is enabled again, or disabled again, has forgotten what would have tripped", async () => {
  const { breaker, told } = watch({ failureThreshold: 2, cooldownMs: COOLDOWN_MS });
  breaker.disable();
  await failTimes(breaker, 1);
  breaker.enable();
  await failTimes(breaker, 1);
  breaker.disable();
  await failTimes(breaker, 1);
  expect(told()).not.toContain("would_open");
  expect(breaker.state).toBe("disabled");
});

test("the cooldown of a would-be open is a retryAfterMs of classify when there is one", async () => {
  const { breaker, last, clock, told } = watch({
    failureThreshold: 1,
    classify: (call) => (call.ok ? undefined : { outcome: "error", retryAfterMs: 5 }),
  });
  breaker.disable();
  await failTimes(breaker, 1);
  expect(last("circuit.would_open").cooldownMs).toBe(5);
  told();
  clock.advance(5);
  await failTimes(breaker, 1);
  expect(told()).toEqual(["failure", "would_open"]);
});

test("a shadow rule reports beside the rules in force, before they decide, and opens nothing", async () => {
  const { breaker, told, last } = watch({ failureThreshold: 3, shadow: consecutive(2) });
  await failTimes(breaker, 1);
  told();
  await failTimes(breaker, 1);
  expect(told()).toEqual(["failure", "would_open", "progress"]);
  expect(last("circuit.would_open")).toMatchObject({
    state: "closed",
    from: "closed",
    generation: 0,
    rule: "consecutive",
    threshold: 2,
    consecutiveFailures: 2,
  });
  expect(last("circuit.would_open")).not.toHaveProperty("incidentId");
  expect(breaker).toMatchObject({ state: "closed", failureThreshold: 3 });
  expect(breaker.tripProgress).toBeCloseTo(2 / 3, 12);
  await failTimes(breaker, 1);
  expect(breaker.state).toBe("open");
});

test("of several shadow rules any reports; successes are heard though nobody listens to them", async () => {
  const told: EventOf<"circuit.would_open">[] = [];
  const breaker = new CircuitBreaker("dependency", {
    shadow: [
      consecutive(50),
      failureRate({ threshold: 0.5, window: { calls: 10 }, minimumCalls: 10 }),
    ],
  });
  breaker.on("circuit.would_open", (event) => told.push(event));
  for (let n = 0; n < 5; n++) {
    await breaker.call(succeed);
    expect(told).toEqual([]);
    await breaker.execute(fail);
  }
  expect(told).toMatchObject([{ rule: "failureRate", window: { calls: 10, failures: 5 } }]);
  expect(breaker.state).toBe("closed");
});

test("a shadow rule of latencies is timed without a listener to single calls", async () => {
  const clock = new FakeClock();
  const told: string[] = [];
  const breaker = new CircuitBreaker("dependency", {
    clock,
    shadow: slowRate({ latencyMs: 10, threshold: 1, window: { calls: 1 } }),
  });
  breaker.on("circuit.would_open", ({ rule }) => told.push(String(rule)));
  await breaker.call(() => clock.advance(11));
  expect(told).toEqual(["slowRate"]);
});

test("a shadow rule that throws is told, and harms neither the caller nor the rules in force", async () => {
  const broken: TripRule = {
    name: "broken",
    threshold: 1,
    begin: () => ({
      record() {},
      read: () => {
        throw BOOM;
      },
      explain: () => ({ window: {}, failuresByReason: null, firstFailureMs: null }),
    }),
  };
  const { breaker, last } = watch({ failureThreshold: 2, shadow: [broken, consecutive(1)] });
  await expect(breaker.call(fail)).rejects.toBe(BOOM);
  expect(last("circuit.callback_failed").callback).toBe("trip.broken");
  expect(last("circuit.would_open").rule).toBe("consecutive");
  await expect(breaker.call(fail)).rejects.toBe(BOOM);
  expect(breaker.state).toBe("open");
});

type Step = (run: { readonly breaker: CircuitBreaker; readonly clock: FakeClock }) => void;

const STEPS: readonly Step[] = [
  ({ breaker }) => breaker.recordSuccess(1),
  ({ breaker }) => breaker.recordSuccess(60),
  ({ breaker }) => breaker.recordFailure(BOOM, 1),
  ({ breaker }) => breaker.recordFailure(BOOM, 60),
  ({ breaker }) => {
    const permit = breaker.admit();
    if (permit.ok) permit.ignore();
  },
  ({ breaker }) => {
    const permit = breaker.admit();
    if (permit.ok) permit.success();
  },
  ({ clock }) => clock.advance(100),
  ({ clock }) => clock.advance(COOLDOWN_MS),
  ({ breaker }) => breaker.reset(),
  ({ breaker }) => breaker.forceOpen("drill", { forMs: 200 }),
  ({ breaker }) => breaker.disable(),
  ({ breaker }) => breaker.enable(),
];

/** The candidates are named apart, since a disabled breaker tells of its own rules, too. */
const CANDIDATE = "candidate ";
const candidate = (rule: TripRule): TripRule => ({ ...rule, name: `${CANDIDATE}${rule.name}` });

/** What a life of these steps comes to: the readings after each, the counters at the end, and what was told. */
function life(steps: readonly number[], options: CircuitBreakerOptions) {
  const watched = watch({
    cooldownMs: COOLDOWN_MS,
    latencyTripMs: 50,
    random: () => 0.5,
    ...options,
  });
  const { breaker, events } = watched;
  const readings = steps.map((step) => {
    STEPS[step]?.(watched);
    const { state, tripProgress, trafficShare, retryAfterMs } = breaker;
    return { state, tripProgress, trafficShare, retryAfterMs };
  });
  const mine = events.filter(
    (event) => event.type !== "circuit.would_open" || !event.rule?.startsWith(CANDIDATE),
  );
  return {
    readings,
    stats: breaker.stats,
    told: mine.map(({ seq: _, ...event }) => event),
    shadowed: events.length - mine.length,
  };
}

test("shadow rules change nothing: the same states, counters and events with them and without", () => {
  let shadowed = 0;
  const inForce: fc.Arbitrary<CircuitBreakerOptions> = fc.constantFrom(
    { failureThreshold: 4 },
    { trip: failureRate({ threshold: 0.5, window: { calls: 6 } }) },
    { failureThreshold: 6, degradation: [1, 0.6, 0.4] },
    {
      trip: slowRate({
        latencyMs: 20,
        threshold: 0.5,
        window: { durationMs: 500 },
        minimumCalls: 3,
      }),
    },
  );
  const steps = fc.array(fc.oneof(fc.nat(6), fc.nat(STEPS.length - 1)), { maxLength: 60 });
  fc.assert(
    fc.property(inForce, steps, (options, given) => {
      const without = life(given, options);
      const shadow = [
        consecutive(2),
        failureRate({ threshold: 0.3, window: { calls: 5 } }),
        slowRate({ latencyMs: 10, threshold: 0.3, window: { durationMs: 1_000 }, minimumCalls: 2 }),
      ].map(candidate);
      const withShadow = life(given, { ...options, shadow });
      shadowed += withShadow.shadowed;
      expect(without.shadowed).toBe(0);
      expect({ ...withShadow, shadowed: 0 }).toEqual(without);
    }),
  );
  expect(shadowed).toBeGreaterThan(10);
});

test("a rate in the shadow begins anew after it would have tripped", async () => {
  const { breaker, clock, events } = watch({
    failureThreshold: 100,
    cooldownMs: COOLDOWN_MS,
    shadow: failureRate({ threshold: 1, window: { calls: 4 } }),
  });
  const count = () => events.filter(({ type }) => type === "circuit.would_open").length;
  await failTimes(breaker, 4);
  clock.advance(COOLDOWN_MS);
  await failTimes(breaker, 3);
  expect(count()).toBe(1);
  await failTimes(breaker, 1);
  expect(count()).toBe(2);
});
