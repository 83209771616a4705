import { cluster, money } from "./beside-breakers.ts";
import { breakerTable } from "./breaker-table.ts";
import type { Frame, Row } from "./frame.ts";
import { callsByOutcome, tripsByReason } from "./outcome-panels.ts";
import { STATE_LIMITS, series, stat, timeline } from "./panels.ts";
import {
  distanceToTrip,
  incidentAge,
  increase,
  NAME,
  ofChosen,
  quantile,
  rate,
  shareOfTimeOpen,
  skipRatio,
  stillOpen,
  sumBy,
  worstState,
} from "./queries.ts";
import { keeping } from "./stores-owners.ts";

export const OVERVIEW = { title: "Circuit breakers", uid: "telltale-overview" } as const;
export const DEPTH = { title: "Circuit breaker in depth", uid: "telltale-breaker" } as const;

const BY = `job, ${NAME}`;
const LEGEND = `{{${NAME}}} ({{job}})`;

/** Breakers that are in a state on at least one instance. */
const inState = (state: string) =>
  `sum(max by (${BY}) (${ofChosen("circuit_breaker_state", `state="${state}"`)}))`;

const now: Row = [
  "Now",
  stat({
    title: "Open",
    description:
      "Breakers that are open on at least one instance: their calls are refused until the cooldown is over. 0 is healthy.",
    unit: "short",
    limits: ["green", [1, "red"]],
    queries: [{ expr: inState("open"), legend: "open" }],
    width: 3,
    height: 4,
    runbooks: ["CircuitBreakerOpen"],
  }),
  stat({
    title: "Half open",
    description:
      "Breakers whose cooldown is over on at least one instance: a probe is under way, or the next call will be one. Minutes of it mean that probes hang or that no call comes.",
    unit: "short",
    limits: ["green", [1, "yellow"]],
    queries: [{ expr: inState("half_open"), legend: "half open" }],
    width: 3,
    height: 4,
    runbooks: ["CircuitBreakerProbesStuck", "CircuitBreakerNoProbeTraffic"],
  }),
  stat({
    title: "Forced open",
    description:
      "Breakers that an operator or a permanent failure holds open on at least one instance. Without an end they stay so until somebody resets them.",
    unit: "short",
    limits: ["green", [1, "purple"]],
    queries: [{ expr: inState("forced_open"), legend: "forced open" }],
    width: 3,
    height: 4,
    runbooks: ["CircuitBreakerForcedOpenStuck"],
  }),
  stat({
    title: "Disabled",
    description:
      "Breakers that are disabled on at least one instance: they measure, and protect nothing.",
    unit: "short",
    limits: ["green", [1, "blue"]],
    queries: [{ expr: inState("disabled"), legend: "disabled" }],
    width: 3,
    height: 4,
    runbooks: ["CircuitBreakerDisabledStuck"],
  }),
  stat({
    title: "Refused calls",
    description: "Calls refused without running, per second, for whatever reason.",
    unit: "reqps",
    limits: ["green", [0.001, "orange"]],
    queries: [{ expr: `sum(${rate(ofChosen("circuit_breaker_skips_total"))})`, legend: "refused" }],
    width: 3,
    height: 4,
    runbooks: ["CircuitBreakerSkipRatioHigh"],
  }),
  stat({
    title: "Skip ratio",
    description:
      "The refused share of all calls that breakers guard. 0 also when there were no calls.",
    unit: "percentunit",
    limits: ["green", [0.01, "yellow"], [0.1, "red"]],
    queries: [{ expr: skipRatio(rate, ofChosen, null), legend: "refused" }],
    width: 3,
    height: 4,
    decimals: 1,
    runbooks: ["CircuitBreakerSkipRatioHigh", "CircuitBreakerErrorBudgetBurn"],
  }),
  stat({
    title: "Oldest incident",
    description:
      "How long ago the oldest incident under way began: from its first open, failed probes included. 0 when there is none.",
    unit: "s",
    limits: ["green", [1, "yellow"], [600, "red"]],
    queries: [{ expr: `max(${incidentAge(ofChosen)})`, legend: "oldest incident" }],
    width: 3,
    height: 4,
    decimals: 0,
    runbooks: ["CircuitBreakerOpenTooLong"],
  }),
  stat({
    title: "Instances reporting",
    description:
      "Processes whose breakers Prometheus sees. Fewer than run means that some are watched by nobody.",
    unit: "short",
    limits: ["red", [1, "green"]],
    queries: [
      {
        expr: `count(count by (job, instance) (${ofChosen("circuit_breaker_traffic_share_ratio")}))`,
        legend: "instances",
      },
    ],
    width: 3,
    height: 4,
    runbooks: ["CircuitBreakerTelemetryAbsent"],
  }),
];

const which: Row = [
  "Which breaker",
  breakerTable(DEPTH.uid),
  timeline({
    title: "State of each breaker",
    description:
      "The worst state among the instances of each breaker: forced open, open, half open, disabled, closed. An open shorter than the scrape interval does not show here; the trips below count it all the same.",
    unit: "none",
    limits: STATE_LIMITS,
    queries: [{ expr: worstState(ofChosen, BY), legend: LEGEND }],
    width: 24,
    height: 9,
    runbooks: ["CircuitBreakerOpen", "CircuitBreakerFlapping"],
  }),
];

