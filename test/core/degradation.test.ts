import { expect, test } from "vitest";
import { CircuitBreaker, type CircuitBreakerOptions } from "../../src/index.ts";
import { BOOM, fail, failTimes, succeed, watch } from "../support/breaker.ts";
import { COOLDOWN_MS, permitOf, refusalOf } from "../support/states.ts";

const SHARES = [1, 0.9, 0.7, 0.4, 0.1];

/** A breaker that sheds by the shares of the contract, trips late, and lets pass what chance allows. */
function shedding(options: CircuitBreakerOptions = {}, chance = 0) {
  const drawn = { chance, times: 0 };
  const random = () => {
    drawn.times++;
    return drawn.chance;
  };
  const degradation = SHARES;
  const failureThreshold = 100;
  const watched = watch({
    failureThreshold,
    degradation,
    cooldownMs: COOLDOWN_MS,
    random,
    ...options,
  });
  return { ...watched, drawn };
}

test("degradation leaves the share of its count, the last one for every higher count", () => {
  const { breaker } = shedding();
  const seen = [breaker.trafficShare];
  for (let n = 0; n < 7; n++) {
    breaker.recordFailure(BOOM);
    seen.push(breaker.trafficShare);
  }
  expect(seen).toEqual([1, 0.9, 0.7, 0.4, 0.1, 0.1, 0.1, 0.1]);
});

test("without degradation every call passes, whatever failed", () => {
  const { breaker } = watch({ failureThreshold: 100, random: () => 0.999 });
  for (let n = 0; n < 50; n++) breaker.recordFailure(BOOM);
  expect(breaker.trafficShare).toBe(1);
  permitOf({ breaker });
});

test("random decides who passes: below the share, and not at it", async () => {
  const { breaker, drawn } = shedding();
  await failTimes(breaker, 2);
  drawn.chance = 0.699_999;
  expect((await breaker.execute(fail)).outcome).toBe("error");
  expect(breaker.trafficShare).toBe(0.4);
  drawn.chance = 0.4;
  expect((await breaker.execute(succeed)).outcome).toBe("circuit-open");
});

test("chance is drawn only while a part of the traffic is shed", async () => {
  const { breaker, drawn } = shedding();
  await breaker.execute(succeed);
  await breaker.execute(fail);
  expect(drawn.times).toBe(0);
  await breaker.execute(succeed);
  expect(drawn.times).toBe(1);
});

test("over many calls the share that passes is the share", () => {
  const { breaker, drawn } = shedding();
  for (let n = 0; n < 3; n++) breaker.recordFailure(BOOM);
  let passed = 0;
  for (let n = 0; n < 1_000; n++) {
    drawn.chance = n / 1_000;
    const permit = breaker.admit();
    if (!permit.ok) continue;
    passed++;
    permit.ignore();
  }
  expect(passed).toBe(400);
});

test("recordFailure() and recordSuccess() are verdicts of a breaker that sheds, whatever chance says", () => {
  const { breaker, drawn, told } = shedding();
  breaker.recordFailure(BOOM);
  drawn.chance = 0.999;
  told();
  breaker.recordFailure(BOOM);
  breaker.recordSuccess();
  expect(told().filter((type) => type !== "progress")).toEqual([
    "failure",
    "degrade",
    "success",
    "degrade",
  ]);
  expect(breaker.stats.calls).toMatchObject({ error: 2, success: 1, late: 0 });
});

test("a refusal by degradation is a skip for reason degraded, with nothing open", async () => {
  const watched = shedding();
  const { breaker, drawn, told, last } = watched;
  await failTimes(breaker, 1);
  drawn.chance = 0.95;
  told();
  const error = refusalOf(watched);
  expect(error).toMatchObject({
    state: "closed",
    reason: "degraded",
    retryAfterMs: 0,
    openMs: 0,
    skipsSinceOpened: 0,
    incidentId: undefined,
    cause: BOOM,
    message:
      'Circuit breaker "dependency" is shedding part of the traffic: may be tried again at once',
  });
  expect(told()).toEqual(["skip"]);
  expect(last("circuit.skip")).toMatchObject({
    state: "closed",
    reason: "degraded",
    openMs: 0,
    skipsSinceOpened: 0,
    skipsInIncident: 0,
    retryAfterMs: 0,
  });
  expect(last("circuit.skip")).not.toHaveProperty("incidentId");
  expect(breaker.stats.skips).toMatchObject({ degraded: 1, open: 0, ramping: 0 });
  expect(breaker).toMatchObject({ state: "closed", isOpen: false, retryAfterMs: 0 });
});

test("execute() of a shed call says so, and the function does not run", async () => {
  const { breaker, drawn } = shedding();
  await failTimes(breaker, 1);
  drawn.chance = 0.95;
  let ran = false;
  const result = await breaker.execute(() => {
    ran = true;
  });
  expect(ran).toBe(false);
  expect(result).toMatchObject({
    outcome: "circuit-open",
    reason: "degraded",
    openMs: 0,
    skipsSinceOpened: 0,
    retryAfterMs: 0,
    consecutiveFailures: 1,
  });
  await expect(breaker.call(succeed)).rejects.toMatchObject({ reason: "degraded" });
});

