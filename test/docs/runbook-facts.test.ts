import { Registry } from "prom-client";
import { describe, expect, test } from "vitest";
import { exportToPrometheus } from "../../src/exporters/prometheus.ts";
import { CircuitBreaker, failureRate } from "../../src/index.ts";
import { fail, failTimes, succeed, watch } from "../support/breaker.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { scraped } from "../support/scraped.ts";

// What the runbooks tell somebody at three in the morning, tried with the library. A change that makes one of these
// fail has to change the page named in it as well.

const FIVE_AND_THIRTY = { failureThreshold: 5, cooldownMs: 30_000 };
const HOUR_MS = 3_600_000;

describe("CircuitBreakerTripImminent", () => {
  test("a count of failures in a row does not fade with time", async () => {
    const { breaker, clock } = watch(FIVE_AND_THIRTY);
    await failTimes(breaker, 3);
    clock.advance(24 * HOUR_MS);
    expect(breaker.tripProgress).toBe(0.6);
  });

  test("with degradation it falls by one with each idle cooldown", async () => {
    const { breaker, clock } = watch({
      ...FIVE_AND_THIRTY,
      degradation: [1, 0.9],
      random: () => 0,
    });
    await failTimes(breaker, 3);
    clock.advance(60_000);
    expect(breaker.tripProgress).toBe(0.2);
  });

  test("the failures of a window of time fade by themselves", async () => {
    const trip = failureRate({ threshold: 0.5, window: { durationMs: 10_000 } });
    const { breaker, clock } = watch({ trip });
    await failTimes(breaker, 8);
    expect(breaker.tripProgress).toBe(0.8);
    clock.advance(20_000);
    expect(breaker.tripProgress).toBe(0);
  });
});

describe("CircuitBreakerOpen", () => {
  test("a reset lets all traffic in at once, without rampUp, and it trips by itself", async () => {
    const { breaker } = watch({ ...FIVE_AND_THIRTY, rampUp: { durationMs: 60_000 } });
    await failTimes(breaker, 5);
    breaker.reset("why");
    expect(breaker.trafficShare).toBe(1);
    await failTimes(breaker, 5);
    expect(breaker.state).toBe("open");
  });

  test("an incident that a reset ends is not in the times of recovery", async () => {
    const { breaker, values } = scraped({}, FIVE_AND_THIRTY);
    await failTimes(breaker, 5);
    breaker.reset("why");
    const recovered = await values("recovery_duration_seconds_count");
    expect(Object.values(recovered)).toEqual([0]);
  });

  test("a failed probe opens with the rule probe and counts as a reopen", async () => {
    const { breaker, clock, last } = watch(FIVE_AND_THIRTY);
    await failTimes(breaker, 5);
    clock.advance(30_000);
    await breaker.execute(fail);
    expect(last("circuit.open")).toMatchObject({ rule: "probe", reopens: 1, from: "half_open" });
  });
});

describe("CircuitBreakerForcedOpenStuck", () => {
  test("a permanent failure forces it open without an end, and says so in the note", async () => {
    const { breaker, clock, last } = watch({ classify: () => "permanent" });
    await breaker.execute(fail);
    clock.advance(24 * HOUR_MS);
    expect(breaker.state).toBe("forced_open");
    expect(last("circuit.open")).toMatchObject({ note: "permanent failure", retryAtMs: null });
  });

  test("an end can be given to a breaker that is forced already, told by circuit.force_changed", () => {
    const { breaker, clock, told } = watch();
    breaker.forceOpen("why");
    expect(told()).toEqual(["open"]);
    breaker.forceOpen("why", { forMs: 600_000 });
    expect(told()).toEqual(["force_changed"]);
    clock.advance(600_000);
    expect(breaker.state).toBe("half_open");
  });
});

describe("CircuitBreakerDisabledStuck", () => {
  test("a disabled breaker reads a distance of 1, and a reset leaves it disabled", () => {
    const { breaker } = watch();
    breaker.disable();
    breaker.reset("why");
    expect([breaker.state, breaker.tripProgress, breaker.trafficShare]).toEqual(["disabled", 1, 1]);
  });

  test("it tells once for each cooldown that it would have opened", async () => {
    const { breaker, clock, events } = watch(FIVE_AND_THIRTY);
    breaker.disable();
    await failTimes(breaker, 20);
    const told = () => events.filter(({ type }) => type === "circuit.would_open").length;
    expect(told()).toBe(1);
    clock.advance(30_000);
    await failTimes(breaker, 5);
    expect(told()).toBe(2);
  });
});

