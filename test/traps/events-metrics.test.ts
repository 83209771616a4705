import { expect, test } from "vitest";
import { CircuitBreaker, type CircuitEvent, createEventBus } from "../../src/index.ts";
import { BOOM, fail, failTimes, succeed, watch } from "../support/breaker.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { COOLDOWN_MS, permitOf, watchIn } from "../support/states.ts";
import { settled, unhandled } from "../support/unhandled-rejections.ts";

test("trap 20: a throwing success listener rejects no promise and trips nothing", async () => {
  const { breaker } = watch({ failureThreshold: 1 });
  breaker.on("circuit.success", () => {
    throw BOOM;
  });
  await expect(breaker.call(succeed)).resolves.toBe("value");
  expect(breaker.callSync(() => 1)).toBe(1);
  expect(await breaker.execute(succeed)).toMatchObject({ outcome: "ok", countedAs: "success" });
  expect(breaker.state).toBe("closed");
  expect(breaker.stats.calls).toMatchObject({ success: 3, error: 0 });
});

test("trap 20: a success listener that rejects later does no harm either", async () => {
  const { breaker } = watch({ failureThreshold: 1 });
  breaker.on("circuit.success", () => Promise.reject(BOOM));
  await expect(breaker.call(succeed)).resolves.toBe("value");
  await settled();
  expect(unhandled).not.toHaveBeenCalled();
  expect(breaker.state).toBe("closed");
});

test("trap 21: when the first listener throws the others get everything", async () => {
  const clock = new FakeClock();
  const bus = createEventBus();
  const breaker = new CircuitBreaker("b", { bus, clock, failureThreshold: 1, cooldownMs: 10 });
  const told: string[] = [];
  breaker.on("circuit.*", () => {
    throw BOOM;
  });
  breaker.on("circuit.*", ({ type }) => told.push(type));
  await failTimes(breaker, 1);
  await breaker.execute(succeed);
  clock.advance(10);
  await breaker.execute(succeed);
  expect(told).toEqual([
    "circuit.failure",
    "circuit.open",
    "circuit.skip",
    "circuit.half_open",
    "circuit.success",
    "circuit.probe",
    "circuit.close",
  ]);
});

test("trap 22: a listener that resets on open lets the next one see open before close", async () => {
  const { breaker } = watch({ failureThreshold: 1 });
  const told: [string, number][] = [];
  breaker.on("circuit.open", () => breaker.reset("at once"));
  breaker.on("circuit.*", ({ type, generation }) => told.push([type, generation]));
  await failTimes(breaker, 1);
  expect(told).toEqual([
    ["circuit.failure", 0],
    ["circuit.open", 1],
    ["circuit.close", 2],
  ]);
  expect(breaker.state).toBe("closed");
});

test("trap 23: a listener that reads the breaker sees the state that its event announced", async () => {
  const { breaker, clock } = watch({ failureThreshold: 1, cooldownMs: 10 });
  const seen: [string, string, boolean][] = [];
  for (const type of ["circuit.open", "circuit.half_open", "circuit.close"] as const) {
    breaker.on(type, (event) => seen.push([event.state, breaker.state, breaker.isOpen]));
  }
  await failTimes(breaker, 1);
  clock.advance(10);
  await breaker.execute(succeed);
  expect(seen).toEqual([
    ["open", "open", true],
    ["half_open", "half_open", false],
    ["closed", "closed", false],
  ]);
});

test("trap 23: a listener may call the breaker, and nothing hangs", async () => {
  const { breaker, told } = watch({ failureThreshold: 1 });
  const answers: unknown[] = [];
  breaker.once("circuit.open", () => {
    answers.push(breaker.admit().ok, breaker.stats.trips.error, breaker.retryAfterMs);
    breaker.forceOpen("hold");
    answers.push(breaker.state);
  });
  await failTimes(breaker, 1);
  expect(answers).toEqual([false, 1, 60_000, "forced_open"]);
  expect(told()).toEqual(["failure", "open", "skip", "open"]);
});

test("trap 24: the numbers that explain the trip are in the event", async () => {
  const { breaker, clock, last } = watch({ failureThreshold: 3, latencyTripMs: 100 });
  await breaker.execute(fail);
  await breaker.execute(() => clock.advance(150));
  await breaker.execute(() => clock.advance(150));
  expect(last("circuit.open")).toMatchObject({
    reason: "latency",
    consecutiveFailures: 3,
    failuresByReason: { error: 1, latency: 2 },
    window: { calls: 3, failures: 3 },
    threshold: 3,
    detectMs: 300,
  });
});

test("trap 24: the numbers of an incident are in the event that ends it", async () => {
  const { breaker, clock, last } = await watchIn("open");
  await breaker.execute(succeed);
  clock.advance(COOLDOWN_MS);
  await breaker.execute(succeed);
  expect(last("circuit.close")).toMatchObject({
    mttrMs: COOLDOWN_MS,
    skipsInIncident: 1,
    probes: 1,
  });
  expect(breaker.stats.consecutiveFailures).toBe(0);
});