test("a success takes one step back, not all", async () => {
  const { breaker } = shedding();
  await failTimes(breaker, 3);
  const counts: [number, number][] = [];
  for (let n = 0; n < 4; n++) {
    await breaker.call(succeed);
    counts.push([breaker.stats.consecutiveFailures, breaker.trafficShare]);
  }
  expect(counts).toEqual([
    [2, 0.7],
    [1, 0.9],
    [0, 1],
    [0, 1],
  ]);
});

test("what decided nothing is no step, and is no verdict that keeps the idle time from passing", () => {
  const watched = shedding();
  const { breaker, clock } = watched;
  for (let n = 0; n < 3; n++) breaker.recordFailure(BOOM);
  permitOf(watched).ignore();
  permitOf(watched).cancel();
  clock.advance(COOLDOWN_MS - 1);
  permitOf(watched).release();
  expect(breaker.trafficShare).toBe(0.4);
  clock.advance(1);
  expect(breaker.trafficShare).toBe(0.7);
});

test("an idle cooldown takes a step: effective at once, committed and told at the next call", () => {
  const watched = shedding();
  const { breaker, clock, told, last } = watched;
  for (let n = 0; n < 3; n++) breaker.recordFailure(BOOM);
  told();
  clock.advance(COOLDOWN_MS - 1);
  expect([breaker.trafficShare, breaker.stats.consecutiveFailures]).toEqual([0.4, 3]);
  clock.advance(1);
  expect([breaker.trafficShare, breaker.stats.consecutiveFailures]).toEqual([0.7, 2]);
  expect(breaker.tripProgress).toBe(0.02);
  clock.advance(COOLDOWN_MS + 7);
  expect([breaker.trafficShare, breaker.stats.consecutiveFailures]).toEqual([0.9, 1]);
  expect(told()).toEqual([]);
  const permit = permitOf(watched);
  permit.ignore();
  expect(told()).toEqual(["degrade", "ignored"]);
  expect(last("circuit.degrade")).toMatchObject({
    from: 0.4,
    to: 0.9,
    consecutiveFailures: 1,
    state: "closed",
    generation: 0,
    atMs: clock.epochMs(),
  });
  // The seven milliseconds beyond the last step count towards the next.
  clock.advance(COOLDOWN_MS - 8);
  expect(breaker.trafficShare).toBe(0.9);
  clock.advance(1);
  expect(breaker.trafficShare).toBe(1);
});

test("a verdict begins the idle time anew", async () => {
  const { breaker, clock } = shedding();
  await failTimes(breaker, 3);
  clock.advance(COOLDOWN_MS - 1);
  await breaker.execute(succeed);
  expect(breaker.trafficShare).toBe(0.7);
  clock.advance(COOLDOWN_MS - 1);
  expect(breaker.trafficShare).toBe(0.7);
  clock.advance(1);
  expect(breaker.trafficShare).toBe(0.9);
});

test("the idle step is the cooldown, or 60 seconds where that is a function", () => {
  const after = (ms: number, options: CircuitBreakerOptions) => {
    const { breaker, clock } = shedding(options);
    breaker.recordFailure(BOOM);
    clock.advance(ms);
    return breaker.trafficShare;
  };
  expect(after(4_999, { cooldownMs: 5_000 })).toBe(0.9);
  expect(after(5_000, { cooldownMs: 5_000 })).toBe(1);
  expect(after(59_999, { cooldownMs: () => 5 })).toBe(0.9);
  expect(after(60_000, { cooldownMs: () => 5 })).toBe(1);
});

test("circuit.degrade tells each change of the share, after the failure that made it", async () => {
  const { breaker, told, events } = shedding({ degradation: [1, 1, 0.5, 0.5, 0] });
  await failTimes(breaker, 3);
  await failTimes(breaker, 1);
  expect(told().filter((type) => type !== "progress")).toEqual([
    "failure",
    "failure",
    "degrade",
    "failure",
    "failure",
    "degrade",
  ]);
  const told2 = events.flatMap((event) =>
    event.type === "circuit.degrade" ? [[event.from, event.to, event.consecutiveFailures]] : [],
  );
  expect(told2).toEqual([
    [1, 0.5, 2],
    [0.5, 0, 4],
  ]);
});

test("circuit.degrade tells the way back, too", async () => {
  const { breaker, told, last } = shedding();
  await failTimes(breaker, 1);
  told();
  await breaker.execute(succeed);
  expect(told()).toEqual(["success", "degrade"]);
  expect(last("circuit.degrade")).toMatchObject({ from: 0.9, to: 1, consecutiveFailures: 0 });
});

