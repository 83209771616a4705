import { expect, test } from "vitest";
import { BreakerRegistry, consecutive, failureRate, slowRate } from "../../src/index.ts";
import { BOOM, fail, failTimes, succeed, watch } from "../support/breaker.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { HALF, hang, LIMIT_MS, permits, watchHanging } from "../support/hanging.ts";
import { permitOf, watchIn } from "../support/states.ts";

test("calls count as hanging from the moment on at which inFlight is put in force", () => {
  const watched = watch({ latencyTripMs: LIMIT_MS, trip: HALF });
  const { breaker, clock } = watched;
  hang(watched, 20);
  breaker.reconfigure({ inFlight: true });
  clock.advance(LIMIT_MS + 1);
  expect(breaker).toMatchObject({ state: "closed", tripProgress: 0 });
  hang(watched, 20);
  clock.advance(LIMIT_MS + 1);
  expect(breaker.state).toBe("open");
});

test("calls that hang count no longer once inFlight is taken back", async () => {
  const watched = watchHanging({ trip: consecutive(3) });
  const { breaker, clock } = watched;
  const running = permits(watched, 2);
  clock.advance(LIMIT_MS + 1);
  expect(breaker.tripProgress).toBe(2 / 3);
  breaker.reconfigure({ inFlight: null });
  expect(breaker.tripProgress).toBe(0);
  hang(watched, 5);
  clock.advance(LIMIT_MS + 1);
  await failTimes(breaker, 1);
  expect(breaker.state).toBe("closed");
  for (const permit of running) permit.success();
  expect(breaker.state).toBe("open");
});

test("a trip that is effective is committed before the options change", () => {
  const watched = watchHanging({ trip: HALF });
  const { breaker, clock, told } = watched;
  hang(watched, 20);
  clock.advance(LIMIT_MS + 1);
  breaker.reconfigure({ inFlight: false });
  expect(told()).toEqual(["open", "reconfigure"]);
  expect(breaker.state).toBe("open");
});

test("calls that a shorter limit makes overdue count, and nothing opens before the next result", async () => {
  const watched = watchHanging({ trip: consecutive(3), latencyTripMs: 60_000 });
  const { breaker, clock, told, last } = watched;
  hang(watched, 3);
  clock.advance(LIMIT_MS + 50);
  breaker.reconfigure({ latencyTripMs: LIMIT_MS });
  expect(breaker).toMatchObject({ state: "closed", tripProgress: 1 });
  breaker.catchUp();
  expect(told()).toEqual(["reconfigure"]);
  await failTimes(breaker, 1);
  expect(last("circuit.open")).toMatchObject({
    failuresByReason: { error: 1, latency: 3 },
    detectMs: 50,
  });
});

test("a call that becomes overdue after the change decides with those that were before", () => {
  const watched = watchHanging({ trip: consecutive(3), latencyTripMs: 60_000 });
  const { breaker, clock, last } = watched;
  hang(watched, 2);
  clock.advance(LIMIT_MS + 50);
  hang(watched, 1);
  breaker.reconfigure({ latencyTripMs: LIMIT_MS });
  clock.advance(LIMIT_MS + 1);
  expect(breaker.state).toBe("open");
  breaker.catchUp();
  expect(last("circuit.open")).toMatchObject({ window: { overdue: 3 }, detectMs: LIMIT_MS + 51 });
});

test("calls that a longer limit gives more time are overdue only after that", () => {
  const watched = watchHanging({ trip: consecutive(3) });
  const { breaker, clock } = watched;
  hang(watched, 2);
  clock.advance(LIMIT_MS + 1);
  expect(breaker.tripProgress).toBe(2 / 3);
  breaker.catchUp();
  breaker.reconfigure({ latencyTripMs: 3 * LIMIT_MS });
  expect(breaker.tripProgress).toBe(0);
  hang(watched, 1);
  clock.advance(2 * LIMIT_MS - 1);
  expect(breaker.tripProgress).toBe(0);
  clock.advance(1);
  expect(breaker.tripProgress).toBe(2 / 3);
  clock.advance(LIMIT_MS);
  expect(breaker.state).toBe("closed");
  clock.advance(1);
  expect(breaker.state).toBe("open");
});

test("new rules count the calls that hang, each by its own limit", () => {
  const watched = watchHanging({ trip: consecutive(9) });
  const { breaker, clock } = watched;
  hang(watched, 4);
  clock.advance(LIMIT_MS + 1);
  breaker.catchUp();
  const slow = slowRate({ latencyMs: 50, threshold: 1, window: { calls: 8 }, minimumCalls: 8 });
  breaker.reconfigure({ trip: [consecutive(9), slow] });
  expect(breaker.tripProgress).toBe(0.5);
  hang(watched, 4);
  clock.advance(51);
  expect(breaker.state).toBe("open");
});

test("rules that only report go on with the calls that hang", () => {
  const watched = watchHanging({ trip: consecutive(9), shadow: consecutive(9) });
  const { breaker, clock, told } = watched;
  hang(watched, 2);
  clock.advance(LIMIT_MS + 1);
  breaker.catchUp();
  breaker.reconfigure({ shadow: consecutive(3) });
  hang(watched, 1);
  clock.advance(LIMIT_MS + 1);
  told();
  breaker.catchUp();
  expect(told()).toEqual(["would_open", "progress"]);
});

