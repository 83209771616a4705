import { AggregatorRegistry, Counter, Registry } from "prom-client";
import { expect, test } from "vitest";
import { exportToPrometheus, type MetricOptions } from "../../src/exporters/prometheus.ts";
import { type BreakerView, CircuitBreaker, type CircuitBreakerOptions } from "../../src/index.ts";
import { BOOM, fail, failTimes, succeed } from "../support/breaker.ts";
import { FakeClock, START_AT_MS } from "../support/fake-clock.ts";
import { parse, valuesOf } from "../support/scrape.ts";
import { permitOf } from "../support/states.ts";

const OPTIONS: CircuitBreakerOptions = { failureThreshold: 2, cooldownMs: 10_000 };
const START_SECONDS = START_AT_MS / 1000;

/** A breaker under a fake clock in a registry of its own. */
function scraped(options: MetricOptions = {}, breakerOptions: CircuitBreakerOptions = OPTIONS) {
  const clock = new FakeClock();
  const breaker = new CircuitBreaker("payments", { clock, ...breakerOptions });
  const registry = new Registry();
  const detach = exportToPrometheus(breaker, registry, options);
  const page = async () => parse(await registry.metrics());
  const values = async (metric: string) => valuesOf(await page(), `circuit_breaker_${metric}`);
  return { clock, breaker, registry, detach, page, values };
}