describe("CircuitBreakerProbesStuck", () => {
  test("a probe that hangs holds its slot for leaseMs, and is told as expired at the next call", async () => {
    const { breaker, clock, told } = watch(FIVE_AND_THIRTY);
    await failTimes(breaker, 5);
    clock.advance(30_000);
    breaker.admit();
    expect(breaker.probesInFlight).toBe(1);
    expect((await breaker.execute(succeed)).outcome).toBe("circuit-open");
    told();
    clock.advance(60_000);
    expect(breaker.probesInFlight).toBe(0);
    expect(told()).toEqual([]);
    await breaker.execute(succeed);
    expect(told()).toEqual(["probe", "success", "probe", "close"]);
  });
});

describe("CircuitBreakerNoProbeTraffic", () => {
  test("without a call it reads half open, isOpen is false, and the time open grows on", async () => {
    const { breaker, clock, values } = scraped({}, FIVE_AND_THIRTY);
    await failTimes(breaker, 5);
    clock.advance(HOUR_MS);
    expect([breaker.state, breaker.isOpen, breaker.retryAfterMs]).toEqual(["half_open", false, 0]);
    expect(await values("open_seconds_total")).toEqual({ payments: 3_600 });
    expect(await values("probes_in_flight")).toEqual({ payments: 0 });
  });

  test("idleMs of the first probe is the time that it waited for a call", async () => {
    const { breaker, clock, last } = watch(FIVE_AND_THIRTY);
    await failTimes(breaker, 5);
    clock.advance(HOUR_MS);
    await breaker.execute(succeed);
    expect(last("circuit.half_open").idleMs).toBe(HOUR_MS - 30_000);
  });
});

describe("CircuitBreakerSkipRatioHigh", () => {
  test("a closed breaker refuses with openMs 0", async () => {
    const { breaker, last } = watch({ degradation: [1, 0], random: () => 0.5 });
    await breaker.execute(fail);
    await breaker.execute(succeed);
    expect(last("circuit.skip")).toMatchObject({ reason: "degraded", openMs: 0, state: "closed" });
  });

  test("a reset clears the count of a breaker that sheds traffic", async () => {
    const { breaker } = watch({ degradation: [1, 0.5], failureThreshold: 5 });
    await failTimes(breaker, 1);
    expect(breaker.trafficShare).toBe(0.5);
    breaker.reset("why");
    expect(breaker.trafficShare).toBe(1);
  });
});

describe("CircuitBreakerLatencyTrips", () => {
  test("a TimeoutError counts as latency, a call that its caller cancelled does not count", async () => {
    const { breaker } = watch({ latencyTripMs: 10 });
    await breaker.execute(() => {
      throw new DOMException("too late", "TimeoutError");
    });
    await breaker.execute(fail, { signal: AbortSignal.abort() });
    expect(breaker.stats.calls).toMatchObject({ latency: 1, cancelled: 1, error: 0 });
  });
});

describe("CircuitBreakerTelemetryAbsent", () => {
  const page = (registry: Registry) => registry.metrics();

  test("registry.clear() takes the breakers off the page, resetMetrics does not", async () => {
    const registry = new Registry();
    exportToPrometheus(new CircuitBreaker("payments"), registry);
    registry.resetMetrics();
    expect(await page(registry)).toContain("circuit_breaker_state");
    registry.clear();
    expect(await page(registry)).not.toContain("circuit_breaker_state");
  });

  test("two breakers of one name are refused with a RangeError", () => {
    const pair = [new CircuitBreaker("payments"), new CircuitBreaker("payments")];
    expect(() => exportToPrometheus(pair, new Registry())).toThrow(RangeError);
  });

  test("a breaker whose clock throws is still on the page", async () => {
    const clock = new FakeClock();
    const registry = new Registry();
    exportToPrometheus(new CircuitBreaker("payments", { clock }), registry);
    clock.monotonicMs = () => {
      throw new Error("no time");
    };
    expect(await page(registry)).toContain("circuit_breaker_state");
  });
});