test.each(["open", "half_open", "forced_open"] as const)(
  "trap 25: one refused call in %s gives one event",
  async (state) => {
    const { breaker, told } = await watchIn(state);
    if (state === "half_open") permitOf({ breaker });
    await breaker.execute(succeed);
    expect(told()).toEqual(["skip"]);
    await breaker.call(succeed).catch(() => {});
    expect(told()).toEqual(["skip"]);
    expect(() => breaker.callSync(() => 1)).toThrow();
    expect(told()).toEqual(["skip"]);
    breaker.admit();
    expect(told()).toEqual(["skip"]);
    expect(breaker.stats.skips[state]).toBe(4);
  },
);

test.each(["open", "half_open", "forced_open"] as const)(
  "trap 26: a refusal in %s is told, with its reason",
  async (state) => {
    const { breaker, last } = await watchIn(state);
    if (state === "half_open") permitOf({ breaker });
    await breaker.execute(succeed);
    expect(last("circuit.skip")).toMatchObject({ reason: state, state, skipsSinceOpened: 1 });
  },
);

test("trap 27: the counter of refusals does not fall back at a transition", async () => {
  const { breaker, clock } = watch({ failureThreshold: 1, cooldownMs: 10 });
  const seen: number[] = [];
  const note = () => {
    const { skips } = breaker.stats;
    seen.push(skips.open + skips.half_open + skips.forced_open);
  };
  await failTimes(breaker, 1);
  await breaker.execute(succeed);
  note();
  clock.advance(10);
  await breaker.execute(succeed);
  note();
  breaker.forceOpen();
  await breaker.execute(succeed);
  note();
  breaker.reset();
  breaker.disable();
  breaker.enable();
  note();
  await failTimes(breaker, 1);
  await breaker.execute(succeed);
  note();
  expect(seen).toEqual([1, 1, 2, 2, 3]);
});

test("trap 30: an open period between two readings is seen in the counters and the events", async () => {
  const { breaker, clock, told } = watch({ failureThreshold: 1, cooldownMs: 5 });
  const before = breaker.stats;
  told();
  await failTimes(breaker, 1);
  clock.advance(5);
  await breaker.execute(succeed);
  const after = breaker.stats;
  expect(breaker.state).toBe("closed");
  expect(after.trips.error - before.trips.error).toBe(1);
  expect(after.transitions["closed->open"] - before.transitions["closed->open"]).toBe(1);
  expect(after.timeInStateMs.open - before.timeInStateMs.open).toBe(5);
  expect(told()).toContain("open");
});

test("trap 32: the success counter counts, on every path", async () => {
  const unheard = new CircuitBreaker("unheard");
  const heard = watch().breaker;
  const timed = new CircuitBreaker("timed", { latencyTripMs: 1e9 });
  for (const breaker of [unheard, heard, timed]) {
    await breaker.call(succeed);
    await breaker.execute(succeed);
    breaker.callSync(() => 1);
    permitOf({ breaker }).success();
    breaker.recordSuccess();
    expect(breaker.stats.calls).toMatchObject({ success: 5, error: 0 });
  }
});

test("trap 32: filtered errors are not counted as success", async () => {
  const { breaker, told } = watch({ classify: (call) => (call.ok ? undefined : "ignored") });
  await breaker.execute(fail);
  await breaker.execute(fail);
  expect(breaker.stats.calls).toMatchObject({ success: 0, ignored: 2 });
  expect(breaker.stats.lastSuccessAtMs).toBeNull();
  expect(told()).toEqual(["ignored", "ignored"]);
});

test("trap 32: a filtered error does not clear the count of failures", async () => {
  const { breaker } = watch({
    failureThreshold: 3,
    classify: (call) => (!call.ok && call.error === "filter me" ? "ignored" : undefined),
  });
  await failTimes(breaker, 2);
  await breaker.execute(() => Promise.reject("filter me"));
  await failTimes(breaker, 1);
  expect(breaker.state).toBe("open");
});

test("trap 37: an event that was kept does not change when the breaker goes on", async () => {
  const { breaker, clock } = watch({ failureThreshold: 2, cooldownMs: 10 });
  const kept: CircuitEvent[] = [];
  const written: string[] = [];
  breaker.on("circuit.*", (event) => {
    kept.push(event);
    written.push(JSON.stringify(event));
  });
  for (let round = 0; round < 3; round++) {
    await failTimes(breaker, 3);
    clock.advance(10);
    await breaker.execute(round === 1 ? fail : succeed);
    clock.advance(10);
  }
  breaker.forceOpen("end");
  breaker.reset();
  expect(kept.length).toBeGreaterThan(15);
  expect(kept.map((event) => JSON.stringify(event))).toEqual(written);
});