const FROM_THE_START = `
# HELP circuit_breaker_calls_total Finished calls by what they counted as
# TYPE circuit_breaker_calls_total counter
circuit_breaker_calls_total{circuit_breaker_name="payments",outcome="success"} 0
circuit_breaker_calls_total{circuit_breaker_name="payments",outcome="error"} 0
circuit_breaker_calls_total{circuit_breaker_name="payments",outcome="latency"} 0
circuit_breaker_calls_total{circuit_breaker_name="payments",outcome="ignored"} 0
circuit_breaker_calls_total{circuit_breaker_name="payments",outcome="cancelled"} 0
circuit_breaker_calls_total{circuit_breaker_name="payments",outcome="unreached"} 0
circuit_breaker_calls_total{circuit_breaker_name="payments",outcome="late"} 0

# HELP circuit_breaker_skips_total Calls refused without running, by reason
# TYPE circuit_breaker_skips_total counter
circuit_breaker_skips_total{circuit_breaker_name="payments",reason="open"} 0
circuit_breaker_skips_total{circuit_breaker_name="payments",reason="half_open"} 0
circuit_breaker_skips_total{circuit_breaker_name="payments",reason="forced_open"} 0
circuit_breaker_skips_total{circuit_breaker_name="payments",reason="degraded"} 0
circuit_breaker_skips_total{circuit_breaker_name="payments",reason="ramping"} 0
circuit_breaker_skips_total{circuit_breaker_name="payments",reason="quota"} 0
circuit_breaker_skips_total{circuit_breaker_name="payments",reason="bulkhead"} 0

# HELP circuit_breaker_trips_total Opens because calls failed (error) or were slow (latency), failed probes included
# TYPE circuit_breaker_trips_total counter
circuit_breaker_trips_total{circuit_breaker_name="payments",reason="error"} 0
circuit_breaker_trips_total{circuit_breaker_name="payments",reason="latency"} 0

# HELP circuit_breaker_transitions_total Committed state changes
# TYPE circuit_breaker_transitions_total counter
circuit_breaker_transitions_total{circuit_breaker_name="payments",from="closed",to="open"} 0
circuit_breaker_transitions_total{circuit_breaker_name="payments",from="closed",to="forced_open"} 0
circuit_breaker_transitions_total{circuit_breaker_name="payments",from="closed",to="disabled"} 0
circuit_breaker_transitions_total{circuit_breaker_name="payments",from="open",to="half_open"} 0
circuit_breaker_transitions_total{circuit_breaker_name="payments",from="open",to="closed"} 0
circuit_breaker_transitions_total{circuit_breaker_name="payments",from="open",to="forced_open"} 0
circuit_breaker_transitions_total{circuit_breaker_name="payments",from="half_open",to="open"} 0
circuit_breaker_transitions_total{circuit_breaker_name="payments",from="half_open",to="closed"} 0
circuit_breaker_transitions_total{circuit_breaker_name="payments",from="half_open",to="forced_open"} 0
circuit_breaker_transitions_total{circuit_breaker_name="payments",from="forced_open",to="half_open"} 0
circuit_breaker_transitions_total{circuit_breaker_name="payments",from="forced_open",to="closed"} 0
circuit_breaker_transitions_total{circuit_breaker_name="payments",from="disabled",to="closed"} 0
circuit_breaker_transitions_total{circuit_breaker_name="payments",from="disabled",to="forced_open"} 0

# HELP circuit_breaker_probes_total Ended probes by what they counted as, or expired when their lease ended first
# TYPE circuit_breaker_probes_total counter
circuit_breaker_probes_total{circuit_breaker_name="payments",outcome="success"} 0
circuit_breaker_probes_total{circuit_breaker_name="payments",outcome="error"} 0
circuit_breaker_probes_total{circuit_breaker_name="payments",outcome="latency"} 0
circuit_breaker_probes_total{circuit_breaker_name="payments",outcome="ignored"} 0
circuit_breaker_probes_total{circuit_breaker_name="payments",outcome="cancelled"} 0
circuit_breaker_probes_total{circuit_breaker_name="payments",outcome="unreached"} 0
circuit_breaker_probes_total{circuit_breaker_name="payments",outcome="late"} 0
circuit_breaker_probes_total{circuit_breaker_name="payments",outcome="expired"} 0

# HELP circuit_breaker_open_seconds_total Time spent open or forced open; grows while it lasts
# TYPE circuit_breaker_open_seconds_total counter
circuit_breaker_open_seconds_total{circuit_breaker_name="payments"} 0

# HELP circuit_breaker_state 1 for the present state, 0 for the others
# TYPE circuit_breaker_state gauge
circuit_breaker_state{circuit_breaker_name="payments",state="closed"} 1
circuit_breaker_state{circuit_breaker_name="payments",state="open"} 0
circuit_breaker_state{circuit_breaker_name="payments",state="half_open"} 0
circuit_breaker_state{circuit_breaker_name="payments",state="forced_open"} 0
circuit_breaker_state{circuit_breaker_name="payments",state="disabled"} 0

# HELP circuit_breaker_trip_progress_ratio How near the trip is; 1 unless closed
# TYPE circuit_breaker_trip_progress_ratio gauge
circuit_breaker_trip_progress_ratio{circuit_breaker_name="payments"} 0

# HELP circuit_breaker_traffic_share_ratio Share of calls that pass
# TYPE circuit_breaker_traffic_share_ratio gauge
circuit_breaker_traffic_share_ratio{circuit_breaker_name="payments"} 1

# HELP circuit_breaker_consecutive_failures Failures in a row; survives the trip, 0 after a close
# TYPE circuit_breaker_consecutive_failures gauge
circuit_breaker_consecutive_failures{circuit_breaker_name="payments"} 0

# HELP circuit_breaker_failure_threshold Consecutive failures that trip
# TYPE circuit_breaker_failure_threshold gauge
circuit_breaker_failure_threshold{circuit_breaker_name="payments"} 2

# HELP circuit_breaker_probes_in_flight Probes under way whose lease has not ended
# TYPE circuit_breaker_probes_in_flight gauge
circuit_breaker_probes_in_flight{circuit_breaker_name="payments"} 0

# HELP circuit_breaker_opened_timestamp_seconds When the present incident began, in Unix time; 0 when there is none
# TYPE circuit_breaker_opened_timestamp_seconds gauge
circuit_breaker_opened_timestamp_seconds{circuit_breaker_name="payments"} 0

# HELP circuit_breaker_recovery_duration_seconds Length of incidents begun by a trip or a peer and ended by a probe or a peer
# TYPE circuit_breaker_recovery_duration_seconds histogram
circuit_breaker_recovery_duration_seconds_bucket{circuit_breaker_name="payments",le="0.5"} 0
circuit_breaker_recovery_duration_seconds_bucket{circuit_breaker_name="payments",le="1"} 0
circuit_breaker_recovery_duration_seconds_bucket{circuit_breaker_name="payments",le="2"} 0
circuit_breaker_recovery_duration_seconds_bucket{circuit_breaker_name="payments",le="5"} 0
circuit_breaker_recovery_duration_seconds_bucket{circuit_breaker_name="payments",le="10"} 0
circuit_breaker_recovery_duration_seconds_bucket{circuit_breaker_name="payments",le="30"} 0
circuit_breaker_recovery_duration_seconds_bucket{circuit_breaker_name="payments",le="60"} 0
circuit_breaker_recovery_duration_seconds_bucket{circuit_breaker_name="payments",le="120"} 0
circuit_breaker_recovery_duration_seconds_bucket{circuit_breaker_name="payments",le="300"} 0
circuit_breaker_recovery_duration_seconds_bucket{circuit_breaker_name="payments",le="600"} 0
circuit_breaker_recovery_duration_seconds_bucket{circuit_breaker_name="payments",le="1800"} 0
circuit_breaker_recovery_duration_seconds_bucket{circuit_breaker_name="payments",le="3600"} 0
circuit_breaker_recovery_duration_seconds_bucket{circuit_breaker_name="payments",le="7200"} 0
circuit_breaker_recovery_duration_seconds_bucket{circuit_breaker_name="payments",le="21600"} 0
circuit_breaker_recovery_duration_seconds_bucket{circuit_breaker_name="payments",le="+Inf"} 0
circuit_breaker_recovery_duration_seconds_sum{circuit_breaker_name="payments"} 0
circuit_breaker_recovery_duration_seconds_count{circuit_breaker_name="payments"} 0

# HELP circuit_breaker_events_dropped_total Events that a sink failed to take
# TYPE circuit_breaker_events_dropped_total counter
circuit_breaker_events_dropped_total{sink="listener"} 0
circuit_breaker_events_dropped_total{sink="bus"} 0
circuit_breaker_events_dropped_total{sink="pino"} 0
circuit_breaker_events_dropped_total{sink="prometheus"} 0
circuit_breaker_events_dropped_total{sink="opentelemetry"} 0

# HELP circuit_breaker_series_overflow_total Breakers that share the name __other__ because the budget of names was used up
# TYPE circuit_breaker_series_overflow_total counter
circuit_breaker_series_overflow_total 0
`;

