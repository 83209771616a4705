import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { exportToPrometheus } from "../../src/exporters/prometheus.ts";
import { CircuitBreaker } from "../../src/index.ts";
import { BOOM, failTimes, succeed } from "../support/breaker.ts";
import { FakeClock, START_AT_MS } from "../support/fake-clock.ts";
import { parse, valuesOf } from "../support/scrape.ts";
import { scraped, TWO_AND_TEN } from "../support/scraped.ts";
import { permitOf } from "../support/states.ts";

test("circuit_breaker_recovery_duration_seconds spans the failed probes of an incident", async () => {
  const { clock, breaker, values } = scraped();
  await failTimes(breaker, 2);
  clock.advance(10_000);
  await failTimes(breaker, 1);
  clock.advance(10_000);
  await breaker.call(succeed);
  expect(await values("recovery_duration_seconds_bucket")).toEqual({
    ...Object.fromEntries(["0.5", "1", "2", "5", "10"].map((le) => [`payments ${le}`, 0])),
    ...Object.fromEntries(
      ["30", "60", "120", "300", "600", "1800", "3600", "7200", "21600", "+Inf"].map((le) => [
        `payments ${le}`,
        1,
      ]),
    ),
  });
  expect(await values("recovery_duration_seconds_sum")).toEqual({ payments: 20 });
  expect(await values("recovery_duration_seconds_count")).toEqual({ payments: 1 });
});

test("circuit_breaker_recovery_duration_seconds counts a length on a bound and beyond the last one", async () => {
  const { clock, breaker, values } = scraped();
  for (const length of [10_000, 30_000_000]) {
    await failTimes(breaker, 2);
    clock.advance(length);
    await breaker.call(succeed);
  }
  expect(await values("recovery_duration_seconds_bucket")).toMatchObject({
    "payments 5": 0,
    "payments 10": 1,
    "payments 21600": 1,
    "payments +Inf": 2,
  });
});

test("circuit_breaker_recovery_duration_seconds leaves out what an operator began or ended", async () => {
  const { clock, breaker, values } = scraped();
  const probe = async (afterMs: number) => {
    clock.advance(afterMs);
    await breaker.call(succeed);
    expect(breaker.state).toBe("closed");
  };
  breaker.forceOpen("drill", { forMs: 1000 });
  await probe(1000);
  breaker.disable();
  breaker.forceOpen("drill", { forMs: 1000 });
  await probe(1000);
  await failTimes(breaker, 2);
  breaker.reset();
  await failTimes(breaker, 2);
  breaker.disable();
  breaker.enable();
  expect(await values("recovery_duration_seconds_count")).toEqual({ payments: 0 });
  // Forced within an incident that began with a trip: the incident keeps the reason it began with.
  await failTimes(breaker, 2);
  breaker.forceOpen("drill", { forMs: 1000 });
  await probe(1000);
  expect(await values("recovery_duration_seconds_count")).toEqual({ payments: 1 });
});

test("circuit_breaker_recovery_duration_seconds takes a peer for a trip and for a probe", async () => {
  const { breaker, values } = scraped();
  // As a breaker tells the adoption of a peer's state.
  const envelope = { v: 1, seq: 1, breaker: "payments", atMs: START_AT_MS, generation: 1 } as const;
  const { bus } = breaker;
  const incident = (incidentId: string, ended: "peer" | "probe") => {
    bus.emit({
      ...{ ...envelope, type: "circuit.open", state: "open", from: "closed", reason: "peer" },
      ...{ incidentId, rule: null, window: null, threshold: null, cooldownMs: 1, retryAtMs: 1 },
      ...{ firstFailureAtMs: null, detectMs: null, reopens: 0, consecutiveFailures: 0 },
      failuresByReason: { error: 0, latency: 0 },
      spentMs: 0,
    });
    bus.emit({
      ...{ ...envelope, type: "circuit.close", state: "closed", from: "open", reason: ended },
      ...{ incidentId, mttrMs: 4000, openMs: 4000, skipsSinceOpened: 0, skipsInIncident: 0 },
      ...{ probes: 0, reopens: 0, spentMs: 4000 },
    });
  };
  incident("a", "peer");
  incident("b", "probe");
  expect(await values("recovery_duration_seconds_sum")).toEqual({ payments: 8 });
});

test("circuit_breaker_recovery_duration_seconds leaves out an incident whose open was lost", async () => {
  const { clock, breaker, values } = scraped();
  const { bus } = breaker;
  const lost = new Set<string>();
  const lossy = new CircuitBreaker("lossy", {
    clock,
    ...TWO_AND_TEN,
    bus: {
      emit: (event) => {
        if (!lost.has(event.type)) bus.emit(event);
      },
      on: (type, listener, options) => bus.on(type, listener, options),
      has: (type) => bus.has(type),
    },
  });
  const registry = new Registry();
  exportToPrometheus(lossy, registry);
  const count = async () =>
    valuesOf(parse(await registry.metrics()), "circuit_breaker_recovery_duration_seconds_count");
  const incident = async () => {
    await failTimes(lossy, 2);
    clock.advance(10_000);
    lost.clear();
    await lossy.call(succeed);
  };
  lost.add("circuit.open");
  await incident();
  expect(await count()).toEqual({ lossy: 0 });
  await incident();
  expect(await count()).toEqual({ lossy: 1 });
  lost.add("circuit.open");
  await incident();
  expect(await count()).toEqual({ lossy: 1 });
  // Heard to begin with a trip, and its close is lost: the next close belongs to another incident.
  await failTimes(lossy, 2);
  clock.advance(10_000);
  lost.add("circuit.close");
  await lossy.call(succeed);
  lost.clear();
  lost.add("circuit.open");
  await incident();
  expect(await count()).toEqual({ lossy: 1 });
  expect(await values("recovery_duration_seconds_count")).toEqual({ payments: 0 });
});

