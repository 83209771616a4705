import type { Frame, Row } from "./frame.ts";
import { callsByOutcome, tripsByReason } from "./outcome-panels.ts";
import { DEPTH, OVERVIEW } from "./overview.ts";
import { OUTCOME_COLOURS, STATE_LIMITS, series, stat, stateStat, timeline } from "./panels.ts";
import {
  distanceToTrip,
  incidentAge,
  increase,
  maxBy,
  NAME,
  ofOne,
  quantile,
  rate,
  shareOfTimeOpen,
  skipRatio,
  stillOpen,
  sumBy,
  worstState,
} from "./queries.ts";

const BY = "job, instance";
const LEGEND = "{{job}} {{instance}}";
const inRange = (selector: string) => increase(selector, "$__range");

const now: Row = [
  "Now",
  stateStat({
    title: "State",
    description:
      "The worst state among its instances. An open breaker whose cooldown is over reads half open: the next call is its probe.",
    unit: "none",
    limits: STATE_LIMITS,
    queries: [{ expr: worstState(ofOne, NAME), legend: "state" }],
    width: 4,
    height: 4,
    runbooks: ["CircuitBreakerOpen"],
  }),
  stat(
    {
      title: "Instances not closed",
      description:
        "How many processes refuse calls, all or most. Some of many: the trouble is theirs or on their way, not the dependency's alone.",
      unit: "short",
      limits: ["green", [1, "red"]],
      queries: [
        {
          expr: `sum(${ofOne("circuit_breaker_state", 'state=~"open|half_open|forced_open"')})`,
          legend: "not closed",
        },
        { expr: `sum(${ofOne("circuit_breaker_state")})`, legend: "of" },
      ],
      width: 4,
      height: 4,
      runbooks: ["CircuitBreakerInstancesDisagree"],
    },
    ["of"],
  ),
  stat({
    title: "Oldest incident",
    description:
      "How long ago the oldest incident under way began, failed probes included. 0 when there is none.",
    unit: "s",
    limits: ["green", [1, "yellow"], [600, "red"]],
    queries: [{ expr: `max(${incidentAge(ofOne)})`, legend: "oldest incident" }],
    width: 4,
    height: 4,
    decimals: 0,
    runbooks: ["CircuitBreakerOpenTooLong"],
  }),
  stat({
    title: "Refused calls",
    description: "Calls refused without running, over the range of the dashboard.",
    unit: "short",
    limits: ["green", [1, "orange"]],
    queries: [{ expr: `sum(${inRange(ofOne("circuit_breaker_skips_total"))})`, legend: "refused" }],
    width: 4,
    height: 4,
    decimals: 0,
    runbooks: ["CircuitBreakerSkipRatioHigh"],
  }),
  stat({
    title: "Skip ratio",
    description: "The refused share of its calls. 0 also when there were no calls.",
    unit: "percentunit",
    limits: ["green", [0.01, "yellow"], [0.1, "red"]],
    queries: [{ expr: skipRatio(rate, ofOne, null), legend: "refused" }],
    width: 4,
    height: 4,
    decimals: 1,
    runbooks: ["CircuitBreakerSkipRatioHigh", "CircuitBreakerErrorBudgetBurn"],
  }),
  stat({
    title: "Incidents still open",
    description: "Instances that are within an incident: opened, and not closed since.",
    unit: "short",
    limits: ["green", [1, "red"]],
    queries: [{ expr: stillOpen(ofOne), legend: "still open" }],
    width: 4,
    height: 4,
    runbooks: ["CircuitBreakerOpenTooLong", "CircuitBreakerRecoveryRegression"],
  }),
];

