import { MEASURED_METRICS } from "./measured-metrics.ts";
import type { MetricDefinition, MetricFamily } from "./metric-definition.ts";
import {
  COUNTED_AS,
  FAILURE_REASONS,
  PROBE_OUTCOMES,
  SKIP_REASONS,
  STATES,
  TRANSITIONS,
} from "./vocabulary.ts";

const define = <const M extends MetricDefinition>(definition: M) => definition;

/** The label that names the breaker, in the spelling of each pipeline. */
export const BREAKER_LABEL = {
  prometheus: "circuit_breaker_name",
  opentelemetry: "circuit_breaker.name",
} as const;

/** The label value that breakers share whose name came after the budget of names was used up. */
export const OTHER = "__other__";

/** The sinks that can lose events and are known before one did; a listener may name itself otherwise. */
export const SINKS = [
  "listener",
  "bus",
  "stream",
  "pino",
  "prometheus",
  "opentelemetry",
  "diagnostics-channel",
  "ndjson",
  "cloudevents",
  "sse",
] as const;

const each = (words: readonly string[]): readonly (readonly string[])[] =>
  words.map((word) => [word]);
/** No further label: one series. */
const ONE: readonly (readonly string[])[] = [[]];

/** From half a second, the shortest cooldown that makes sense, to six hours. */
const RECOVERY_SECONDS = [0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600];
const CALL_SECONDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];

/**
 * Every metric of telltale by its Prometheus name: what it means, its labels and units, written here and nowhere else.
 * Both exporters and the docs are made from it. The name in OpenTelemetry follows from it: {@link instrumentName}.
 */
export const METRICS = {
  circuit_breaker_calls_total: define({
    type: "counter",
    unit: "{call}",
    help: "Finished calls by what they counted as",
    perBreaker: true,
    labels: ["outcome"],
    values: each(COUNTED_AS),
    combine: "sum",
  }),
  circuit_breaker_skips_total: define({
    type: "counter",
    unit: "{call}",
    help: "Calls refused without running, by reason",
    perBreaker: true,
    labels: ["reason"],
    values: each(SKIP_REASONS),
    combine: "sum",
  }),
  circuit_breaker_trips_total: define({
    type: "counter",
    unit: "{trip}",
    help: "Opens because calls failed (error) or were slow (latency), failed probes included",
    perBreaker: true,
    labels: ["reason"],
    values: each(FAILURE_REASONS),
    combine: "sum",
  }),
  circuit_breaker_transitions_total: define({
    type: "counter",
    unit: "{transition}",
    help: "Committed state changes",
    perBreaker: true,
    labels: ["from", "to"],
    values: TRANSITIONS,
    combine: "sum",
  }),
  circuit_breaker_probes_total: define({
    type: "counter",
    unit: "{call}",
    help: "Ended probes by what they counted as, or expired when their lease ended first",
    perBreaker: true,
    labels: ["outcome"],
    values: each(PROBE_OUTCOMES),
    combine: "sum",
  }),
  circuit_breaker_open_seconds_total: define({
    type: "counter",
    unit: "s",
    help: "Time spent open or forced open; grows while it lasts",
    perBreaker: true,
    labels: [],
    values: ONE,
    combine: "sum",
  }),
  circuit_breaker_state: define({
    type: "gauge",
    unit: "",
    help: "1 for the present state, 0 for the others",
    perBreaker: true,
    labels: ["state"],
    values: each(STATES),
    combine: "sum",
  }),
  circuit_breaker_trip_progress_ratio: define({
    type: "gauge",
    unit: "1",
    help: "How near the trip is; 1 unless closed",
    perBreaker: true,
    labels: [],
    values: ONE,
    combine: "largest",
  }),
  circuit_breaker_traffic_share_ratio: define({
    type: "gauge",
    unit: "1",
    help: "Share of calls that pass",
    perBreaker: true,
    labels: [],
    values: ONE,
    combine: "smallest",
  }),
  circuit_breaker_consecutive_failures: define({
    type: "gauge",
    unit: "{call}",
    help: "Failures in a row; survives the trip, 0 after a close",
    perBreaker: true,
    labels: [],
    values: ONE,
    combine: "largest",
  }),
  circuit_breaker_failure_threshold: define({
    type: "gauge",
    unit: "{call}",
    help: "Consecutive failures that trip; 0 when no rule counts them",
    perBreaker: true,
    labels: [],
    values: ONE,
    combine: "largest",
  }),
  circuit_breaker_probes_in_flight: define({
    type: "gauge",
    unit: "{call}",
    help: "Probes under way whose lease has not ended",
    perBreaker: true,
    labels: [],
    values: ONE,
    combine: "sum",
  }),
  circuit_breaker_opened_timestamp_seconds: define({
    type: "gauge",
    unit: "s",
    help: "When the present incident began, in Unix time; 0 when there is none",
    perBreaker: true,
    labels: [],
    values: ONE,
    combine: "earliest",
  }),
  circuit_breaker_recovery_duration_seconds: define({
    type: "histogram",
    unit: "s",
    help: "Length of incidents begun by a trip or a peer and ended by a probe or a peer",
    perBreaker: true,
    labels: [],
    values: ONE,
    combine: "sum",
    buckets: RECOVERY_SECONDS,
  }),
  circuit_breaker_call_duration_seconds: define({
    type: "histogram",
    unit: "s",
    help: "Length of calls that counted as success, error or latency",
    perBreaker: true,
    labels: ["outcome"],
    values: each(["success", ...FAILURE_REASONS]),
    combine: "sum",
    buckets: CALL_SECONDS,
    optIn: true,
  }),
  circuit_breaker_events_dropped_total: define({
    type: "counter",
    unit: "{event}",
    help: "Events that a sink failed to take",
    perBreaker: false,
    labels: ["sink"],
    values: each(SINKS),
    combine: "sum",
  }),
  circuit_breaker_series_overflow_total: define({
    type: "counter",
    unit: "{series}",
    help: "Breakers that share the name __other__ because the budget of names was used up",
    perBreaker: false,
    labels: [],
    values: ONE,
    combine: "sum",
  }),
  ...MEASURED_METRICS,
} as const satisfies Record<string, MetricDefinition>;

/** The Prometheus name of a metric. */
export type MetricName = keyof typeof METRICS;

/** The name of every metric, in the order of the catalogue. */
// The keys of METRICS are MetricName by definition.
export const METRIC_NAMES = Object.keys(METRICS) as readonly MetricName[];

/** The name of a metric that is read of something that is no breaker. */
export type MeasuredName = keyof typeof MEASURED_METRICS;

const isMeasured = (name: MetricName): name is MeasuredName =>
  Object.hasOwn(MEASURED_METRICS, name);

/** The metrics that a breaker, or the exporter itself, gives. */
export const BREAKER_METRIC_NAMES = METRIC_NAMES.filter(
  (name): name is Exclude<MetricName, MeasuredName> => !isMeasured(name),
);

/** The metrics of one family of sources. */
export const measuredNames = (family: MetricFamily): readonly MeasuredName[] =>
  METRIC_NAMES.filter(isMeasured).filter((name) => METRICS[name].of === family);

/**
 * The name of a metric's OpenTelemetry instrument: `circuit_breaker_calls_total` is `circuit_breaker.calls`.
 * Translators to Prometheus add `_total` again.
 */
export function instrumentName(name: MetricName): string {
  return name.replace(/^(circuit_breaker|telltale)_/, "$1.").replace(/_total$/, "");
}
