import { expect, test } from "vitest";
import { type CircuitBreakerOptions, consecutive, createEventBus } from "../../src/index.ts";
import { failTimes, succeed, watch } from "../support/breaker.ts";
import { generationOf, permitOf, refusalOf, watchIn } from "../support/states.ts";

/** What `circuit.reconfigure` told last. */
function changeOf({ last }: ReturnType<typeof watch>) {
  const { from, to } = last("circuit.reconfigure");
  return { from, to };
}

test("reconfigure() changes only what is named, of options with parts only the parts", async () => {
  const watched = watch({
    failureThreshold: 2,
    cooldownMs: 100,
    halfOpen: { maxProbes: 2, leaseMs: 50 },
    attributes: { region: "eu", tier: 1 },
  });
  const { breaker, clock, last } = watched;
  breaker.reconfigure({ halfOpen: { successThreshold: 2 }, attributes: { tier: 2 } });
  expect(changeOf(watched).to).toEqual({ "halfOpen.successThreshold": 2, "attributes.tier": 2 });
  await failTimes(breaker, 2);
  expect(last("circuit.open")).toMatchObject({
    cooldownMs: 100,
    attributes: { region: "eu", tier: 2 },
  });
  clock.advance(100);
  const probes = [permitOf(watched), permitOf(watched)];
  expect(breaker.admit().ok).toBe(false);
  probes[0]?.success();
  expect(breaker.state).toBe("half_open");
  clock.advance(49);
  expect(breaker.probesInFlight).toBe(1);
  clock.advance(1);
  expect(breaker.probesInFlight).toBe(0);
});

test("reconfigure() takes a part back with null, where null is no value", () => {
  const watched = watch({
    halfOpen: { maxProbes: 3, leaseMs: 50 },
    rampUp: { durationMs: 100, from: 0.5 },
    attributes: { region: "eu" },
  });
  watched.breaker.reconfigure({
    halfOpen: { maxProbes: null },
    rampUp: { from: null },
    attributes: { region: null },
  });
  expect(changeOf(watched)).toEqual({
    from: { "halfOpen.maxProbes": 3, "rampUp.from": 0.5, "attributes.region": "eu" },
    to: { "halfOpen.maxProbes": 1, "rampUp.from": 0.1, "attributes.region": null },
  });
  watched.breaker.forceOpen();
  expect(watched.last("circuit.open").attributes).toEqual({ region: null });
});

test("reconfigure() keeps the count of failures: the next failure trips at a lowered threshold", async () => {
  const { breaker, told, last } = watch({ failureThreshold: 10 });
  await failTimes(breaker, 4);
  told();
  breaker.reconfigure({ failureThreshold: 3 });
  expect(breaker.state).toBe("closed");
  expect(breaker.failureThreshold).toBe(3);
  expect(breaker.tripProgress).toBe(1);
  expect(breaker.stats.consecutiveFailures).toBe(4);
  expect(told()).toEqual(["reconfigure"]);
  await failTimes(breaker, 1);
  expect(told()).toEqual(["failure", "open"]);
  expect(last("circuit.open")).toMatchObject({
    consecutiveFailures: 5,
    threshold: 3,
    failuresByReason: { error: 5, latency: 0 },
  });
});

test("reconfigure() keeps the count of failures: a raised threshold takes those that are missing", async () => {
  const { breaker } = watch({ failureThreshold: 3 });
  await failTimes(breaker, 2);
  breaker.reconfigure({ failureThreshold: 5 });
  expect(breaker.tripProgress).toBeCloseTo(2 / 5);
  await failTimes(breaker, 2);
  expect(breaker.state).toBe("closed");
  await failTimes(breaker, 1);
  expect(breaker.state).toBe("open");
});