const calls: Row = [
  "Calls",
  series({
    title: "Skip ratio by breaker",
    description:
      "The refused share of each breaker's calls: what its callers lose. 0 also when it had no calls.",
    unit: "percentunit",
    limits: ["green", [0.01, "yellow"], [0.1, "red"]],
    lines: true,
    max: 1,
    queries: [{ expr: skipRatio(rate, ofChosen, BY), legend: LEGEND }],
    width: 12,
    height: 8,
    runbooks: ["CircuitBreakerSkipRatioHigh"],
  }),
  callsByOutcome(ofChosen),
];

const trips: Row = [
  "Trips",
  tripsByReason(ofChosen),
  series({
    title: "Distance to the trip",
    description:
      "How near each breaker is to its trip, the nearest of its rules and the worst of its instances. 0 is no failure, 1 a trip; it stays at 1 until the breaker is closed again. Disabled breakers are left out.",
    unit: "percentunit",
    limits: ["green", [0.8, "orange"], [1, "red"]],
    lines: true,
    max: 1,
    queries: [{ expr: distanceToTrip(ofChosen, BY), legend: LEGEND }],
    width: 12,
    height: 8,
    runbooks: ["CircuitBreakerTripImminent"],
  }),
];

const inRange = (selector: string) => increase(selector, "$__range");

const recovery: Row = [
  "Open and recovery",
  series({
    title: "Share of time open",
    description:
      "The share of the time that each breaker was open or forced open, as the mean of its instances. It comes from a counter that grows while the breaker is open, so it also shows opens between two scrapes.",
    unit: "percentunit",
    limits: ["green", [0.05, "yellow"], [0.5, "red"]],
    lines: true,
    max: 1,
    queries: [{ expr: shareOfTimeOpen(ofChosen, BY), legend: LEGEND }],
    width: 12,
    height: 8,
    runbooks: ["CircuitBreakerOpenTooLong", "CircuitBreakerFlapping"],
  }),
  series({
    title: "Recovery, and what is still open",
    description:
      "Quantiles of the length of incidents that ended within the range up to each point, and the number of incidents that have not ended: those are in no quantile, so good quantiles beside open incidents mean little. A gap: no recovery in that range. The cooldown is the shortest recovery possible.",
    unit: "s",
    limits: ["green", [60, "yellow"], [600, "red"]],
    colours: { median: "blue", "90th percentile": "purple", "still open (incidents)": "red" },
    queries: [
      {
        expr: quantile(0.5, inRange(ofChosen("circuit_breaker_recovery_duration_seconds_bucket"))),
        legend: "median",
      },
      {
        expr: quantile(0.9, inRange(ofChosen("circuit_breaker_recovery_duration_seconds_bucket"))),
        legend: "90th percentile",
      },
      { expr: stillOpen(ofChosen), legend: "still open (incidents)" },
    ],
    counts: ["still open (incidents)"],
    width: 12,
    height: 8,
    runbooks: ["CircuitBreakerRecoveryRegression"],
  }),
];

const telemetry: Row = [
  "Telemetry itself",
  series({
    title: "Dropped events by sink",
    description:
      "Events that a listener or an exporter failed to take. Counters are not affected, logs and incident reports have a hole. 0 is healthy.",
    unit: "short",
    limits: ["green", [0.5, "red"]],
    bars: true,
    stacked: true,
    queries: [
      {
        expr: sumBy("sink", increase(ofChosen("circuit_breaker_events_dropped_total"))),
        legend: "{{sink}}",
      },
    ],
    width: 8,
    height: 7,
    runbooks: ["CircuitBreakerEventsDropped"],
  }),
  series({
    title: "Breakers beyond the budget of names",
    description:
      "Breakers that share the name __other__ because the budget of names was used up, since the process started. 0 is healthy. The count and not its growth, because most breakers are made before the first scrape.",
    unit: "short",
    limits: ["green", [0.5, "red"]],
    queries: [
      {
        expr: sumBy("job, instance", ofChosen("circuit_breaker_series_overflow_total")),
        legend: "{{job}} {{instance}}",
      },
    ],
    width: 8,
    height: 7,
    runbooks: ["CircuitBreakerSeriesOverflow"],
  }),
  series({
    title: "Instances reporting",
    description:
      "Processes whose breakers Prometheus sees, by job. A step down is a restart, or telemetry that is lost.",
    unit: "short",
    limits: ["red", [1, "green"]],
    queries: [
      {
        expr: `count by (job) (count by (job, instance) (${ofChosen("circuit_breaker_traffic_share_ratio")}))`,
        legend: "{{job}}",
      },
    ],
    width: 8,
    height: 7,
    runbooks: ["CircuitBreakerTelemetryAbsent"],
  }),
];

/** All breakers at a glance. */
export const overview: Frame = {
  ...OVERVIEW,
  description:
    "All circuit breakers that telltale exports: which are open, what that costs, which will trip next, and whether the telemetry itself is whole.",
  breakers: "several",
  other: DEPTH,
  rows: [now, which, calls, trips, recovery, money, cluster, keeping, telemetry],
};
