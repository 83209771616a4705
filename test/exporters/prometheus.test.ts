import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { SINKS } from "../../src/events/metrics.ts";
import { exportToPrometheus } from "../../src/exporters/prometheus.ts";
import { CircuitBreaker } from "../../src/index.ts";
import { BOOM, fail, failTimes, succeed } from "../support/breaker.ts";
import { START_AT_MS } from "../support/fake-clock.ts";
import { parse } from "../support/scrape.ts";
import { scraped, TWO_AND_TEN } from "../support/scraped.ts";
import { permitOf } from "../support/states.ts";

const START_SECONDS = START_AT_MS / 1000;

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

# HELP circuit_breaker_failure_threshold Consecutive failures that trip; 0 when no rule counts them
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
circuit_breaker_events_dropped_total{sink="stream"} 0
circuit_breaker_events_dropped_total{sink="pino"} 0
circuit_breaker_events_dropped_total{sink="prometheus"} 0
circuit_breaker_events_dropped_total{sink="opentelemetry"} 0
circuit_breaker_events_dropped_total{sink="diagnostics-channel"} 0
circuit_breaker_events_dropped_total{sink="ndjson"} 0
circuit_breaker_events_dropped_total{sink="cloudevents"} 0
circuit_breaker_events_dropped_total{sink="sse"} 0

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
  const { breaker, values } = scraped(
    {},
    { ...TWO_AND_TEN, failureThreshold: 9, latencyTripMs: 100 },
  );
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
  const { clock, breaker, page } = scraped({}, { ...TWO_AND_TEN, failureThreshold: 4 });
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
    ...Object.fromEntries(SINKS.map((sink) => [sink, 0])),
    pino: 2,
    audit: 1,
  });
});

test("circuit_breaker_events_dropped_total adds up what one report stands for", async () => {
  const { breaker, values } = scraped();
  breaker.bus.emit({
    ...{ type: "bus.listener_failed", v: 1, atMs: START_AT_MS, sink: "pino", count: 3 },
    ...{ failedType: "circuit.skip", error: { name: "Error", message: "full" } },
  });
  expect(await values("events_dropped_total")).toMatchObject({ pino: 3 });
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
  expect(dropped["__other__"]).toBe(200 - (50 - SINKS.length));
});

const breaker = new CircuitBreaker("payments");
const refused: readonly [why: string, args: readonly unknown[], message: string][] = [
  [
    "no source",
    [undefined, new Registry()],
    "source must be a breaker, an array of breakers or a registry, received undefined",
  ],
  [
    "swapped arguments",
    [new Registry(), breaker],
    "source must be a breaker, an array of breakers or a registry, received an object",
  ],
  [
    "a string for a source",
    ["payments", new Registry()],
    'source must be a breaker, an array of breakers or a registry, received "payments"',
  ],
  ["a wrong item", [[breaker, null], new Registry()], "source[1] must be a breaker, received null"],
  [
    "a view without a bus",
    [{ name: "payments", stats: breaker.stats, on() {} }, new Registry()],
    "source must be a breaker, an array of breakers or a registry, received an object",
  ],
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
  expect(parse(await registry.metrics()).series.size).toBe(SINKS.length + 1);
  detach();
  expect(registry.getMetricsAsArray()).toEqual([]);
});
