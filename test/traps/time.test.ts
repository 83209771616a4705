import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { exportToPrometheus } from "../../src/exporters/prometheus.ts";
import { failureRate } from "../../src/index.ts";
import { BOOM, fail, failTimes, succeed, type Watched, watch } from "../support/breaker.ts";
import { parse } from "../support/scrape.ts";
import { COOLDOWN_MS, permitOf, watchIn } from "../support/states.ts";

const HOUR_MS = 3_600_000;

test("trap 12: a wall clock that steps back an hour does not hide straight failures", async () => {
  const { breaker, clock } = watch({ failureThreshold: 5_000 });
  clock.jumpWall(-HOUR_MS);
  for (let n = 0; n < 5_000; n++) {
    expect(breaker.state).toBe("closed");
    breaker.recordFailure(BOOM);
    clock.advance(1);
  }
  expect(breaker.state).toBe("open");
});

test("trap 12: a wall clock that steps back an hour does not keep the breaker open", async () => {
  const { breaker, clock } = await watchIn("open");
  clock.jumpWall(-HOUR_MS);
  clock.advance(COOLDOWN_MS);
  await expect(breaker.call(succeed)).resolves.toBe("value");
  expect(breaker.state).toBe("closed");
});

test("trap 12: a wall clock that steps on an hour does not end the cooldown or a lease", async () => {
  const { breaker, clock } = await watchIn("open");
  clock.jumpWall(HOUR_MS);
  expect(breaker.retryAfterMs).toBe(COOLDOWN_MS);
  clock.advance(COOLDOWN_MS);
  permitOf({ breaker });
  clock.jumpWall(HOUR_MS);
  expect(breaker.probesInFlight).toBe(1);
});

test("trap 13: the cooldown from before a reset does not end the next open period early", async () => {
  const { breaker, clock } = await watchIn("open");
  clock.advance(711);
  breaker.reset();
  await failTimes(breaker, 2);
  clock.advance(289);
  expect(breaker.state).toBe("open");
  expect(breaker.retryAfterMs).toBe(711);
  clock.advance(710);
  expect((await breaker.execute(succeed)).outcome).toBe("circuit-open");
  clock.advance(1);
  expect((await breaker.execute(succeed)).outcome).toBe("ok");
});

test("trap 13: forMs from before a reset does not end the next forced open early", async () => {
  const { breaker, clock } = await watchIn("closed");
  breaker.forceOpen(undefined, { forMs: 500 });
  clock.advance(400);
  breaker.reset();
  breaker.forceOpen();
  clock.advance(HOUR_MS);
  expect(breaker).toMatchObject({ state: "forced_open", retryAfterMs: null });
});

test("trap 13: the lease of an earlier half-open period ends no probe of the next one", async () => {
  const watched = await watchIn("half_open", { halfOpen: { leaseMs: 3_000 } });
  const { breaker, clock } = watched;
  permitOf(watched);
  breaker.reset();
  await breaker.execute(fail);
  await breaker.execute(fail);
  clock.advance(COOLDOWN_MS);
  permitOf(watched);
  clock.advance(2_999);
  expect(breaker.probesInFlight).toBe(1);
  expect(breaker.stats.probes.expired).toBe(0);
});

test("trap 12: a jump of the wall clock neither empties a time window nor keeps it full", async () => {
  const { breaker, clock, last } = watch({
    trip: failureRate({ threshold: 0.5, window: { durationMs: 10_000 }, minimumCalls: 4 }),
  });
  await breaker.execute(fail);
  clock.jumpWall(-HOUR_MS);
  clock.advance(1);
  await breaker.execute(fail);
  clock.jumpWall(2 * HOUR_MS);
  await breaker.execute(fail);
  expect(breaker.state).toBe("closed");
  clock.advance(1);
  await breaker.execute(fail);
  expect(last("circuit.open")).toMatchObject({ window: { calls: 4, failures: 4 }, detectMs: 2 });
  breaker.reset();
  await breaker.execute(fail);
  clock.jumpWall(-HOUR_MS);
  clock.advance(10_000);
  expect(breaker.tripProgress).toBe(0);
});

test("trap 14: a time window is empty after an idle hour, and trips on six failures out of six", async () => {
  const { breaker, clock, last } = watch({
    trip: failureRate({ threshold: 0.5, window: { durationMs: 10_000 }, minimumCalls: 6 }),
  });
  for (let n = 0; n < 100; n++) await breaker.execute(succeed);
  await breaker.execute(fail);
  clock.advance(HOUR_MS);
  expect(breaker.tripProgress).toBe(0);
  for (let n = 0; n < 5; n++) await breaker.execute(fail);
  expect(breaker.state).toBe("closed");
  await breaker.execute(fail);
  expect(last("circuit.open").window).toEqual({ calls: 6, failures: 6, rate: 1, minimumCalls: 6 });
});

