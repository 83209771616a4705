import { BREAKER_LABEL, METRICS, type MetricName } from "../../events/metrics.ts";
import { type Matcher, writtenMatcher } from "./matcher.ts";

type HistogramName = {
  [N in MetricName]: (typeof METRICS)[N]["type"] extends "histogram" ? N : never;
}[MetricName];

/** A series as it is scraped. No `_bucket`: rules that match an `le` break where its spelling does. */
type SeriesName = Exclude<MetricName, HistogramName> | `${HistogramName}_${"sum" | "count"}`;

/** Which series the rules look at, and which labels tell services and instances apart. */
export interface Scope {
  readonly matchers: readonly Matcher[];
  /** The labels of a service, such as `job`. */
  readonly groupBy: readonly string[];
  /** The label of one instance of it, such as `instance`. */
  readonly instanceLabel: string;
}

/** The parts of PromQL that depend on where the metrics are kept. */
export class PromQl {
  /** The labels of a service. Lists are for `by`: `without` would keep labels that change with every upgrade. */
  readonly service: string;
  /** The labels of one breaker of a service, all instances together. */
  readonly breaker: string;
  /** The labels of one breaker in one instance. */
  readonly instance: string;
  /** The labels of one instance of a service. */
  readonly process: string;
  /** The name of the breaker of an alert: a template of Prometheus. */
  readonly breakerName = `{{ $labels.${BREAKER_LABEL.prometheus} }}`;
  /** The service of an alert, in words: a template of Prometheus. */
  readonly serviceText: string;
  readonly #scope: Scope;

  constructor(scope: Scope) {
    this.#scope = scope;
    const { groupBy, instanceLabel } = scope;
    const name = BREAKER_LABEL.prometheus;
    this.serviceText = groupBy.map((label) => `${label} {{ $labels.${label} }}`).join(", ");
    this.service = groupBy.join(", ");
    this.breaker = [...groupBy, name].join(", ");
    this.process = [...groupBy, instanceLabel].join(", ");
    this.instance = [...groupBy, instanceLabel, name].join(", ");
  }

  /** The series of a metric that are in scope, narrowed by further matchers. */
  series(name: SeriesName, ...narrowed: readonly string[]): string {
    const given = this.#scope.matchers
      .filter(({ label }) => label !== BREAKER_LABEL.prometheus || isPerBreaker(name))
      .map(writtenMatcher);
    const all = [...given, ...narrowed];
    return all.length === 0 ? name : `${name}{${all.join(",")}}`;
  }

  /** ` of 3`: what a recording has for the breaker of an alert, as a template of Prometheus. */
  ofRecorded(record: string): string {
    const labels = [...this.#scope.groupBy, BREAKER_LABEL.prometheus];
    const matchers = labels.map((label) => `${label}=%q`).join(",");
    const values = labels.map((label) => `$labels.${label}`).join(" ");
    return `{{ with printf "${record}{${matchers}}" ${values} | query }} of {{ . | first | value }}{{ end }}`;
  }
}

function isPerBreaker(series: SeriesName): boolean {
  // Without the ending of a histogram's series it is a name of the catalogue.
  const name = series.replace(/_seconds_(?:sum|count)$/, "_seconds") as MetricName;
  return METRICS[name].perBreaker;
}