test("a disabled breaker goes on with the calls that hang, too", () => {
  const watched = watchHanging({ trip: consecutive(9) });
  const { breaker, clock, told } = watched;
  breaker.disable();
  hang(watched, 2);
  clock.advance(LIMIT_MS + 1);
  breaker.catchUp();
  breaker.reconfigure({ trip: consecutive(3) });
  hang(watched, 1);
  clock.advance(LIMIT_MS + 1);
  told();
  breaker.catchUp();
  expect(told()).toEqual(["would_open"]);
});

test("calls under way that ended before the change leave nothing behind", () => {
  const watched = watchHanging({ trip: consecutive(2) });
  const { breaker, clock } = watched;
  const [first, second] = permits(watched, 2);
  first?.success();
  breaker.reconfigure({ latencyTripMs: 10 });
  second?.success();
  clock.advance(60_000);
  expect(breaker).toMatchObject({ state: "closed", tripProgress: 0 });
});

test("reconfigure() of a limit that inFlight needs is refused, and nothing changes", () => {
  const { breaker, told } = watchHanging();
  expect(() => breaker.reconfigure({ latencyTripMs: null })).toThrow(
    new RangeError(
      'Cannot reconfigure breaker "dependency": inFlight must be false without latencyTripMs and without a slowRate rule, received true',
    ),
  );
  expect(told()).toEqual([]);
});

// A failure rate over the probes.

test("reconfigure() puts a failure rate over the probes in force, and takes it back", async () => {
  const { breaker, clock, last } = await watchIn("half_open");
  breaker.reconfigure({ halfOpen: { failureRate: { threshold: 0.5, minimumCalls: 4 } } });
  expect(last("circuit.reconfigure")).toMatchObject({
    from: { "halfOpen.failureRate.threshold": null, "halfOpen.failureRate.minimumCalls": null },
    to: { "halfOpen.failureRate.threshold": 0.5, "halfOpen.failureRate.minimumCalls": 4 },
  });
  await breaker.execute(fail);
  expect(breaker.state).toBe("half_open");
  breaker.reconfigure({ halfOpen: { failureRate: null } });
  await breaker.execute(fail);
  expect(last("circuit.open").rule).toBe("probe");
  clock.advance(breaker.retryAfterMs ?? 0);
  await breaker.execute(succeed);
  expect(breaker.state).toBe("closed");
});

test.each([
  { ends: "open", with: fail },
  { ends: "closed", with: succeed },
])(
  "a rate over fewer probes than there are verdicts lets one more decide: $ends",
  async ({ ends, with: call }) => {
    const halfOpen = { maxProbes: 3, failureRate: { threshold: 0.5, minimumCalls: 20 } };
    const { breaker } = await watchIn("half_open", { halfOpen });
    for (let n = 0; n < 2; n++) await breaker.execute(fail);
    for (let n = 0; n < 4; n++) await breaker.execute(succeed);
    breaker.reconfigure({ halfOpen: { failureRate: { threshold: 0.6, minimumCalls: 5 } } });
    expect(breaker).toMatchObject({ state: "half_open", retryAfterMs: 0 });
    permitOf({ breaker }).ignore();
    await breaker.execute(call);
    expect(breaker.state).toBe(ends);
  },
);

test("a failure rate that its caller changes later is not the breaker's", async () => {
  const failureRateOfProbes = { threshold: 0.5, minimumCalls: 4 };
  const { breaker } = await watchIn("half_open", {
    halfOpen: { failureRate: failureRateOfProbes },
  });
  failureRateOfProbes.threshold = 1;
  breaker.reconfigure({ cooldownMs: 7 });
  await breaker.execute(fail);
  await breaker.execute(fail);
  expect(breaker.state).toBe("open");
});

test("a registry leaves a breaker's own probe rate alone when its defaults name the same one again", () => {
  const rate = () => ({ threshold: 0.5, minimumCalls: 4 });
  const registry = new BreakerRegistry({
    defaults: { clock: new FakeClock(), halfOpen: { failureRate: rate() } },
  });
  const breaker = registry.get("payments");
  breaker.reconfigure({ halfOpen: { maxProbes: 3 } });
  const changes: object[] = [];
  breaker.on("circuit.reconfigure", ({ to }) => changes.push(to));
  registry.reconfigure({ cooldownMs: 5, halfOpen: { failureRate: rate() } });
  expect(changes).toEqual([{ cooldownMs: 5 }]);
});

test("recorded failures and calls that hang decide together under a rate that was put in force", () => {
  const watched = watchHanging({ trip: consecutive(50) });
  const { breaker, clock } = watched;
  hang(watched, 3);
  clock.advance(LIMIT_MS + 1);
  breaker.catchUp();
  breaker.reconfigure({
    trip: failureRate({ threshold: 1, window: { durationMs: 10_000 }, minimumCalls: 4 }),
  });
  breaker.recordFailure(BOOM);
  expect(breaker.state).toBe("open");
});
