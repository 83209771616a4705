import type { MetricDefinition, MetricFamily } from "../../src/events/metric-definition.ts";
import {
  BREAKER_METRIC_NAMES,
  instrumentName,
  METRIC_NAMES,
  METRICS,
  type MetricName,
  measuredNames,
} from "../../src/events/metrics.ts";
import { TRANSITIONS } from "../../src/events/vocabulary.ts";

/** docs/metrics.md, made from the catalogue of metrics. */
export function metricsPage(): string {
  const values = METRIC_NAMES.flatMap((name) => {
    const { labels, values }: MetricDefinition = METRICS[name];
    if (labels.length !== 1 || values.length === 0) return [];
    return `| \`${name}\` | \`${labels.join()}\` | ${values.map((value) => `\`${value.join()}\``).join(", ")} |`;
  });
  const buckets = METRIC_NAMES.flatMap((name) => {
    const { buckets }: MetricDefinition = METRICS[name];
    return buckets === undefined ? [] : `| \`${name}\` | ${buckets.join(", ")} |`;
  });
  return `${[
    "# Metrics",
    "",
    "Made from the catalogue in `src/events/metrics.ts` by `npm run docs`; do not edit.",
    "",
    "The names are the same from `telltale/prometheus` and `telltale/opentelemetry`. Every metric of a breaker carries",
    "`circuit_breaker_name` (attribute `circuit_breaker.name`). Counters and gauges are read from the breakers when",
    "scraped and cost nothing per call; every series of every legal label value exists at zero from the start.",
    "",
    "Instruments that end in `_seconds` keep the unit in their name although OpenTelemetry's conventions leave it out:",
    "so the two pipelines give the same series.",
    "",
    ...table(BREAKER_METRIC_NAMES, "further labels"),
    "",
    ...MEASURED,
    "",
    "## Label values",
    "",
    "| metric | label | values |",
    "|---|---|---|",
    ...values,
    "",
    "`circuit_breaker_transitions_total` has the pairs that can happen as `from` and `to`:",
    `${TRANSITIONS.map(([from, to]) => `\`${from}\` to \`${to}\``).join(", ")}.`,
    "",
    "## Buckets, in seconds",
    "",
    "| metric | upper bounds |",
    "|---|---|",
    ...buckets,
    "",
    ...ABOUT,
  ].join("\n")}\n`;
}

function table(names: readonly MetricName[], labels: string): string[] {
  return [
    `| Prometheus | OpenTelemetry instrument | type | unit | ${labels} | meaning |`,
    "|---|---|---|---|---|---|",
    ...names.map(row),
  ];
}

function row(name: MetricName): string {
  const metric: MetricDefinition = METRICS[name];
  const labels = metric.labels.map((label) => `\`${label}\``).join(", ");
  const unit = metric.unit === "" ? "" : `\`${metric.unit}\``;
  const type = metric.optIn ? `${metric.type}, opt-in` : metric.type;
  return `| \`${name}\` | \`${instrumentName(name)}\` | ${type} | ${unit} | ${labels} | ${metric.help} |`;
}

const FAMILIES: Readonly<Record<MetricFamily, string>> = {
  quota: "Of an `ExhaustionRegistry`:",
  ledger: "Of a `CreditLedger`:",
  cluster: "Of what `joinCluster` returns, in each task:",
  state: "Of what `persist` returns:",
  owner: "Of what `connectOwner` returns, in each isolate:",
};

/** The metrics of what is no breaker. */
const MEASURED = [
  "## Quota, money, cluster, stores, owners",
  "",
  "What is no breaker is a source as well, by the same functions: `exportToPrometheus(ledger, register)`,",
  "`exportToOpenTelemetry(cluster)`. It is read when scraped. Several of a kind in one registry make one number each:",
  "counters are summed, of the others the worst is shown. Names of providers, models and budgets are bounded as those of",
  "breakers are (`nameBudget`, 150 for each source and metric; 150 owners in all); a provider that was marked stays at 0.",
  "Models of the price table have their counters at zero from the start.",
  "",
  "The counters of stores and owners are kept whether anybody listens to the events or not. What happens while a process",
  "starts, before its first scrape, shows in no `increase`: so a row that is rejected then, and a spend that is lost, also",
  "set a moment. `breaker.restore` and `registry.restore`, called by hand, throw and are not counted. The object that owns",
  "a provider exports no metrics: what it does (`circuit.*`, `owner.store_failed`, its own `state.rejected`) is in its log.",
  ...Object.entries(FAMILIES).flatMap(([family, title]) => [
    "",
    title,
    "",
    // The keys of FAMILIES are families by its type.
    ...table(measuredNames(family as MetricFamily), "labels"),
  ]),
];