// Trap 29: without zeros "fine" and "exporter broken" look alike, and the first increment is lost to `increase()`.
test("trap 29: exportToPrometheus() shows every series of every legal label value from the start", async () => {
  const { registry } = scraped();
  expect(await registry.metrics()).toBe(FROM_THE_START.trimStart());
});

test("circuit_breaker_calls_total counts each outcome apart", async () => {
  const { breaker, values } = scraped({}, { ...OPTIONS, failureThreshold: 9, latencyTripMs: 100 });
  await breaker.execute(succeed);
  await breaker.execute(succeed);
  await breaker.execute(fail);
  permitOf({ breaker }).success(101);
  permitOf({ breaker }).ignore();
  permitOf({ breaker }).cancel();
  permitOf({ breaker }).release();
  const late = permitOf({ breaker });
  breaker.reset();
  late.failure(BOOM);
  expect(await values("calls_total")).toEqual({
    "payments success": 2,
    "payments error": 1,
    "payments latency": 1,
    "payments ignored": 1,
    "payments cancelled": 1,
    "payments unreached": 1,
    "payments late": 1,
  });
});

// Trap 32: a success counter that is created and never incremented; filtered errors counted as success.
test("trap 32: circuit_breaker_calls_total counts successes, and no ignored error among them", async () => {
  const classify = () => "ignored" as const;
  const { breaker, values } = scraped({}, { classify });
  await breaker.execute(fail);
  expect(await values("calls_total")).toMatchObject({
    "payments success": 0,
    "payments ignored": 1,
  });
  const plain = scraped();
  for (let n = 0; n < 3; n++) await plain.breaker.call(succeed);
  expect(await plain.values("calls_total")).toMatchObject({ "payments success": 3 });
});

