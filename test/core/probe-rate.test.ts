import fc from "fast-check";
import { expect, test } from "vitest";
import type { HalfOpenOptions } from "../../src/index.ts";
import { BOOM, fail, failTimes, succeed } from "../support/breaker.ts";
import { START_AT_MS } from "../support/fake-clock.ts";
import { COOLDOWN_MS, permitOf, refusalOf, watchIn } from "../support/states.ts";

const rateOf = (threshold: number, minimumCalls: number, maxProbes = 1): HalfOpenOptions => ({
  maxProbes,
  failureRate: { threshold, minimumCalls },
});

test("a failed probe below the rate leaves the breaker half-open", async () => {
  const { breaker, told } = await watchIn("half_open", { halfOpen: rateOf(0.5, 4) });
  await breaker.execute(fail);
  expect(breaker).toMatchObject({ state: "half_open", retryAfterMs: 0 });
  expect(told()).toEqual(["failure", "probe"]);
  expect(breaker.stats).toMatchObject({ consecutiveFailures: 3, trips: { error: 1 } });
});

test("probes open again at the first failure after which the rate is certain", async () => {
  const { breaker, clock, last, told } = await watchIn("half_open", { halfOpen: rateOf(0.5, 6) });
  const { incidentId } = last("circuit.open");
  clock.advance(10);
  await breaker.execute(fail);
  await breaker.execute(succeed);
  clock.advance(20);
  await breaker.execute(() => Promise.reject(Object.assign(new Error(), { name: "TimeoutError" })));
  expect(breaker.state).toBe("half_open");
  told();
  clock.advance(5);
  await breaker.execute(fail);
  expect(told()).toEqual(["failure", "probe", "open"]);
  expect(last("circuit.open")).toEqual({
    type: "circuit.open",
    v: 1,
    seq: 16,
    breaker: "dependency",
    atMs: START_AT_MS + COOLDOWN_MS + 35,
    generation: 3,
    state: "open",
    incidentId,
    from: "half_open",
    reason: "error",
    rule: "probeFailureRate",
    consecutiveFailures: 5,
    failuresByReason: { error: 2, latency: 1 },
    window: { calls: 4, failures: 3, rate: 0.5, minimumCalls: 6 },
    threshold: 0.5,
    cooldownMs: COOLDOWN_MS,
    retryAtMs: START_AT_MS + 2 * COOLDOWN_MS + 35,
    spentMs: 35,
    firstFailureAtMs: START_AT_MS + COOLDOWN_MS + 10,
    detectMs: 25,
    reopens: 1,
    error: { name: "Error", message: "boom" },
  });
});

test("probes close at the first success after which the rate can no longer be reached", async () => {
  const { breaker, last } = await watchIn("half_open", { halfOpen: rateOf(0.5, 4) });
  await breaker.execute(succeed);
  await breaker.execute(fail);
  await breaker.execute(succeed);
  expect(breaker.state).toBe("half_open");
  await breaker.execute(succeed);
  expect(breaker).toMatchObject({ state: "closed", stats: { consecutiveFailures: 0 } });
  expect(last("circuit.close")).toMatchObject({ reason: "probe", probes: 5, reopens: 0 });
});

test("a threshold of 1 closes at the first success", async () => {
  const { breaker } = await watchIn("half_open", { halfOpen: rateOf(1, 10) });
  await failTimes(breaker, 9);
  expect(breaker.state).toBe("half_open");
  await breaker.execute(succeed);
  expect(breaker.state).toBe("closed");
});

test("minimumCalls is 10 unless given", async () => {
  const { breaker } = await watchIn("half_open", { halfOpen: { failureRate: { threshold: 0.1 } } });
  for (let n = 0; n < 9; n++) await breaker.execute(succeed);
  expect(breaker.state).toBe("half_open");
  await breaker.execute(succeed);
  expect(breaker.state).toBe("closed");
});

test("no more probes run than could still decide", async () => {
  const watched = await watchIn("half_open", { halfOpen: rateOf(1, 3, 5) });
  const { breaker } = watched;
  const [first, second, third] = [permitOf(watched), permitOf(watched), permitOf(watched)];
  expect(refusalOf(watched).reason).toBe("half_open");
  expect(breaker).toMatchObject({ retryAfterMs: null, probesInFlight: 3 });
  first.failure(BOOM);
  // One verdict is there, two probes run: nothing that comes now could be needed.
  expect(refusalOf(watched).reason).toBe("half_open");
  second.cancel();
  expect(breaker.retryAfterMs).toBe(0);
  permitOf(watched).failure(BOOM);
  expect(breaker.state).toBe("half_open");
  third.failure(BOOM);
  expect(breaker.state).toBe("open");
});

