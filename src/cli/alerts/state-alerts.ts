import type { PromQl } from "./promql.ts";
import { type AlertingRule, lines, percent, type RecordingRule, type RuleGroup } from "./rule.ts";
import type { Thresholds } from "./thresholds.ts";

/** The state of each breaker in each instance: one series, whatever version of the library exports it. */
const STATE = "breaker_instance:circuit_breaker_state:max";
/** Refused calls and probes of the last five minutes, and the probes under way: 0 when nobody calls. */
const CALLERS = "breaker_instance:circuit_breaker_callers:increase5m";
/**
 * The instances whose breaker refuses. One that is half open counts only while calls come: without them its next call
 * is a probe, and nobody is refused.
 */
const REFUSING = "breaker_instance:circuit_breaker_refusing:max";
const INSTANCES = "breaker:circuit_breaker_instances:count";

/** The alerts about the state of breakers. */
export function stateAlerts(q: PromQl, thresholds: Thresholds): RuleGroup {
  return {
    name: "telltale-state",
    rules: [
      ...recordings(q),
      tripImminent(q, thresholds),
      ...openAlerts(q),
      flapping(q, thresholds),
      ...operatorAlerts(q),
      ...probeAlerts(q),
      instancesDisagree(q),
    ],
  };
}

function recordings(q: PromQl): RecordingRule[] {
  const skips = q.series("circuit_breaker_skips_total");
  const probes = q.series("circuit_breaker_probes_total");
  const inFlight = q.series("circuit_breaker_probes_in_flight");
  return [
    {
      record: STATE,
      expr: `max by (${q.instance}, state) (${q.series("circuit_breaker_state")})`,
    },
    {
      record: CALLERS,
      expr: lines(
        `sum by (${q.instance}) (increase(${skips}[5m]))`,
        `+ sum by (${q.instance}) (increase(${probes}[5m]))`,
        `+ max by (${q.instance}) (${inFlight})`,
      ),
    },
    {
      record: REFUSING,
      expr: lines(
        `${STATE}{state=~"open|forced_open"} > 0`,
        `or (${STATE}{state="half_open"} > 0 and on (${q.instance}) ${CALLERS} > 0)`,
      ),
    },
    {
      record: INSTANCES,
      expr: `count by (${q.breaker}) (${STATE}{state="closed"})`,
    },
  ];
}

function tripImminent(q: PromQl, thresholds: Thresholds): AlertingRule {
  const progress = `max by (${q.instance}) (${q.series("circuit_breaker_trip_progress_ratio")})`;
  const threshold = `max by (${q.instance}) (${q.series("circuit_breaker_failure_threshold")})`;
  const failures = `max by (${q.instance}) (${q.series("circuit_breaker_consecutive_failures")})`;
  return {
    alert: "CircuitBreakerTripImminent",
    when: `${thresholds["imminent-failures"]} failures or fewer are missing to a trip, or ${percent(thresholds["imminent-progress"])} of the way to one are gone`,
    // A share of 0 has nothing to tell, and a threshold of 0 means that no rule counts failures in a row.
    expr: lines(
      `max by (${q.breaker}) (`,
      `  ${progress} > 0`,
      "  and (",
      `    ${progress} >= ${thresholds["imminent-progress"]}`,
      `    or (${threshold} > 0) - ${failures} <= ${thresholds["imminent-failures"]}`,
      "  )",
      `  unless on (${q.instance}) ${STATE}{state!="closed"} > 0`,
      ")",
    ),
    // A `for` would lose the head start that this alert is for.
    for: "0s",
    keepFiringFor: "0s",
    severity: "info",
    summary: `Circuit breaker ${q.breakerName} is about to trip (${q.serviceText})`,
    description: `The instance that is nearest has gone {{ $value | humanizePercentage }} of the way to a trip; a few more failures open it.`,
  };
}

function openAlerts(q: PromQl): AlertingRule[] {
  const instances = `{{ $value }}${q.ofRecorded(INSTANCES)} instances`;
  return [
    {
      alert: "CircuitBreakerOpen",
      when: "a breaker refuses calls, tripped or forced, through failed probes",
      expr: `count by (${q.breaker}) (group by (${q.instance}) (${REFUSING}))`,
      for: "1m",
      // One good probe closes it and the next failures open it again: that is one outage.
      keepFiringFor: "2m",
      severity: "warning",
      summary: `Circuit breaker ${q.breakerName} is open (${q.serviceText})`,
      description: `It refuses calls in ${instances}: its callers get an error or their fallback.`,
    },
    {
      alert: "CircuitBreakerOpenTooLong",
      when: "a tripped breaker has not recovered, and somebody calls",
      // Forced open is what somebody wanted, and has its own alert.
      expr: `count by (${q.breaker}) (group by (${q.instance}) (${REFUSING}{state!="forced_open"}))`,
      for: "15m",
      keepFiringFor: "5m",
      severity: "critical",
      summary: `Circuit breaker ${q.breakerName} does not recover (${q.serviceText})`,
      description: `It has been open in ${instances} for so long that its dependency will not come back by itself: probe after probe fails.`,
    },
  ];
}