// Trap 28: the new state is set to 1 and the old one never to 0; half_open is never counted.
test("trap 28: circuit_breaker_state is one-hot in every state", async () => {
  const { clock, breaker, values } = scraped();
  const states = ["closed", "open", "half_open", "forced_open", "disabled"];
  const expectOnly = async (state: string) =>
    expect(await values("state")).toEqual(
      Object.fromEntries(states.map((other) => [`payments ${other}`, other === state ? 1 : 0])),
    );
  await expectOnly("closed");
  await failTimes(breaker, 2);
  await expectOnly("open");
  clock.advance(10_000);
  await expectOnly("half_open");
  const probe = permitOf({ breaker });
  await expectOnly("half_open");
  expect(await values("probes_in_flight")).toEqual({ payments: 1 });
  probe.success();
  await expectOnly("closed");
  breaker.forceOpen();
  await expectOnly("forced_open");
  breaker.disable();
  await expectOnly("disabled");
  expect(await values("transitions_total")).toMatchObject({
    "payments open half_open": 1,
    "payments half_open closed": 1,
    "payments forced_open closed": 1,
    "payments closed disabled": 1,
  });
});

// Trap 30: a short open between two scrapes is invisible.
test("trap 30: an open between two scrapes shows in the counters", async () => {
  const { clock, breaker, values } = scraped();
  await failTimes(breaker, 2);
  breaker.admit();
  clock.advance(10_000);
  await breaker.call(succeed);
  expect(await values("state")).toMatchObject({ "payments closed": 1 });
  expect(await values("trips_total")).toEqual({ "payments error": 1, "payments latency": 0 });
  expect(await values("skips_total")).toMatchObject({ "payments open": 1 });
  expect(await values("open_seconds_total")).toEqual({ payments: 10 });
  expect(await values("recovery_duration_seconds_sum")).toEqual({ payments: 10 });
});

test("circuit_breaker_open_seconds_total grows while open and forced open, and in no other state", async () => {
  const { clock, breaker, values } = scraped();
  clock.advance(1000);
  expect(await values("open_seconds_total")).toEqual({ payments: 0 });
  await failTimes(breaker, 2);
  clock.advance(1500);
  expect(await values("open_seconds_total")).toEqual({ payments: 1.5 });
  breaker.forceOpen();
  clock.advance(500);
  expect(await values("open_seconds_total")).toEqual({ payments: 2 });
  breaker.disable();
  clock.advance(1000);
  expect(await values("open_seconds_total")).toEqual({ payments: 2 });
});

test("the gauges say how near the trip is and since when the incident lasts", async () => {
  const { clock, breaker, page } = scraped({}, { ...OPTIONS, failureThreshold: 4 });
  const gauges = async () => {
    const { series } = await page();
    const names = ["trip_progress_ratio", "traffic_share_ratio", "consecutive_failures"];
    return [...names, "failure_threshold", "opened_timestamp_seconds"].map((name) =>
      series.get(`circuit_breaker_${name}{circuit_breaker_name="payments"}`),
    );
  };
  await failTimes(breaker, 3);
  expect(await gauges()).toEqual([0.75, 1, 3, 4, 0]);
  clock.advance(2000);
  await failTimes(breaker, 1);
  clock.advance(3000);
  expect(await gauges()).toEqual([1, 0, 4, 4, START_SECONDS + 2]);
  clock.advance(10_000);
  await failTimes(breaker, 1);
  expect(await gauges()).toEqual([1, 0, 5, 4, START_SECONDS + 2]);
  clock.advance(10_000);
  await breaker.call(succeed);
  expect(await gauges()).toEqual([0, 1, 0, 4, 0]);
});

