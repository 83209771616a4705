import {
  instrumentName,
  METRIC_NAMES,
  METRICS,
  type MetricDefinition,
} from "../../src/events/metrics.ts";
import { TRANSITIONS } from "../../src/events/vocabulary.ts";

/** docs/metrics.md, made from the catalogue of metrics. */
export function metricsPage(): string {
  const rows = METRIC_NAMES.map((name) => {
    const metric: MetricDefinition = METRICS[name];
    const labels = metric.labels.map((label) => `\`${label}\``).join(", ");
    const unit = metric.unit === "" ? "" : `\`${metric.unit}\``;
    const type = metric.optIn ? `${metric.type}, opt-in` : metric.type;
    return `| \`${name}\` | \`${instrumentName(name)}\` | ${type} | ${unit} | ${labels} | ${metric.help} |`;
  });
  const values = METRIC_NAMES.flatMap((name) => {
    const { labels, values }: MetricDefinition = METRICS[name];
    if (labels.length !== 1) return [];
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
    "Breaker names may come from users, so they are bounded: the first 150 that an exporter sees get series of their",
    "own, further ones share the label value `__other__`: counters are summed, states counted, progress is the largest,",
    "the opened time the earliest. The option `nameBudget` raises the bound. The OpenTelemetry SDK drops what exceeds its",
    "own limit of 2 000 attribute sets per instrument (`aggregationCardinalityLimit` of a view); 13 transitions a breaker",
    "make 150 names 1 950 sets, so raise both together.",
    "",
    "Of a registry, breakers are added as they come. With one that goes its series go from prom-client, while the",
    "OpenTelemetry SDK goes on with 0 for its gauges and the last value of its counters. A name keeps its place in the",
    "budget, and what `__other__` has counted stays.",
    "",
    "Instruments that end in `_seconds` keep the unit in their name although OpenTelemetry's conventions leave it out:",
    "so the two pipelines give the same series.",
    "",
    "| Prometheus | OpenTelemetry instrument | type | unit | further labels | meaning |",
    "|---|---|---|---|---|---|",
    ...rows,
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
  ].join("\n")}\n`;
}