test.each(["closed", "open", "half_open", "forced_open", "disabled"] as const)(
  "reconfigure() leaves the state, the generation, the counters and the incident of a breaker that is %s",
  async (state) => {
    const watched = await watchIn(state);
    const { breaker, events } = watched;
    const generation = await generationOf(watched);
    const { stats, openedAtMs, retryAfterMs } = breaker;
    const incident = events.findLast((event) => event.incidentId !== undefined)?.incidentId;
    breaker.reconfigure({ failureThreshold: 9, cooldownMs: 5, halfOpen: { leaseMs: 7 } });
    expect(breaker.state).toBe(state);
    expect(await generationOf(watched)).toBe(generation);
    const { calls } = breaker.stats;
    expect({ ...breaker.stats, calls: { ...calls, cancelled: calls.cancelled - 1 } }).toEqual(
      stats,
    );
    expect(breaker.openedAtMs).toBe(openedAtMs);
    expect(breaker.retryAfterMs).toBe(retryAfterMs);
    expect(watched.last("circuit.reconfigure")).toMatchObject(
      incident === undefined ? { generation } : { generation, incidentId: incident },
    );
  },
);

test("an open breaker keeps the end of its cooldown; the next open has the new one", async () => {
  const watched = await watchIn("open", { failureThreshold: 1, cooldownMs: 1000 });
  const { breaker, clock, last } = watched;
  breaker.reconfigure({ cooldownMs: 10 });
  expect(breaker.retryAfterMs).toBe(1000);
  clock.advance(999);
  refusalOf(watched);
  clock.advance(1);
  await failTimes(breaker, 1);
  expect(last("circuit.open").cooldownMs).toBe(10);
  expect(breaker.retryAfterMs).toBe(10);
});

test("a cooldown function that replaces a number begins at the first attempt, and counts on when it is replaced", async () => {
  const { breaker, clock, last } = watch({ failureThreshold: 1, cooldownMs: 100 });
  await failTimes(breaker, 1);
  breaker.reconfigure({ cooldownMs: (attempt) => attempt * 10 });
  const reopen = async () => {
    clock.advance(breaker.retryAfterMs ?? 0);
    await failTimes(breaker, 1);
    return last("circuit.open").cooldownMs;
  };
  expect(await reopen()).toBe(10);
  expect(await reopen()).toBe(20);
  breaker.reconfigure({ cooldownMs: (attempt) => attempt * 100 });
  expect(await reopen()).toBe(300);
});

test("a probe keeps its lease, the next has the new one; a lowered maxProbes refuses until slots are free", async () => {
  const watched = await watchIn("half_open", { halfOpen: { maxProbes: 3, leaseMs: 100 } });
  const { breaker, clock } = watched;
  const probes = [permitOf(watched), permitOf(watched)];
  breaker.reconfigure({ halfOpen: { maxProbes: 2, leaseMs: 10 } });
  refusalOf(watched);
  probes[0]?.ignore();
  clock.advance(50);
  permitOf(watched);
  expect(breaker.probesInFlight).toBe(2);
  clock.advance(10);
  expect(breaker.probesInFlight).toBe(1);
  clock.advance(40);
  expect(breaker.probesInFlight).toBe(0);
});

test("a successThreshold lowered to what was reached closes at the next success", async () => {
  const watched = await watchIn("half_open", { halfOpen: { successThreshold: 3 } });
  const { breaker } = watched;
  permitOf(watched).success();
  permitOf(watched).success();
  breaker.reconfigure({ halfOpen: { successThreshold: 2 } });
  expect(breaker.state).toBe("half_open");
  permitOf(watched).success();
  expect(breaker.state).toBe("closed");
});

test("reconfigure() with degradation tells the change of the traffic share after itself", async () => {
  const { breaker, told, last } = watch({ failureThreshold: 10 });
  await failTimes(breaker, 2);
  told();
  breaker.reconfigure({ degradation: [1, 0.5, 0.25] });
  expect(told()).toEqual(["reconfigure", "degrade"]);
  expect(last("circuit.degrade")).toMatchObject({ from: 1, to: 0.25, consecutiveFailures: 2 });
  expect(breaker.trafficShare).toBe(0.25);
  breaker.reconfigure({ degradation: null });
  expect(told()).toEqual(["reconfigure", "degrade"]);
  expect(last("circuit.degrade")).toMatchObject({ from: 0.25, to: 1 });
});