/** What the catalogue does not say. */
const ABOUT = [
  "## How many names",
  "",
  "Breaker names may come from users, so they are bounded: the first 150 that an exporter ever sees get series of their",
  "own, further ones share the label value `__other__`: counters are summed, states counted, progress is the largest,",
  "the opened time the earliest that is not 0. `circuit_breaker_series_overflow_total` counts the breakers that share.",
  "",
  "The option `nameBudget` raises the bound, one number for each registry or meter. The OpenTelemetry SDK has a limit of",
  "its own: beyond 2 000 attribute sets of one instrument it keeps no totals of an observable counter. 13 state changes a",
  "breaker make 150 names 1 950 sets, so raise both together, the SDK's to 13 for each name and for `__other__`, and one",
  "more for its own overflow:",
  "",
  "```ts",
  "new PeriodicExportingMetricReader({ exporter, cardinalitySelector: () => 13 * 1_001 + 1 });",
  "exportToOpenTelemetry(breakers, { meterProvider, nameBudget: 1_000 });",
  "```",
  "",
  "A Prometheus registry has no such limit: a breaker prints 66 lines, and 54 more with the lengths of calls.",
  "",
  "## Attributes as labels",
  "",
  "`attributes` of a breaker are on its events. On metrics they are only when the exporter's option `attributes` names",
  'them: `exportToPrometheus(breakers, registry, { attributes: ["team"] })`. Both pipelines use the name as it is, so it',
  "must be a legal label of Prometheus and none of the labels above. A breaker without the attribute has the empty label.",
  "With attributes a name counts against the budget once for each combination of their values.",
  "",
  "## Lengths of calls",
  "",
  "`callDurations: true` adds `circuit_breaker_call_duration_seconds`. Each call is then timed, which costs two readings of",
  "the clock. OpenTelemetry's API can only push a histogram, which costs more than all else that the breaker does for a",
  "call and shows no series before the first observation. Give the reader a producer instead, and both histograms are",
  "pulled as everything else is, at zero from the start:",
  "",
  "```ts",
  "const histograms = createHistogramProducer();",
  "const reader = new PeriodicExportingMetricReader({ exporter, metricProducers: [histograms] });",
  "const meterProvider = new MeterProvider({ readers: [reader] });",
  "exportToOpenTelemetry(breakers, { meterProvider, histograms, callDurations: true });",
  "```",
  "",
  "What is pulled is cumulative, whatever temporality the reader prefers; views do not apply to it. A pushed duration is",
  "recorded in the context of its call, so that an SDK with exemplars keeps the trace.",
  "",
  "## Clusters",
  "",
  "When prom-client adds up the workers of a cluster, counters, states, probes and histograms are summed. The other gauges",
  "take the worst of the workers: progress, failures in a row and the threshold the largest, the traffic share the",
  "smallest. `circuit_breaker_opened_timestamp_seconds` takes the latest, since prom-client knows no smallest that leaves",
  "out zeros; a sum of moments would be none. Exemplars do not survive the adding up.",
  "",
  "## Exemplars",
  "",
  "A registry in OpenMetrics mode shows one call for each number of failed and refused calls, and for the buckets of failed",
  "calls: the first after each scrape. The option `exemplars` says where its labels come from: `trace` of",
  "`@opentelemetry/api`, which gives `trace_id` and `span_id` of the active span when it is sampled, or a function of your",
  "own that returns labels of at most 128 characters in all, or undefined. Failures are then listened to, so calls are",
  "timed; without the option nothing is. A registry may print both formats in turn.",
  "",
  "## Span events and log records",
  "",
  "`exportToOpenTelemetry` may also write to the active span and to the Logs API; both are off by default. The names of the",
  "catalogue stay: a span event or log record is called `circuit.skip`. Its attributes are the event's fields:",
  "",
  "| field of the event | attribute |",
  "|---|---|",
  "| `breaker` | `circuit_breaker.name` |",
  "| `state` | `circuit_breaker.state` |",
  "| `skipsSinceOpened`, and any other field of a breaker's event | `circuit_breaker.skips_since_opened`, in this way |",
  "| `failuresByReason.error`, `context.tenant` and the like | `circuit_breaker.failures_by_reason.error`, `circuit_breaker.context.tenant` |",
  "| `instance` | `service.instance.id` |",
  "| `error` | `error.type` (its code, else its name), `exception.type`, `exception.message` |",
  "| a field of another family, such as `sink` of `bus.listener_failed` | `telltale.bus.sink` |",
  "",
  "A field that is null is left out. The semantic conventions have no names for circuit breakers yet; those that exist are",
  "used. Severities become the numbers of the log data model: trace 1, debug 5, info 9, warn 13, error 17. Log records are",
  "numbered and sampled as the lines of pino are: `circuit_breaker.prev_seq`, `circuit_breaker.suppressed`; those of",
  "policies have `telltale.retry.suppressed` and the like.",
];