test("circuit_breaker_events_dropped_total counts by sink, once for a bus that breakers share", async () => {
  const { breaker, registry, values } = scraped();
  const other = new CircuitBreaker("search", { bus: breaker.bus });
  exportToPrometheus(other, registry);
  const listener = () => {
    throw BOOM;
  };
  breaker.bus.on("circuit.*", listener, { sink: "pino" });
  breaker.bus.on("circuit.ignored", listener, { sink: "audit" });
  permitOf({ breaker }).success();
  permitOf({ breaker: other }).ignore();
  expect(await values("events_dropped_total")).toEqual({
    listener: 0,
    bus: 0,
    pino: 2,
    prometheus: 0,
    opentelemetry: 0,
    audit: 1,
  });
});

test("circuit_breaker_events_dropped_total is bounded when sinks are named without bound", async () => {
  const { breaker, values } = scraped();
  for (let n = 0; n < 200; n++) {
    const off = breaker.on(
      "circuit.ignored",
      () => {
        throw BOOM;
      },
      { sink: `client-${n}` },
    );
    permitOf({ breaker }).ignore();
    off();
  }
  const dropped = await values("events_dropped_total");
  expect(Object.keys(dropped)).toHaveLength(51);
  expect(Object.values(dropped).reduce((sum, value) => sum + value)).toBe(200);
  expect(dropped["__other__"]).toBe(155);
});

// Recoveries

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
    });
    bus.emit({
      ...{ ...envelope, type: "circuit.close", state: "closed", from: "open", reason: ended },
      ...{ incidentId, mttrMs: 4000, openMs: 4000, skipsSinceOpened: 0, skipsInIncident: 0 },
      ...{ probes: 0, reopens: 0 },
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
    ...OPTIONS,
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
    const breaker = new CircuitBreaker("payments", { clock, ...OPTIONS });
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
  // A trip after a forced open could as well be that forced open: left out.
  expect(
    await counted((breaker) => {
      breaker.forceOpen();
      breaker.reset();
      trip(breaker);
    }),
  ).toBe(0);
});

// Call durations

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

test("callDurations: only of the breakers that it was asked for", async () => {
  const { registry, values } = scraped();
  exportToPrometheus(new CircuitBreaker("search"), registry, { callDurations: true });
  expect(Object.keys(await values("call_duration_seconds_count"))).toEqual([
    "search success",
    "search error",
    "search latency",
  ]);
});

// Attaching and detaching

// Trap 34: registering metrics twice throws.
test("trap 34: a second call adds its breakers to the metrics of the registry", async () => {
  const { registry, values } = scraped();
  exportToPrometheus([new CircuitBreaker("search"), new CircuitBreaker("mail")], registry);
  expect(await values("failure_threshold")).toEqual({ payments: 2, search: 5, mail: 5 });
});

test("trap 34: the same breaker twice is there once, until both detached", async () => {
  const { breaker, registry, detach, values } = scraped();
  const again = exportToPrometheus([breaker, breaker], registry);
  permitOf({ breaker }).success();
  expect(await values("calls_total")).toMatchObject({ "payments success": 1 });
  detach();
  detach();
  expect(await values("failure_threshold")).toEqual({ payments: 2 });
  again();
  expect(registry.getMetricsAsArray()).toEqual([]);
});

// Trap 34: one throwing collect fails the whole scrape.
test("trap 34: a breaker that cannot be read is missing, and the scrape goes on", async () => {
  const { breaker, registry, values } = scraped();
  let broken = true;
  const view: BreakerView = {
    ...{ name: "broken", state: "closed", trafficShare: 1, tripProgress: 0, failureThreshold: 3 },
    ...{ probesInFlight: 0, openedAtMs: null, bus: breaker.bus },
    on: (type, listener, options) => breaker.on(type, listener, options),
    get stats() {
      if (broken) throw BOOM;
      return breaker.stats;
    },
  };
  broken = false;
  exportToPrometheus(view, registry);
  expect(await values("failure_threshold")).toEqual({ payments: 2, broken: 3 });
  broken = true;
  expect(await values("failure_threshold")).toEqual({ payments: 2 });
});