function flapping(q: PromQl, thresholds: Thresholds): AlertingRule {
  const opens = q.series("circuit_breaker_transitions_total", 'from="closed"', 'to="open"');
  return {
    alert: "CircuitBreakerFlapping",
    when: `one instance opened anew ${thresholds["flapping-trips"]} times in 30 minutes`,
    // Of one instance: that each of twenty opens once is one outage, not twenty.
    expr: lines(
      `max by (${q.breaker}) (sum by (${q.instance}) (increase(${opens}[30m])))`,
      `>= ${thresholds["flapping-trips"]}`,
    ),
    for: "0s",
    keepFiringFor: "0s",
    severity: "warning",
    summary: `Circuit breaker ${q.breakerName} opens and closes again and again (${q.serviceText})`,
    description: `One instance has opened anew {{ $value | printf "%.0f" }} times in 30 minutes: probes succeed, and the traffic after them fails.`,
  };
}

function operatorAlerts(q: PromQl): AlertingRule[] {
  const instances = `{{ $value }}${q.ofRecorded(INSTANCES)} instances`;
  return [
    {
      alert: "CircuitBreakerForcedOpenStuck",
      when: "a breaker is held open by an operator or by a permanent failure",
      expr: `count by (${q.breaker}) (${STATE}{state="forced_open"} > 0)`,
      for: "30m",
      keepFiringFor: "0s",
      severity: "warning",
      summary: `Circuit breaker ${q.breakerName} stays forced open (${q.serviceText})`,
      description: `An operator, or a failure that was classified as permanent, holds it open in ${instances}; no probe will close it.`,
    },
    {
      alert: "CircuitBreakerDisabledStuck",
      when: "a breaker is disabled: it lets everything pass",
      expr: `count by (${q.breaker}) (${STATE}{state="disabled"} > 0)`,
      for: "1h",
      keepFiringFor: "0s",
      severity: "warning",
      summary: `Circuit breaker ${q.breakerName} stays disabled (${q.serviceText})`,
      description: `It lets every call pass in ${instances} and will not open, whatever fails.`,
    },
  ];
}

function probeAlerts(q: PromQl): AlertingRule[] {
  const halfOpen = `${STATE}{state="half_open"} > 0`;
  const ended = (...narrowed: readonly string[]): string =>
    `sum by (${q.instance}) (increase(${q.series("circuit_breaker_probes_total", ...narrowed)}[10m]))`;
  const inFlight = `max by (${q.instance}) (${q.series("circuit_breaker_probes_in_flight")})`;
  return [
    {
      alert: "CircuitBreakerProbesStuck",
      when: "probes are made, and none of 10 minutes succeeded or failed",
      expr: lines(
        `count by (${q.breaker}) (`,
        `  ${halfOpen}`,
        `  and on (${q.instance}) (`,
        `    ${ended()}`,
        `    + ${inFlight}`,
        "  ) > 0",
        `  unless on (${q.instance}) ${ended('outcome=~"success|error|latency"')} > 0`,
        ")",
      ),
      for: "5m",
      keepFiringFor: "0s",
      severity: "warning",
      summary: `No probe of circuit breaker ${q.breakerName} comes to a verdict (${q.serviceText})`,
      description: `It is half open in {{ $value }}${q.ofRecorded(INSTANCES)} instances. Probes hang, expire, are cancelled or never reach the dependency, so it can neither close nor open.`,
    },
    {
      alert: "CircuitBreakerNoProbeTraffic",
      when: "the cooldown is over, and nobody has called for 5 minutes",
      expr: lines(
        `count by (${q.breaker}) (`,
        `  ${halfOpen}`,
        `  and on (${q.instance}) ${CALLERS} == 0`,
        ")",
      ),
      for: "10m",
      keepFiringFor: "0s",
      severity: "info",
      summary: `Circuit breaker ${q.breakerName} waits for a call to probe with (${q.serviceText})`,
      description: `Its cooldown is over in {{ $value }}${q.ofRecorded(INSTANCES)} instances, but nobody calls: whether the dependency is back is not known.`,
    },
  ];
}

function instancesDisagree(q: PromQl): AlertingRule {
  const successes = q.series("circuit_breaker_calls_total", 'outcome="success"');
  return {
    alert: "CircuitBreakerInstancesDisagree",
    when: "some instances refuse calls, and others make them with success",
    // An instance without calls has no opinion. One that stands for several breakers (__other__) is on both sides.
    expr: lines(
      `count by (${q.breaker}) (group by (${q.instance}) (${REFUSING}))`,
      `and on (${q.breaker}) (`,
      `  sum by (${q.instance}) (rate(${successes}[5m])) > 0`,
      `  unless on (${q.instance}) ${REFUSING}`,
      ")",
    ),
    for: "10m",
    keepFiringFor: "0s",
    severity: "warning",
    summary: `Instances disagree about circuit breaker ${q.breakerName} (${q.serviceText})`,
    description: `{{ $value }}${q.ofRecorded(INSTANCES)} instances refuse calls to a dependency that others reach: look at those instances and their network, not at the dependency.`,
  };
}