const story: Row = [
  "What happened",
  timeline({
    title: "State of each instance",
    description:
      "One row for each process: closed, half open, open, forced open, disabled. All rows turning together is the dependency; one row alone is that process or its network.",
    unit: "none",
    limits: STATE_LIMITS,
    queries: [{ expr: worstState(ofOne, BY), legend: LEGEND }],
    width: 24,
    height: 8,
    runbooks: ["CircuitBreakerInstancesDisagree", "CircuitBreakerFlapping"],
  }),
  callsByOutcome(ofOne),
  series({
    title: "Refused calls by reason",
    description:
      "open: the cooldown runs. half_open: every probe slot is taken. forced_open: held open. degraded and ramping: the share of traffic that does not pass while closed. quota and bulkhead: refused by those policies.",
    unit: "reqps",
    limits: ["green", [0.001, "orange"]],
    stacked: true,
    queries: [
      {
        expr: sumBy("reason", rate(ofOne("circuit_breaker_skips_total"))),
        legend: "{{reason}}",
      },
    ],
    width: 12,
    height: 8,
    runbooks: ["CircuitBreakerSkipRatioHigh"],
  }),
  series({
    title: "Skip ratio by instance",
    description: "The refused share of the calls of each process. 0 also when it had no calls.",
    unit: "percentunit",
    limits: ["green", [0.01, "yellow"], [0.1, "red"]],
    lines: true,
    max: 1,
    queries: [{ expr: skipRatio(rate, ofOne, BY), legend: LEGEND }],
    width: 12,
    height: 8,
    runbooks: ["CircuitBreakerInstancesDisagree", "CircuitBreakerSkipRatioHigh"],
  }),
  series({
    title: "State changes",
    description:
      "Committed changes from one state to another. closed to open is a trip; half_open to open a failed probe; half_open to closed a recovery. Many pairs of both within minutes: it flaps.",
    unit: "short",
    limits: ["green", [4.5, "red"]],
    bars: true,
    stacked: true,
    queries: [
      {
        expr: sumBy("from, to", increase(ofOne("circuit_breaker_transitions_total"))),
        legend: "{{from}} to {{to}}",
      },
    ],
    width: 12,
    height: 8,
    runbooks: ["CircuitBreakerFlapping"],
  }),
];

const trip: Row = [
  "The trip",
  series({
    title: "Distance to the trip",
    description:
      "How near each instance is to its trip, by the nearest of its rules. 0 is no failure, 1 a trip; it stays at 1 until the breaker is closed again. Disabled instances are left out.",
    unit: "percentunit",
    limits: ["green", [0.8, "orange"], [1, "red"]],
    lines: true,
    max: 1,
    queries: [{ expr: distanceToTrip(ofOne, BY), legend: LEGEND }],
    width: 12,
    height: 8,
    runbooks: ["CircuitBreakerTripImminent"],
  }),
  series({
    title: "Failures in a row",
    description:
      "Consecutive failures of each instance, and the number that trips. They survive the trip, grow with each failed probe and return to 0 at the close. A limit of 0 means that no rule counts failures in a row: see the distance to the trip.",
    unit: "short",
    limits: ["green", [1, "yellow"]],
    dashed: ["limit (failureThreshold)"],
    queries: [
      { expr: maxBy(BY, ofOne("circuit_breaker_consecutive_failures")), legend: LEGEND },
      {
        expr: `max(${ofOne("circuit_breaker_failure_threshold")})`,
        legend: "limit (failureThreshold)",
      },
    ],
    width: 12,
    height: 8,
    runbooks: ["CircuitBreakerTripImminent"],
  }),
  tripsByReason(ofOne),
  series({
    title: "Length of calls (with callDurations)",
    description:
      "Quantiles of the length of calls that counted as success, error or latency. Empty unless the exporter has the option callDurations. Compare with latencyTripMs and with the limit of a slowRate rule.",
    unit: "s",
    limits: ["green", [1, "yellow"], [10, "red"]],
    queries: [0.5, 0.9, 0.99].map((share) => ({
      expr: quantile(share, rate(ofOne("circuit_breaker_call_duration_seconds_bucket"))),
      legend: `${share * 100} %`,
    })),
    width: 12,
    height: 8,
    runbooks: ["CircuitBreakerLatencyTrips"],
  }),
];

