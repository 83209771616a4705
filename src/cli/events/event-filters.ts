import type { EventMetric } from "../../events/event-definition.ts";
import type { Fields } from "../../events/field.ts";
import type { MetricDefinition } from "../../events/metric-definition.ts";
import { BREAKER_LABEL, METRICS, type MetricName } from "../../events/metrics.ts";

/** How an event is found where it ends up. */
export interface EventFilters {
  /** Its lines in a file of log lines; lines of something else may lie between them. */
  readonly jq: string;
  /** Its lines in Loki. */
  readonly logql: string;
  /** How often in 5 minutes, by each counter that it moves. */
  readonly promql: readonly string[];
}

export function filtersOf(
  type: string,
  fields: Fields,
  metrics: readonly EventMetric[],
): EventFilters {
  return {
    jq: `jq -cR 'fromjson? | objects | select(.type == "${type}")' app.log`,
    logql: `{app="api"} |= "${type}" | json | type="${type}"`,
    promql: metrics.map((metric) => promqlOf(metric, fields)),
  };
}

function promqlOf(moved: EventMetric, fields: Fields): string {
  // The catalogue of events names metrics of the other catalogue: a test reads them all.
  const metric: MetricDefinition = METRICS[moved.metric as MetricName];
  const matchers = Object.keys(moved.labels).flatMap((label) => {
    const legal = metric.values.map((values) => values[metric.labels.indexOf(label)] ?? "");
    return matcher(label, wordsOf(label, moved, fields), new Set(legal));
  });
  const series = `${moved.metric}${matchers.length === 0 ? "" : `{${matchers.join(",")}}`}`;
  const by = metric.perBreaker ? BREAKER_LABEL.prometheus : metric.labels.join(", ");
  return `sum by (${by}) (increase(${series}[5m])) > 0`;
}

/** The values that a label can have by this event; null when that is not known beforehand. */
function wordsOf(
  label: string,
  { labels, only }: EventMetric,
  fields: Fields,
): readonly string[] | null {
  const from = labels[label];
  if (from === undefined) return null;
  if (typeof from !== "string") return [from.value];
  if (only?.field === from) return only.words;
  const shape = fields[from]?.shape;
  return shape?.kind === "word" ? shape.words.map(String) : null;
}

/** Narrows a label to the words of the event, unless these are all that it can have. */
function matcher(
  label: string,
  words: readonly string[] | null,
  legal: ReadonlySet<string>,
): string[] {
  if (words === null || [...legal].every((value) => words.includes(value))) return [];
  const [only, ...others] = words;
  return others.length === 0 ? [`${label}="${only}"`] : [`${label}=~"${words.join("|")}"`];
}