test("trap 34: a number that is none is treated as a breaker that cannot be read", async () => {
  const { breaker, registry, values } = scraped();
  const view: BreakerView = Object.create(breaker, {
    name: { value: "broken" },
    state: { value: "closed" },
    trafficShare: { value: Number.NaN },
    ...Object.fromEntries(
      ["tripProgress", "failureThreshold", "probesInFlight", "openedAtMs", "stats", "bus"].map(
        (key) => [key, { get: () => Reflect.get(breaker, key, breaker) }],
      ),
    ),
    on: { value: breaker.on.bind(breaker) },
  });
  exportToPrometheus(view, registry);
  expect(await values("traffic_share_ratio")).toEqual({ payments: 1 });
});

test("exportToPrometheus() returns a function that takes the series out, and the metrics with the last", async () => {
  const { breaker, registry, detach, values } = scraped();
  const search = new CircuitBreaker("search");
  const detachSearch = exportToPrometheus(search, registry);
  detach();
  expect(await values("failure_threshold")).toEqual({ search: 5 });
  for (const type of ["circuit.open", "circuit.close", "bus.listener_failed"] as const) {
    expect(breaker.bus.has(type), type).toBe(false);
    expect(search.bus.has(type), type).toBe(true);
  }
  detachSearch();
  expect(registry.getMetricsAsArray()).toEqual([]);
  expect(search.bus.has("bus.listener_failed")).toBe(false);
  detachSearch();
});

test("exportToPrometheus() after a detach goes on where the breaker is, and counts nothing twice", async () => {
  const { clock, breaker, registry, detach, values } = scraped({ callDurations: true });
  const incident = async () => {
    await failTimes(breaker, 2);
    clock.advance(10_000);
    await breaker.call(succeed);
  };
  await incident();
  detach();
  await incident();
  exportToPrometheus(breaker, registry, { callDurations: true });
  await incident();
  expect(await values("trips_total")).toMatchObject({ "payments error": 3 });
  expect(await values("open_seconds_total")).toEqual({ payments: 30 });
  // The one while it was detached was seen by nobody.
  expect(await values("recovery_duration_seconds_count")).toEqual({ payments: 2 });
  expect(await values("call_duration_seconds_count")).toMatchObject({ "payments error": 4 });
});

test("exportToPrometheus() refuses a second breaker of one name and changes nothing", async () => {
  const { breaker, registry, page, detach } = scraped();
  const before = (await page()).series;
  const twin = new CircuitBreaker("payments");
  const message =
    'Cannot export to Prometheus: name must be one that no other breaker here has, received "payments"';
  expect(() => exportToPrometheus([new CircuitBreaker("a"), twin], registry)).toThrow(
    new RangeError(message),
  );
  expect(() => exportToPrometheus([twin, new CircuitBreaker("payments")], new Registry())).toThrow(
    new RangeError(message),
  );
  expect((await page()).series).toEqual(before);
  expect(twin.bus.has("circuit.open")).toBe(false);
  detach();
  permitOf({ breaker }).success();
  exportToPrometheus(twin, registry);
  expect((await page()).series).toEqual(
    new Map([...before].map(([key, value]) => [key, value === 2 ? 5 : value])),
  );
});

test("exportToPrometheus() refuses a registry that has a metric of one of its names and changes nothing", () => {
  const registry = new Registry();
  const name = "circuit_breaker_skips_total";
  new Counter({ name, help: "of somebody else", registers: [registry] });
  const breaker = new CircuitBreaker("payments");
  expect(() => exportToPrometheus(breaker, registry)).toThrow(
    new RangeError(
      'Cannot export to Prometheus: promRegistry must be one without a metric of our names, received "circuit_breaker_skips_total"',
    ),
  );
  expect(registry.getMetricsAsArray()).toHaveLength(1);
  expect(breaker.bus.has("circuit.open")).toBe(false);
});