const recovery: Row = [
  "Open and recovery",
  series({
    title: "Share of time open",
    description:
      "The share of the time that each instance was open or forced open. From a counter that grows while it is open, so opens between two scrapes show as well.",
    unit: "percentunit",
    limits: ["green", [0.05, "yellow"], [0.5, "red"]],
    lines: true,
    max: 1,
    queries: [{ expr: shareOfTimeOpen(ofOne, BY), legend: LEGEND }],
    width: 12,
    height: 8,
    runbooks: ["CircuitBreakerOpenTooLong", "CircuitBreakerFlapping"],
  }),
  series({
    title: "Recovery, and what is still open",
    description:
      "Quantiles of the length of incidents that ended within the range up to each point, and the number of incidents that have not ended: those are in no quantile. A gap: no recovery in that range. The cooldown is the shortest recovery possible.",
    unit: "s",
    limits: ["green", [60, "yellow"], [600, "red"]],
    colours: { median: "blue", "90th percentile": "purple", "still open (incidents)": "red" },
    counts: ["still open (incidents)"],
    queries: [
      {
        expr: quantile(0.5, inRange(ofOne("circuit_breaker_recovery_duration_seconds_bucket"))),
        legend: "median",
      },
      {
        expr: quantile(0.9, inRange(ofOne("circuit_breaker_recovery_duration_seconds_bucket"))),
        legend: "90th percentile",
      },
      { expr: stillOpen(ofOne), legend: "still open (incidents)" },
    ],
    width: 12,
    height: 8,
    runbooks: ["CircuitBreakerRecoveryRegression"],
  }),
  series({
    title: "Age of the incident",
    description:
      "How long ago the incident of each instance began; 0 without one. A failed probe does not end it.",
    unit: "s",
    limits: ["green", [600, "red"]],
    lines: true,
    queries: [{ expr: maxBy(BY, incidentAge(ofOne)), legend: LEGEND }],
    width: 12,
    height: 8,
    runbooks: ["CircuitBreakerOpenTooLong"],
  }),
  series({
    title: "Probes by how they ended",
    description:
      "Calls let through to try whether the dependency is back. error and latency reopen the breaker; expired means that a probe outlived its lease (leaseMs), which hangs; ignored, cancelled and unreached decide nothing.",
    unit: "short",
    limits: ["green", [0.5, "yellow"]],
    bars: true,
    stacked: true,
    colours: OUTCOME_COLOURS,
    queries: [
      {
        expr: sumBy("outcome", increase(ofOne("circuit_breaker_probes_total"))),
        legend: "{{outcome}}",
      },
    ],
    width: 12,
    height: 8,
    runbooks: ["CircuitBreakerProbesStuck", "CircuitBreakerNoProbeTraffic"],
  }),
];

const traffic: Row = [
  "Traffic and telemetry",
  series({
    title: "Share of traffic that passes",
    description:
      "1 while closed or disabled, less while degradation or rampUp hold traffic back, 0 while open, half open or forced open (probes excepted).",
    unit: "percentunit",
    limits: ["red", [0.5, "yellow"], [1, "green"]],
    max: 1,
    queries: [
      { expr: `min by (${BY}) (${ofOne("circuit_breaker_traffic_share_ratio")})`, legend: LEGEND },
    ],
    width: 8,
    height: 8,
    runbooks: ["CircuitBreakerSkipRatioHigh"],
  }),
  series({
    title: "Probes in flight",
    description:
      "Probes under way whose lease has not ended, by instance. Always at the most that halfOpen.maxProbes allows, and no probe that ends: probes hang.",
    unit: "short",
    limits: ["green", [1, "yellow"]],
    queries: [{ expr: sumBy(BY, ofOne("circuit_breaker_probes_in_flight")), legend: LEGEND }],
    width: 8,
    height: 8,
    runbooks: ["CircuitBreakerProbesStuck"],
  }),
  series({
    title: "Dropped events by sink",
    description:
      "Events that a listener or an exporter of these processes failed to take, of whatever breaker. Counters are not affected, logs and incident reports have a hole. 0 is healthy.",
    unit: "short",
    limits: ["green", [0.5, "red"]],
    bars: true,
    stacked: true,
    queries: [
      {
        expr: sumBy("sink", increase(ofOne("circuit_breaker_events_dropped_total"))),
        legend: "{{sink}}",
      },
    ],
    width: 8,
    height: 8,
    runbooks: ["CircuitBreakerEventsDropped"],
  }),
];

/** One breaker on all its instances. */
export const breaker: Frame = {
  ...DEPTH,
  description:
    "One circuit breaker on all its instances: what happened, why it tripped, how it recovers and what its callers lost.",
  breakers: "one",
  other: OVERVIEW,
  rows: [now, story, trip, recovery, traffic],
};