test("reconfigure() with degradation forgives idle time only from then on", async () => {
  const { breaker, clock } = watch({ failureThreshold: 10, cooldownMs: 100 });
  await failTimes(breaker, 3);
  clock.advance(10_000);
  breaker.reconfigure({ degradation: [1, 0.9, 0.7, 0.4] });
  expect(breaker.stats.consecutiveFailures).toBe(3);
  clock.advance(100);
  expect(breaker.stats.consecutiveFailures).toBe(2);
});

test("reconfigure() commits what time has brought by the old options first", async () => {
  const { breaker, clock, told } = watch({
    failureThreshold: 10,
    cooldownMs: 100,
    degradation: [1, 0.5],
  });
  await failTimes(breaker, 1);
  told();
  clock.advance(100);
  breaker.reconfigure({ cooldownMs: 100_000 });
  expect(told()).toEqual(["degrade", "reconfigure"]);
  expect(breaker.stats.consecutiveFailures).toBe(0);
});

test("reconfigure() with rampUp goes on with a recovery that has begun", async () => {
  const { breaker, clock } = watch({ failureThreshold: 1, cooldownMs: 10 });
  await failTimes(breaker, 1);
  clock.advance(10);
  await breaker.call(succeed);
  clock.advance(500);
  breaker.reconfigure({ rampUp: { durationMs: 1000, from: 0.5 } });
  expect(breaker.trafficShare).toBe(0.75);
});

test("reconfigure() of a disabled breaker goes on with what its rules have counted", async () => {
  const { breaker, told } = watch({ failureThreshold: 3, shadow: consecutive(4) });
  breaker.disable();
  await failTimes(breaker, 1);
  breaker.reconfigure({ failureThreshold: 2, shadow: consecutive(3) });
  told();
  await failTimes(breaker, 1);
  expect(told()).toEqual(["failure", "would_open"]);
  await failTimes(breaker, 1);
  expect(told()).toEqual(["failure", "would_open"]);
});

test("reconfigure() of a shadow rule goes on with what it has counted, and null ends it", async () => {
  const { breaker, told } = watch({ failureThreshold: 100, shadow: consecutive(4) });
  await failTimes(breaker, 2);
  breaker.reconfigure({ shadow: consecutive(3) });
  told();
  await failTimes(breaker, 1);
  expect(told()).toContain("would_open");
  breaker.reconfigure({ shadow: null });
  await failTimes(breaker, 10);
  expect(told()).not.toContain("would_open");
});

test.each(["closed", "disabled"])(
  "a shadow rule that was taken back and given again begins anew while %s",
  async (state) => {
    const { breaker, told } = watch({ failureThreshold: 100, shadow: consecutive(3) });
    if (state === "disabled") breaker.disable();
    await failTimes(breaker, 2);
    breaker.reconfigure({ shadow: null });
    breaker.reconfigure({ shadow: consecutive(3) });
    await failTimes(breaker, 2);
    expect(told()).not.toContain("would_open");
    await failTimes(breaker, 1);
    expect(told()).toContain("would_open");
  },
);

test("reconfigure() keeps clock, random, bus and name", async () => {
  const bus = createEventBus();
  const { breaker, clock } = watch({ bus, random: () => 0.5, failureThreshold: 1 });
  breaker.reconfigure({ failureThreshold: 2 });
  expect(breaker.bus).toBe(bus);
  expect(breaker.name).toBe("dependency");
  await failTimes(breaker, 2);
  clock.advance(59_999);
  expect(breaker.retryAfterMs).toBe(1);
});

test("what reconfigure() was given may change or be frozen afterwards", async () => {
  const options: CircuitBreakerOptions & { halfOpen: { maxProbes: number } } = {
    failureThreshold: 2,
    halfOpen: { maxProbes: 2 },
  };
  const watched = watch(options);
  const change = { degradation: [1, 0.5], halfOpen: { leaseMs: 10 } };
  watched.breaker.reconfigure(change);
  change.degradation[1] = 0;
  change.halfOpen.leaseMs = 1;
  options.halfOpen.maxProbes = 50;
  watched.breaker.reconfigure(Object.freeze({ failureThreshold: 3 }));
  expect(changeOf(watched).to).toEqual({ failureThreshold: 3 });
  await failTimes(watched.breaker, 1);
  expect(watched.breaker.trafficShare).toBe(0.5);
});