test("exportToPrometheus() within an incident counts it when it can only have begun with a trip", async () => {
  const counted = async (before: (breaker: CircuitBreaker, clock: FakeClock) => void) => {
    const clock = new FakeClock();
    const breaker = new CircuitBreaker("payments", { clock, ...TWO_AND_TEN });
    before(breaker, clock);
    const registry = new Registry();
    exportToPrometheus(breaker, registry);
    clock.advance(10_000);
    await breaker.call(succeed);
    expect(breaker.state).toBe("closed");
    const page = parse(await registry.metrics());
    return valuesOf(page, "circuit_breaker_recovery_duration_seconds_sum")["payments"];
  };
  const trip = (breaker: CircuitBreaker) => {
    breaker.recordFailure(BOOM);
    breaker.recordFailure(BOOM);
  };
  expect(
    await counted((breaker, clock) => {
      trip(breaker);
      clock.advance(5000);
    }),
  ).toBe(15);
  expect(
    await counted((breaker) => {
      trip(breaker);
      breaker.forceOpen("drill", { forMs: 10_000 });
    }),
  ).toBe(10);
  expect(await counted((breaker) => breaker.forceOpen("drill", { forMs: 10_000 }))).toBe(0);
  expect(
    await counted((breaker) => {
      breaker.disable();
      breaker.forceOpen("drill", { forMs: 10_000 });
    }),
  ).toBe(0);
  // A trip after a forced open could as well be that forced open: left out.
  expect(
    await counted((breaker) => {
      breaker.forceOpen();
      breaker.reset();
      trip(breaker);
    }),
  ).toBe(0);
});

test("callDurations: off by default, and then nobody listens to single calls", async () => {
  const { breaker, page } = scraped();
  const { families } = await page();
  expect([...families.keys()]).not.toContain("circuit_breaker_call_duration_seconds");
  expect(breaker.bus.has("circuit.success")).toBe(false);
  expect(breaker.bus.has("circuit.failure")).toBe(false);
  expect(breaker.bus.has("circuit.skip")).toBe(false);
});

test("callDurations: a histogram by outcome, zeros from the start", async () => {
  const { breaker, values, detach } = scraped(
    { callDurations: true },
    { failureThreshold: 9, latencyTripMs: 1000 },
  );
  const zeros = { "payments success": 0, "payments error": 0, "payments latency": 0 };
  expect(await values("call_duration_seconds_count")).toEqual(zeros);
  expect(Object.keys(await values("call_duration_seconds_bucket"))).toHaveLength(3 * 16);
  permitOf({ breaker }).success(250);
  permitOf({ breaker }).success(750);
  permitOf({ breaker }).failure(BOOM, 4);
  permitOf({ breaker }).success(1500);
  permitOf({ breaker }).ignore();
  // Without a latency there is nothing to observe.
  breaker.recordSuccess();
  expect(await values("call_duration_seconds_count")).toEqual({
    "payments success": 2,
    "payments error": 1,
    "payments latency": 1,
  });
  expect(await values("call_duration_seconds_sum")).toEqual({
    "payments success": 1,
    "payments error": 0.004,
    "payments latency": 1.5,
  });
  expect(await values("call_duration_seconds_bucket")).toMatchObject({
    "payments 0.0025 error": 0,
    "payments 0.005 error": 1,
    "payments 0.25 success": 1,
    "payments 0.5 success": 1,
    "payments 1 success": 2,
    "payments 1 latency": 0,
    "payments +Inf latency": 1,
  });
  detach();
  expect(breaker.bus.has("circuit.success")).toBe(false);
});

test("callDurations: a call is counted once however often it was asked for", async () => {
  const { breaker, registry, values } = scraped({ callDurations: true });
  exportToPrometheus(breaker, registry, { callDurations: true });
  permitOf({ breaker }).success(250);
  expect(await values("call_duration_seconds_count")).toMatchObject({ "payments success": 1 });
});

test("callDurations: may be asked for later, and lasts until the breaker is detached", async () => {
  const { breaker, registry, values } = scraped();
  permitOf({ breaker }).success(250);
  const detach = exportToPrometheus(breaker, registry, { callDurations: true });
  permitOf({ breaker }).success(250);
  detach();
  permitOf({ breaker }).success(250);
  expect(await values("call_duration_seconds_count")).toMatchObject({ "payments success": 2 });
});

test("callDurations: only of the breakers that it was asked for", async () => {
  const { registry, values } = scraped();
  exportToPrometheus(new CircuitBreaker("search"), registry, { callDurations: true });
  expect(Object.keys(await values("call_duration_seconds_count"))).toEqual([
    "search success",
    "search error",
    "search latency",
  ]);
});