test("exportToPrometheus() leaves nothing behind when a bus refuses its listeners", async () => {
  const registry = new Registry();
  const good = new CircuitBreaker("good");
  const bad = new CircuitBreaker("bad", {
    bus: {
      emit() {},
      has: () => false,
      on() {
        throw BOOM;
      },
    },
  });
  expect(() => exportToPrometheus([good, bad], registry)).toThrow(BOOM);
  expect(registry.getMetricsAsArray()).toEqual([]);
  expect(good.bus.has("circuit.open")).toBe(false);
  exportToPrometheus(good, registry);
  const page = parse(await registry.metrics());
  expect(valuesOf(page, "circuit_breaker_failure_threshold")).toEqual({ good: 5 });
});

test("registry.clear() detaches, and the next call starts anew", async () => {
  const { breaker, registry, detach, values } = scraped();
  registry.clear();
  const twin = new CircuitBreaker("payments");
  exportToPrometheus(twin, registry);
  expect(breaker.bus.has("circuit.open")).toBe(false);
  detach();
  expect(await values("failure_threshold")).toEqual({ payments: 5 });
});

test("a metric that was removed from the registry stays removed", async () => {
  const { registry, page } = scraped();
  registry.removeSingleMetric("circuit_breaker_state");
  exportToPrometheus(new CircuitBreaker("search"), registry);
  const { families } = await page();
  expect(families.has("circuit_breaker_state")).toBe(false);
  expect(families.has("circuit_breaker_calls_total")).toBe(true);
});

// The rest of what a registry does with metrics

test("an OpenMetrics registry gets _total once, also at the second scrape", async () => {
  const registry = new Registry();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
  exportToPrometheus(new CircuitBreaker("payments"), registry);
  const first = await registry.metrics();
  expect(first.split("\n")).toEqual(
    expect.arrayContaining([
      "# TYPE circuit_breaker_calls counter",
      'circuit_breaker_calls_total{circuit_breaker_name="payments",outcome="success"} 0',
      "circuit_breaker_series_overflow_total 0",
      "# EOF",
    ]),
  );
  expect(first).not.toContain("_total_total");
  const untimed = (text: string) => text.replace(/^circuit_breaker_open_seconds.*$/gm, "");
  expect(untimed(await registry.metrics())).toBe(untimed(first));
});

test("an OpenMetrics registry is left empty by the detach", async () => {
  const registry = new Registry();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
  const detach = exportToPrometheus(new CircuitBreaker("payments"), registry);
  await registry.metrics();
  detach();
  expect(registry.getMetricsAsArray()).toEqual([]);
  exportToPrometheus(new CircuitBreaker("payments"), registry);
  expect(await registry.metrics()).toContain("circuit_breaker_calls_total{");
});

test("registry.resetMetrics() does not fail, and breakers go on counting", async () => {
  const { breaker, registry, values } = scraped();
  permitOf({ breaker }).success();
  registry.resetMetrics();
  permitOf({ breaker }).success();
  expect(await values("calls_total")).toMatchObject({ "payments success": 2 });
});

test("registry.setDefaultLabels() and getMetricsAsJSON() work on the metrics", async () => {
  const { registry, breaker } = scraped();
  permitOf({ breaker }).success();
  registry.setDefaultLabels({ app: "shop" });
  expect(await registry.getSingleMetricAsString("circuit_breaker_failure_threshold")).toContain(
    'circuit_breaker_failure_threshold{circuit_breaker_name="payments",app="shop"} 2',
  );
  for (let scrape = 0; scrape < 2; scrape++) {
    const json = await registry.getMetricsAsJSON();
    const calls = json.find(({ name }) => name === "circuit_breaker_calls_total");
    expect(calls?.values[0]).toEqual({
      labels: { app: "shop", circuit_breaker_name: "payments", outcome: "success" },
      value: 1,
    });
  }
});

