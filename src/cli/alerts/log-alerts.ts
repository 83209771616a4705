import { BREAKER_LABEL } from "../../events/metrics.ts";
import { LogQl } from "./logql.ts";
import type { Scope } from "./promql.ts";
import { type AlertingRule, lines, type RuleGroup } from "./rule.ts";
import { storeOwnerLogAlerts } from "./store-owner-log-alerts.ts";
import type { Thresholds } from "./thresholds.ts";

const BREAKER = BREAKER_LABEL.prometheus;

/** Alerts from log lines, for teams without metrics; named as those from metrics, with the same runbooks. */
export function logAlerts(scope: Scope, thresholds: Thresholds): RuleGroup {
  const q = new LogQl(scope);
  return {
    name: "telltale-logs",
    rules: [
      tripImminent(q, thresholds),
      ...openAlerts(q),
      flapping(q, thresholds),
      ...tripAlerts(q),
      forcedOpenStuck(q),
      probesStuck(q),
      recoveryRegression(q, thresholds),
      ...storeOwnerLogAlerts(q),
      eventsDropped(q),
    ],
  };
}

const count = (q: LogQl, events: string, range: string): string =>
  `sum by (${q.breaker}) (count_over_time(${events} [${range}]))`;

const AT_ONCE = { for: "0s", keepFiringFor: "0s" } as const;

function tripImminent(q: LogQl, thresholds: Thresholds): AlertingRule {
  // As text: a rule that counts no failures in a row has no such number, and no number cannot be compared.
  const few = Array.from({ length: thresholds["imminent-failures"] }, (_, n) => n + 1).join("|");
  const near = `(ratio >= ${thresholds["imminent-progress"]} or failuresToTrip =~ "${few}")`;
  const fields = { ratio: "ratio", failuresToTrip: "failuresToTrip" };
  return {
    alert: "CircuitBreakerTripImminent",
    when: "a breaker comes as near to a trip as that, and says so",
    expr: `${count(q, q.events(["circuit.progress"], fields, near), "1m")} > 0`,
    ...AT_ONCE,
    severity: "info",
    summary: `Circuit breaker {{ $labels.${BREAKER} }} is about to trip (${q.serviceText})`,
    description:
      "It came near a trip {{ $value }} times within a minute; a few more failures open it.",
  };
}

function openAlerts(q: LogQl): AlertingRule[] {
  const refusing = q.events(["circuit.open", "circuit.skip"]);
  return [
    {
      alert: "CircuitBreakerOpen",
      when: "a breaker opened within 5 minutes",
      expr: `${count(q, q.events(["circuit.open"]), "5m")} > 0`,
      ...AT_ONCE,
      severity: "warning",
      summary: `Circuit breaker {{ $labels.${BREAKER} }} opened (${q.serviceText})`,
      description:
        "It opened {{ $value }} times in 5 minutes, failed probes included: its callers get an error or their fallback.",
    },
    {
      alert: "CircuitBreakerOpenTooLong",
      when: "it opens or refuses calls, and has not closed for 15 minutes",
      // A refusal is logged at least every 10 s as long as calls come.
      expr: lines(
        `${count(q, refusing, "5m")} > 0`,
        `unless ${count(q, q.events(["circuit.close"]), "15m")} > 0`,
      ),
      for: "15m",
      keepFiringFor: "0s",
      severity: "critical",
      summary: `Circuit breaker {{ $labels.${BREAKER} }} does not recover (${q.serviceText})`,
      description:
        "It opens anew or refuses calls ({{ $value }} lines in 5 minutes) and has not closed for 15 minutes: probe after probe fails.",
    },
  ];
}

function flapping(q: LogQl, thresholds: Thresholds): AlertingRule {
  const fields = { from: "from", replica: "instance" };
  const opens = q.events(["circuit.open"], fields, 'from = "closed"');
  return {
    alert: "CircuitBreakerFlapping",
    when: `one instance opened anew ${thresholds["flapping-trips"]} times in 30 minutes`,
    expr: lines(
      `max by (${q.breaker}) (sum by (${q.breaker}, replica) (count_over_time(${opens} [30m])))`,
      `>= ${thresholds["flapping-trips"]}`,
    ),
    ...AT_ONCE,
    severity: "warning",
    summary: `Circuit breaker {{ $labels.${BREAKER} }} opens and closes again and again (${q.serviceText})`,
    description:
      "One instance has opened anew {{ $value }} times in 30 minutes: probes succeed, and the traffic after them fails.",
  };
}

