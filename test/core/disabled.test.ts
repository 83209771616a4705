import { expect, test } from "vitest";
import { BOOM, failTimes, succeed, watch } from "../support/breaker.ts";
import { START_AT_MS } from "../support/fake-clock.ts";
import { COOLDOWN_MS, generationOf, permitOf, refusalOf, watchIn } from "../support/states.ts";

test("a disabled breaker measures failures, tells that it would have opened, and never opens", async () => {
  const { breaker, told, last } = await watchIn("disabled", { failureThreshold: 3 });
  await failTimes(breaker, 5);
  expect(breaker.state).toBe("disabled");
  expect(told()).toEqual(["failure", "failure", "failure", "would_open", "failure", "failure"]);
  expect(last("circuit.would_open")).toMatchObject({
    state: "disabled",
    generation: 1,
    from: "disabled",
    reason: "error",
    rule: "consecutive",
    consecutiveFailures: 3,
    failuresByReason: { error: 3, latency: 0 },
    threshold: 3,
    cooldownMs: COOLDOWN_MS,
  });
  expect(breaker.stats).toMatchObject({ consecutiveFailures: 5, calls: { error: 5 } });
  expect(breaker.stats.trips).toEqual({ error: 0, latency: 0 });
});

test("a disabled breaker lets every call pass and reads as one", async () => {
  const { breaker } = await watchIn("disabled");
  await failTimes(breaker, 3);
  await expect(breaker.call(succeed)).resolves.toBe("value");
  expect(breaker).toMatchObject({
    state: "disabled",
    isOpen: false,
    retryAfterMs: 0,
    trafficShare: 1,
    tripProgress: 1,
    probesInFlight: 0,
    openedAtMs: null,
  });
  expect(breaker.stats).toMatchObject({ consecutiveFailures: 0, calls: { success: 1, error: 3 } });
});

test("a disabled breaker counts slow calls as latency", async () => {
  const watched = await watchIn("disabled", { latencyTripMs: 10 });
  const permit = permitOf(watched);
  watched.clock.advance(11);
  permit.success();
  expect(watched.last("circuit.failure")).toMatchObject({ reason: "latency", state: "disabled" });
});

test("a permanent failure does not open a disabled breaker", async () => {
  const { breaker, told } = await watchIn("disabled", { classify: () => "permanent" });
  await failTimes(breaker, 1);
  expect(breaker.state).toBe("disabled");
  expect(told()).toEqual(["failure"]);
});

test("disable() when closed tells it, clears the count and makes the calls under way late", async () => {
  const watched = await watchIn("closed", { failureThreshold: 5 });
  const { breaker, told, last } = watched;
  await failTimes(breaker, 2);
  const permit = permitOf(watched);
  told();
  breaker.disable();
  expect(told()).toEqual(["disable"]);
  expect(last("circuit.disable")).toEqual({
    type: "circuit.disable",
    v: 1,
    seq: 5,
    breaker: "dependency",
    atMs: START_AT_MS,
    generation: 1,
    state: "disabled",
    from: "closed",
    spentMs: 0,
  });
  expect(breaker.stats.consecutiveFailures).toBe(0);
  permit.failure(BOOM);
  expect(told()).toEqual(["late"]);
});

test.each(["open", "half_open", "forced_open"] as const)(
  "disable() in %s closes first, for reason disabled",
  async (state) => {
    const watched = await watchIn(state);
    const { breaker, told, last } = watched;
    const before = await generationOf(watched);
    told();
    breaker.disable();
    expect(told()).toEqual(["close", "disable"]);
    expect(last("circuit.close")).toMatchObject({
      from: state,
      reason: "disabled",
      state: "closed",
      generation: before + 1,
      incidentId: expect.any(String),
    });
    expect(last("circuit.disable")).toMatchObject({
      from: "closed",
      state: "disabled",
      generation: before + 2,
    });
    expect(last("circuit.disable").incidentId).toBeUndefined();
    expect(breaker.stats.consecutiveFailures).toBe(0);
  },
);

test("disable() twice tells it once", async () => {
  const { breaker, told } = await watchIn("disabled");
  breaker.disable();
  expect(told()).toEqual([]);
});

test("enable() closes with no failures counted, and the calls under way are late", async () => {
  const watched = await watchIn("disabled", { failureThreshold: 3 });
  const { breaker, told, last } = watched;
  await failTimes(breaker, 2);
  const permit = permitOf(watched);
  told();
  breaker.enable();
  expect(told()).toEqual(["enable"]);
  expect(last("circuit.enable")).toMatchObject({
    from: "disabled",
    state: "closed",
    generation: 2,
  });
  expect(breaker.state).toBe("closed");
  expect(breaker.stats.consecutiveFailures).toBe(0);
  permit.failure(BOOM);
  expect(told()).toEqual(["late"]);
  await failTimes(breaker, 2);
  expect(breaker.state).toBe("closed");
});

test.each(["closed", "open", "half_open", "forced_open"] as const)(
  "enable() in %s does nothing",
  async (state) => {
    const { breaker, told } = await watchIn(state);
    breaker.enable();
    expect(breaker.state).toBe(state);
    expect(told()).toEqual([]);
  },
);

test("reset() leaves a disabled breaker disabled and clears its count", async () => {
  const { breaker, told } = await watchIn("disabled");
  await failTimes(breaker, 2);
  told();
  breaker.reset();
  expect(breaker.state).toBe("disabled");
  expect(breaker.stats.consecutiveFailures).toBe(0);
  expect(told()).toEqual([]);
});

test("forceOpen() opens a disabled breaker, and reset() then closes it", async () => {
  const watched = await watchIn("disabled");
  const { breaker, clock, told, last } = watched;
  breaker.forceOpen("stop");
  expect(told()).toEqual(["open"]);
  expect(last("circuit.open")).toMatchObject({ from: "disabled", state: "forced_open" });
  refusalOf(watched);
  clock.advance(COOLDOWN_MS);
  breaker.reset();
  expect(breaker.state).toBe("closed");
});

test("time in a disabled breaker is counted as such", () => {
  const { breaker, clock } = watch();
  breaker.disable();
  clock.advance(40);
  breaker.enable();
  clock.advance(2);
  expect(breaker.stats.timeInStateMs).toMatchObject({ disabled: 40, closed: 2 });
});

test.each([0, 5, 60_000])(
  "circuit.would_open tells a cooldown of %i ms as circuit.open would",
  async (cooldownMs) => {
    const { breaker, last } = await watchIn("disabled", { failureThreshold: 1, cooldownMs });
    await failTimes(breaker, 1);
    expect(last("circuit.would_open").cooldownMs).toBe(cooldownMs);
  },
);