test.each(["ignore", "cancel", "release"] as const)(
  "a probe that ends by %s is no verdict: its slot is free, and another takes its place",
  async (method) => {
    const watched = await watchIn("half_open", { halfOpen: rateOf(0.5, 2) });
    for (let n = 0; n < 5; n++) permitOf(watched)[method]();
    expect(watched.breaker).toMatchObject({ state: "half_open", retryAfterMs: 0 });
    permitOf(watched).failure(BOOM);
    expect(watched.last("circuit.open").window).toEqual({
      calls: 1,
      failures: 1,
      rate: 0.5,
      minimumCalls: 2,
    });
  },
);

test("a lease that ends is no verdict, and the result that comes after it decides nothing", async () => {
  const watched = await watchIn("half_open", {
    halfOpen: { ...rateOf(0.5, 2, 2), leaseMs: 50 },
  });
  const { breaker, clock } = watched;
  const hung = permitOf(watched);
  clock.advance(50);
  expect(breaker.retryAfterMs).toBe(0);
  permitOf(watched).success();
  hung.failure(BOOM);
  expect(breaker.state).toBe("half_open");
  expect(breaker.stats.probes).toMatchObject({ expired: 1, success: 1, error: 0 });
  permitOf(watched).success();
  expect(breaker.state).toBe("closed");
});

test("a permanent failure of a probe forces open at once", async () => {
  const { breaker } = await watchIn("half_open", {
    halfOpen: rateOf(1, 10),
    classify: (call) => (!call.ok && call.error === "gone" ? "permanent" : undefined),
  });
  await breaker.execute(() => Promise.reject("gone"));
  expect(breaker.state).toBe("forced_open");
});

test("the decisive probe says when to come back, and each half-open time counts anew", async () => {
  const { breaker, clock, last } = await watchIn("half_open", {
    halfOpen: rateOf(0.5, 4),
    classify: (call) =>
      !call.ok && call.error === "later" ? { outcome: "error", retryAfterMs: 77 } : undefined,
  });
  await breaker.execute(fail);
  await breaker.execute(() => Promise.reject("later"));
  expect(last("circuit.open")).toMatchObject({ cooldownMs: 77, rule: "probeFailureRate" });
  clock.advance(77);
  await breaker.execute(fail);
  expect(breaker.state).toBe("half_open");
});

test("the probes decide as the rate over minimumCalls would, and never later than they must", () => {
  const seen = { opened: 0, closed: 0 };
  const plan = fc.record({
    threshold: fc.integer({ min: 1, max: 10 }).map((tenths) => tenths / 10),
    minimumCalls: fc.integer({ min: 1, max: 12 }),
    results: fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }),
  });
  return fc
    .assert(
      fc.asyncProperty(plan, async ({ threshold, minimumCalls, results }) => {
        const { breaker, last } = await watchIn("half_open", {
          halfOpen: rateOf(threshold, minimumCalls),
        });
        const failed = results.slice(0, minimumCalls).filter((ok) => !ok).length;
        const opens = failed / minimumCalls >= threshold;
        let verdicts = 0;
        for (const ok of results) {
          if (breaker.state !== "half_open") break;
          await breaker.execute(ok ? succeed : fail);
          verdicts++;
        }
        expect(verdicts).toBeLessThanOrEqual(minimumCalls);
        expect(breaker.state).toBe(opens ? "open" : "closed");
        const before = results.slice(0, verdicts - 1);
        const [bad, good] = [false, true].map((kind) => before.filter((ok) => ok === kind).length);
        // Without the decisive probe both ends were possible.
        expect((bad ?? 0) / minimumCalls).toBeLessThan(threshold);
        expect((minimumCalls - (good ?? 0)) / minimumCalls).toBeGreaterThanOrEqual(threshold);
        seen[opens ? "opened" : "closed"]++;
        if (!opens) return;
        const { window, failuresByReason, threshold: told } = last("circuit.open");
        expect(window?.["rate"]).toBeGreaterThanOrEqual(told ?? Number.NaN);
        expect(window?.["failures"]).toBe(failuresByReason.error + failuresByReason.latency);
      }),
    )
    .then(() => expect(Math.min(seen.opened, seen.closed)).toBeGreaterThan(10));
});