function tripAlerts(q: LogQl): AlertingRule[] {
  const trips = (reason: "latency" | "error"): string =>
    `${count(q, q.events(["circuit.open"], { reason: "reason" }, `reason = "${reason}"`), "10m")} > 0`;
  const common = { ...AT_ONCE, severity: "warning" } as const;
  return [
    {
      alert: "CircuitBreakerLatencyTrips",
      when: "slow calls tripped a breaker within 10 minutes",
      expr: trips("latency"),
      ...common,
      summary: `Circuit breaker {{ $labels.${BREAKER} }} trips because calls are slow (${q.serviceText})`,
      description:
        "It opened {{ $value }} times in 10 minutes, failed probes included, because calls were slower than allowed (latencyTripMs, slowRate): the dependency answers, too late. Look for load, saturation and slow queries there, not for errors.",
    },
    {
      alert: "CircuitBreakerErrorTrips",
      when: "failing calls tripped a breaker within 10 minutes",
      expr: trips("error"),
      ...common,
      summary: `Circuit breaker {{ $labels.${BREAKER} }} trips because calls fail (${q.serviceText})`,
      description:
        "It opened {{ $value }} times in 10 minutes, failed probes included, because calls failed: look for errors, refused connections, a bad release or expired credentials of the dependency.",
    },
  ];
}

function forcedOpenStuck(q: LogQl): AlertingRule {
  const skips = q.events(["circuit.skip"], { reason: "reason" }, 'reason = "forced_open"');
  return {
    alert: "CircuitBreakerForcedOpenStuck",
    when: "calls are refused because it is forced open",
    expr: `${count(q, skips, "5m")} > 0`,
    for: "30m",
    keepFiringFor: "0s",
    severity: "warning",
    summary: `Circuit breaker {{ $labels.${BREAKER} }} stays forced open (${q.serviceText})`,
    description:
      "An operator, or a failure that was classified as permanent, holds it open, and calls are refused ({{ $value }} lines in 5 minutes); no probe will close it.",
  };
}

function probesStuck(q: LogQl): AlertingRule {
  const ended = (outcomes: string): string =>
    count(
      q,
      q.events(["circuit.probe"], { outcome: "outcome" }, `outcome =~ "${outcomes}"`),
      "10m",
    );
  return {
    alert: "CircuitBreakerProbesStuck",
    when: "probes ended, and none of 10 minutes succeeded or failed",
    expr: lines(
      `${ended("ignored|cancelled|unreached|late|expired")} > 0`,
      `unless ${ended("success|error|latency")} > 0`,
    ),
    for: "5m",
    keepFiringFor: "0s",
    severity: "warning",
    summary: `No probe of circuit breaker {{ $labels.${BREAKER} }} comes to a verdict (${q.serviceText})`,
    description:
      "{{ $value }} probes in 10 minutes expired, were cancelled or never reached the dependency, and none succeeded or failed, so it can neither close nor open.",
  };
}

function recoveryRegression(q: LogQl, thresholds: Thresholds): AlertingRule {
  const recovered = (fields: Readonly<Record<string, string>>): string =>
    q.events(["circuit.close"], { reason: "reason", ...fields }, 'reason =~ "probe|peer"');
  const mean = (range: string): string => {
    const sum = `sum_over_time(${recovered({ mttrMs: "mttrMs" })} | unwrap mttrMs [${range}])`;
    const number = `count_over_time(${recovered({})} [${range}])`;
    const least = thresholds["recovery-incidents"];
    return lines(
      `  sum by (${q.breaker}) (${sum})`,
      `  / (sum by (${q.breaker}) (${number}) >= ${least})`,
    );
  };
  return {
    alert: "CircuitBreakerRecoveryRegression",
    when: `the mean recovery of a day took over ${thresholds["recovery-factor"]} times that of seven days`,
    expr: lines("(", mean("1d"), `) > ${thresholds["recovery-factor"]} * (`, mean("7d"), ")"),
    ...AT_ONCE,
    severity: "info",
    summary: `Circuit breaker {{ $labels.${BREAKER} }} takes longer to recover (${q.serviceText})`,
    description: `Its recoveries of the last day took {{ $value }} ms on average, more than ${thresholds["recovery-factor"]} times the mean of the last seven. Means of few incidents say little: a hint, not a verdict.`,
  };
}

function eventsDropped(q: LogQl): AlertingRule {
  const failed = q.events(["bus.listener_failed", "bus.dropped"], { sink: "sink", lost: "count" });
  return {
    alert: "CircuitBreakerEventsDropped",
    when: "a sink other than the log failed to take events within 10 minutes",
    expr: `sum by (${q.service}, sink) (sum_over_time(${failed} | unwrap lost [10m])) > 0`,
    ...AT_ONCE,
    severity: "warning",
    summary: `Circuit breaker events get lost in sink {{ $labels.sink }} (${q.serviceText})`,
    description:
      "The sink failed to take {{ $value }} events in 10 minutes: what is made of them, such as metrics and incident reports, is incomplete.",
  };
}
