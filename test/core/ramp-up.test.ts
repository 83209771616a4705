import { expect, test } from "vitest";
import { CircuitBreaker, type CircuitBreakerOptions } from "../../src/index.ts";
import { BOOM, fail, failTimes, succeed, watch } from "../support/breaker.ts";
import { COOLDOWN_MS, permitOf, refusalOf } from "../support/states.ts";

/** A breaker that has just been closed by a probe; chance is what the test sets. */
async function recovered(options: CircuitBreakerOptions = {}) {
  const drawn = { chance: 0 };
  const watched = watch({
    failureThreshold: 2,
    cooldownMs: COOLDOWN_MS,
    rampUp: { durationMs: 10_000 },
    random: () => drawn.chance,
    ...options,
  });
  const { breaker, clock, told } = watched;
  await failTimes(breaker, breaker.failureThreshold ?? Number.NaN);
  clock.advance(COOLDOWN_MS);
  await breaker.execute(succeed);
  expect(breaker.state).toBe("closed");
  told();
  return { ...watched, drawn };
}

test("the share rises evenly from its start to all, after a probe closed", async () => {
  const { breaker, clock } = await recovered({ rampUp: { durationMs: 10_000, from: 0.2 } });
  const seen: number[] = [];
  for (let n = 0; n <= 5; n++) {
    seen.push(Math.round(breaker.trafficShare * 1_000) / 1_000);
    clock.advance(2_500);
  }
  expect(seen).toEqual([0.2, 0.4, 0.6, 0.8, 1, 1]);
});

test("from is a tenth unless it is given", async () => {
  const { breaker, clock } = await recovered();
  expect(breaker.trafficShare).toBe(0.1);
  clock.advance(5_000);
  expect(breaker.trafficShare).toBeCloseTo(0.55, 12);
});

test("from of 1 is no ramp; without rampUp all pass at once", async () => {
  expect((await recovered({ rampUp: { durationMs: 10_000, from: 1 } })).breaker.trafficShare).toBe(
    1,
  );
  const { breaker } = watch({ failureThreshold: 1, cooldownMs: COOLDOWN_MS, random: () => 0.999 });
  await failTimes(breaker, 1);
  breaker.reset();
  expect(breaker.trafficShare).toBe(1);
});

test("random decides who passes, and a refusal is a skip for reason ramping", async () => {
  const watched = await recovered();
  const { breaker, clock, drawn, told, last } = watched;
  drawn.chance = 0.1;
  expect(refusalOf(watched)).toMatchObject({
    state: "closed",
    reason: "ramping",
    retryAfterMs: 0,
    openMs: 0,
    skipsSinceOpened: 0,
    incidentId: undefined,
    message:
      'Circuit breaker "dependency" is ramping up after a recovery: may be tried again at once',
  });
  expect(told()).toEqual(["skip"]);
  expect(last("circuit.skip")).toMatchObject({ reason: "ramping", openMs: 0, state: "closed" });
  expect(await breaker.execute(succeed)).toMatchObject({
    outcome: "circuit-open",
    reason: "ramping",
  });
  expect(breaker.stats.skips).toMatchObject({ ramping: 2, degraded: 0 });
  drawn.chance = 0.099;
  permitOf(watched).ignore();
  drawn.chance = 0.999;
  clock.advance(10_000);
  permitOf(watched);
});

test("a breaker that never opened, one that was reset, and one that was enabled do not ramp", async () => {
  const options: CircuitBreakerOptions = { failureThreshold: 1, rampUp: { durationMs: 10_000 } };
  const { breaker } = watch(options);
  expect(breaker.trafficShare).toBe(1);
  await failTimes(breaker, 1);
  breaker.reset();
  expect(breaker.trafficShare).toBe(1);
  breaker.disable();
  breaker.enable();
  expect(breaker.trafficShare).toBe(1);
});

test("reset() while the traffic ramps up lets all of it in", async () => {
  const { breaker } = await recovered();
  breaker.reset();
  expect(breaker.trafficShare).toBe(1);
});

test("the end of a forced open by a probe ramps, too", async () => {
  const { breaker, clock } = watch({ rampUp: { durationMs: 10_000 } });
  breaker.forceOpen("drill", { forMs: 5 });
  clock.advance(5);
  await breaker.execute(succeed);
  expect(breaker).toMatchObject({ state: "closed", trafficShare: 0.1 });
});

test("a trip ends the ramp; the next recovery begins it anew", async () => {
  const { breaker, clock } = await recovered();
  clock.advance(5_000);
  await failTimes(breaker, 2);
  expect(breaker).toMatchObject({ state: "open", trafficShare: 0 });
  clock.advance(COOLDOWN_MS);
  await breaker.execute(succeed);
  expect(breaker.trafficShare).toBe(0.1);
});

test("with degradation the smaller share decides, and gives the reason", async () => {
  const watched = await recovered({ degradation: [1, 0.5, 0.5], failureThreshold: 3 });
  const { breaker, clock, drawn } = watched;
  // The idle step of degradation is a cooldown: a verdict now and then keeps the count.
  expect(breaker.trafficShare).toBe(0.1);
  await breaker.execute(fail);
  expect(breaker.trafficShare).toBe(0.1);
  drawn.chance = 0.3;
  expect(refusalOf(watched).reason).toBe("ramping");
  clock.advance(9_000);
  drawn.chance = 0;
  await breaker.execute(fail);
  expect(breaker.trafficShare).toBe(0.5);
  drawn.chance = 0.7;
  expect(refusalOf(watched).reason).toBe("degraded");
  drawn.chance = 0.3;
  permitOf(watched);
});

test("a wall clock that jumps does not hurry the ramp", async () => {
  const { breaker, clock } = await recovered();
  clock.jumpWall(3_600_000);
  expect(breaker.trafficShare).toBe(0.1);
});

test("recordFailure() counts while the traffic ramps up, whatever chance says", async () => {
  const { breaker, drawn } = await recovered();
  drawn.chance = 0.999;
  breaker.recordFailure(BOOM);
  breaker.recordFailure(BOOM);
  expect(breaker.state).toBe("open");
});

test("call() ramps though nobody listens", async () => {
  const breaker = new CircuitBreaker("dependency", {
    rampUp: { durationMs: 3_600_000 },
    random: () => 0.5,
  });
  breaker.forceOpen("drill", { forMs: Number.MIN_VALUE });
  await breaker.call(succeed);
  expect(breaker.state).toBe("closed");
  await expect(breaker.call(succeed)).rejects.toMatchObject({ reason: "ramping" });
});