// Trap 35: cluster mode sums timestamps: 1000, 0 and 2000 became 3000.
test("trap 35: a cluster sums counters and states, and takes the worst of the other gauges", async () => {
  const workers = [0, 2000, 1000].map((openAfterMs) => {
    const worker = scraped({}, { ...OPTIONS, failureThreshold: 2 });
    if (openAfterMs > 0) {
      worker.clock.advance(openAfterMs);
      worker.breaker.recordFailure(BOOM);
      worker.breaker.recordFailure(BOOM);
      worker.clock.advance(10_000);
      worker.breaker.admit();
    }
    return worker;
  });
  const pages = await Promise.all(workers.map(({ registry }) => registry.getMetricsAsJSON()));
  const page = parse(await AggregatorRegistry.aggregate(pages).metrics());
  const of = (metric: string) => valuesOf(page, `circuit_breaker_${metric}`);
  expect(of("opened_timestamp_seconds")).toEqual({ payments: START_SECONDS + 2 });
  expect(of("calls_total")).toMatchObject({ "payments error": 4 });
  expect(of("state")).toMatchObject({ "payments closed": 1, "payments half_open": 2 });
  expect(of("probes_in_flight")).toEqual({ payments: 2 });
  expect(of("trip_progress_ratio")).toEqual({ payments: 1 });
  expect(of("traffic_share_ratio")).toEqual({ payments: 0 });
  expect(of("consecutive_failures")).toEqual({ payments: 2 });
  expect(of("failure_threshold")).toEqual({ payments: 2 });
  expect(of("open_seconds_total")).toEqual({ payments: 20 });
  expect(of("recovery_duration_seconds_count")).toEqual({ payments: 0 });
  expect(of("recovery_duration_seconds_bucket")).toMatchObject({ "payments +Inf": 0 });
});

// Bad arguments

const breaker = new CircuitBreaker("payments");
const refused: readonly [why: string, args: readonly unknown[], message: string][] = [
  [
    "no source",
    [undefined, new Registry()],
    "source must be a breaker or an array of breakers, received undefined",
  ],
  [
    "swapped arguments",
    [new Registry(), breaker],
    "source must be a breaker or an array of breakers, received an object",
  ],
  [
    "a string for a source",
    ["payments", new Registry()],
    'source must be a breaker or an array of breakers, received "payments"',
  ],
  ["a wrong item", [[breaker, null], new Registry()], "source[1] must be a breaker, received null"],
  ["no registry", [breaker], "promRegistry must be a prom-client registry, received undefined"],
  [
    "a wrong registry",
    [breaker, {}],
    "promRegistry must be a prom-client registry, received an object",
  ],
  [
    "options of the wrong type",
    [breaker, new Registry(), []],
    "options must be an object, received an array",
  ],
  [
    "a text for nameBudget",
    [breaker, new Registry(), { nameBudget: "9" }],
    'nameBudget must be a positive integer, received "9"',
  ],
  [
    "nameBudget 0",
    [breaker, new Registry(), { nameBudget: 0 }],
    "nameBudget must be a positive integer, received 0",
  ],
  [
    "nameBudget 1.5",
    [breaker, new Registry(), { nameBudget: 1.5 }],
    "nameBudget must be a positive integer, received 1.5",
  ],
  [
    "callDurations 1",
    [breaker, new Registry(), { callDurations: 1 }],
    "callDurations must be true or false, received 1",
  ],
];

test.each(refused)("exportToPrometheus() refuses %s", (_why, args, message) => {
  expect(() => Reflect.apply(exportToPrometheus, undefined, args)).toThrow(
    `Cannot export to Prometheus: ${message}`,
  );
  expect(breaker.bus.has("circuit.open")).toBe(false);
});

test("exportToPrometheus() names the option that was meant", () => {
  const options = { nameBuget: 3 } as object;
  expect(() => exportToPrometheus(breaker, new Registry(), options)).toThrow(
    'Cannot export to Prometheus: unknown option "nameBuget", did you mean "nameBudget"?',
  );
});

test("exportToPrometheus() of no breakers shows the metrics that belong to none", async () => {
  const registry = new Registry();
  const detach = exportToPrometheus([], registry);
  expect(parse(await registry.metrics()).series.size).toBe(6);
  detach();
  expect(registry.getMetricsAsArray()).toEqual([]);
});