test("the threshold trips a breaker that sheds; the trip tells no share, and the close lets all pass", async () => {
  const { breaker, clock, told, last } = shedding({ failureThreshold: 3 });
  await failTimes(breaker, 2);
  told();
  await failTimes(breaker, 1);
  expect(told()).toEqual(["failure", "open"]);
  expect(last("circuit.open")).toMatchObject({ rule: "consecutive", consecutiveFailures: 3 });
  expect(breaker.trafficShare).toBe(0);
  clock.advance(COOLDOWN_MS);
  await breaker.execute(succeed);
  expect(breaker).toMatchObject({ state: "closed", trafficShare: 1 });
});

test("forgiven failures do not count towards the threshold", async () => {
  const { breaker, last } = shedding({ failureThreshold: 3 });
  await failTimes(breaker, 2);
  await breaker.execute(succeed);
  await failTimes(breaker, 1);
  expect(breaker.state).toBe("closed");
  await failTimes(breaker, 1);
  expect(last("circuit.open").consecutiveFailures).toBe(3);
});

test("a trip on forgiven failures tells as many by reason as it tells in its window", async () => {
  const { breaker, last } = shedding({ failureThreshold: 3 });
  await failTimes(breaker, 2);
  await breaker.execute(succeed);
  await failTimes(breaker, 2);
  const { failuresByReason, window } = last("circuit.open");
  expect(failuresByReason.error + failuresByReason.latency).toBe(window?.["failures"]);
});

test("a share of 0 is left by idling, since no call passes", async () => {
  const { breaker, clock, drawn } = shedding({ degradation: [1, 0] });
  await failTimes(breaker, 1);
  drawn.chance = 0;
  for (let n = 0; n < 5; n++) {
    expect((await breaker.execute(succeed)).outcome).toBe("circuit-open");
    clock.advance(COOLDOWN_MS / 5);
  }
  expect(await breaker.execute(succeed)).toMatchObject({ outcome: "ok" });
});

test("reset() lets all pass again", async () => {
  const { breaker } = shedding();
  await failTimes(breaker, 4);
  breaker.reset();
  expect(breaker.trafficShare).toBe(1);
});

test("a disabled breaker sheds nothing", async () => {
  const { breaker, drawn } = shedding();
  breaker.disable();
  await failTimes(breaker, 4);
  drawn.chance = 0.999;
  expect(breaker.trafficShare).toBe(1);
  expect((await breaker.execute(succeed)).outcome).toBe("ok");
});

test("degradation is copied: changing the list later changes nothing", () => {
  const degradation = [1, 0.5];
  const breaker = new CircuitBreaker("dependency", { degradation });
  degradation[1] = 0;
  breaker.recordFailure(BOOM);
  expect(breaker.trafficShare).toBe(0.5);
});

test("call() sheds though nobody listens", async () => {
  const breaker = new CircuitBreaker("dependency", { degradation: [1, 0.5], random: () => 0.5 });
  await expect(breaker.call(fail)).rejects.toBe(BOOM);
  await expect(breaker.call(succeed)).rejects.toMatchObject({ reason: "degraded" });
});

test("a refusal by degradation has the last failure as its cause until all are forgiven", async () => {
  const { breaker } = watch({ failureThreshold: 9, degradation: [1, 0], random: () => 0.5 });
  breaker.recordFailure(BOOM);
  breaker.recordFailure(BOOM);
  breaker.recordSuccess();
  const refused = breaker.admit();
  expect(refused).toMatchObject({ ok: false, error: { reason: "degraded", cause: BOOM } });
});

test("a success tells the failures that degradation leaves, and nothing of them when there are none", async () => {
  const { breaker, events, last } = shedding();
  await failTimes(breaker, 2);
  await breaker.execute(succeed);
  expect(last("circuit.success")).toMatchObject({ state: "closed", consecutiveFailures: 1 });
  await breaker.execute(succeed);
  await breaker.execute(succeed);
  const successes = events.filter(({ type }) => type === "circuit.success").slice(1);
  for (const success of successes) expect(success).not.toHaveProperty("consecutiveFailures");
  expect(successes).toHaveLength(2);
});

test("a success tells no failures of a probe, nor while disabled, nor without degradation", async () => {
  const { breaker, clock, events } = shedding({ halfOpen: { successThreshold: 2 } });
  await failTimes(breaker, 2);
  breaker.forceOpen("drill", { forMs: 1 });
  clock.advance(1);
  await breaker.execute(succeed);
  breaker.disable();
  await breaker.execute(fail);
  await breaker.execute(succeed);
  const plain = watch();
  await failTimes(plain.breaker, 2);
  await plain.breaker.execute(succeed);
  const told = [...events, ...plain.events].filter(({ type }) => type === "circuit.success");
  expect(told.map(({ state }) => state)).toEqual(["half_open", "disabled", "closed"]);
  for (const success of told) expect(success).not.toHaveProperty("consecutiveFailures");
});