test("trap 15: a call slower than the window counts when it ends", async () => {
  const { breaker, clock, last } = watch({
    latencyTripMs: 5_000,
    trip: failureRate({ threshold: 0.5, window: { durationMs: 10_000 }, minimumCalls: 3 }),
  });
  const hung = Array.from({ length: 3 }, () => breaker.admit());
  clock.advance(30_000);
  for (const permit of hung) if (permit.ok) permit.success();
  expect(last("circuit.open")).toMatchObject({
    reason: "latency",
    window: { calls: 3, failures: 3 },
    failuresByReason: { error: 0, latency: 3 },
  });
  expect(breaker.state).toBe("open");
});

test("trap 15: a call that started before the window and hangs counts all the same", () => {
  const { breaker, clock, last } = watch({
    latencyTripMs: 5_000,
    inFlight: true,
    trip: failureRate({ threshold: 0.5, window: { durationMs: 1_000 }, minimumCalls: 3 }),
  });
  for (let n = 0; n < 3; n++) permitOf({ breaker });
  clock.advance(5_001);
  expect(breaker.state).toBe("open");
  breaker.catchUp();
  expect(last("circuit.open").window).toMatchObject({ calls: 3, failures: 3, overdue: 3 });
});

test("trap 16: calls that hang are visible: 20 of them trip the breaker before anything returns", async () => {
  const { breaker, clock, last, told } = watch({
    latencyTripMs: 2_000,
    inFlight: true,
    trip: failureRate({ threshold: 0.5, window: { durationMs: 60_000 }, minimumCalls: 20 }),
  });
  for (let n = 0; n < 20; n++) void breaker.call(() => new Promise(() => {}));
  clock.advance(2_000);
  expect(breaker.state).toBe("closed");
  clock.advance(1);
  expect(breaker).toMatchObject({ state: "open", trafficShare: 0, tripProgress: 1 });
  expect((await breaker.execute(succeed)).outcome).toBe("circuit-open");
  expect(told()).toEqual(["open", "skip"]);
  expect(last("circuit.open")).toMatchObject({ reason: "latency", window: { overdue: 20 } });
});

test("trap 16: a scrape tells of calls that hang when nobody calls any more", async () => {
  const { breaker, clock, told } = watch({ latencyTripMs: 2_000, inFlight: true });
  const registry = new Registry();
  exportToPrometheus(breaker, registry);
  for (let n = 0; n < 5; n++) void breaker.call(() => new Promise(() => {}));
  clock.advance(2_001);
  const { series } = parse(await registry.metrics());
  expect(told()).toEqual(["open"]);
  const name = 'circuit_breaker_name="dependency"';
  expect(series.get(`circuit_breaker_state{${name},state="open"}`)).toBe(1);
  expect(series.get(`circuit_breaker_trips_total{${name},reason="latency"}`)).toBe(1);
});

/** A cooldown of ten seconds for each attempt, and the attempts it was asked for. */
function tens() {
  const attempts: number[] = [];
  const cooldownMs = (attempt: number) => {
    attempts.push(attempt);
    return attempt * 10_000;
  };
  return { attempts, cooldownMs };
}

/** Waits for the cooldown to end. */
const cool = ({ breaker, clock }: Watched) => clock.advance(breaker.retryAfterMs ?? Number.NaN);

test("trap 17: one lucky probe does not begin the backoff again", async () => {
  const { attempts, cooldownMs } = tens();
  const watched = watch({ failureThreshold: 1, cooldownMs });
  const { breaker, clock } = watched;
  for (const healthyMs of [0, 9_999, 19_999, 29_999]) {
    clock.advance(healthyMs);
    await breaker.execute(fail);
    cool(watched);
    await breaker.execute(succeed);
    expect(breaker.state).toBe("closed");
  }
  expect(attempts).toEqual([1, 2, 3, 4]);
});

test("trap 17: health for as long as the last cooldown begins the backoff again", async () => {
  const { attempts, cooldownMs } = tens();
  const watched = watch({ failureThreshold: 1, cooldownMs });
  const { breaker, clock } = watched;
  await breaker.execute(fail);
  cool(watched);
  await breaker.execute(fail);
  cool(watched);
  await breaker.execute(succeed);
  clock.advance(20_000);
  await breaker.execute(fail);
  expect(attempts).toEqual([1, 2, 1]);
});
