import type { HrTime } from "@opentelemetry/api";
import { instrumentName, METRICS } from "../events/metrics.ts";
import type { HistogramName } from "./breaker-group.ts";
import type { HistogramSet } from "./histogram-set.ts";
import type { Labels } from "./metric-reading.ts";

/**
 * Hands the histograms of breakers to a metric reader of the OpenTelemetry SDK when it collects. The API can only push
 * a histogram, which costs more than all else that the breaker does for a call, and cannot show an empty one; pulled, a
 * call costs its two readings of the clock, and every series exists from the start. It fits the option
 * `metricProducers` of readers of sdk-metrics 2 and 3. The numbers are cumulative, whatever temporality the reader
 * prefers for its own.
 */
export interface HistogramProducer {
  /** What a reader calls. */
  collect(): Promise<ProducedMetrics>;
}

/** What a reader takes from a producer. */
interface ProducedMetrics {
  readonly resourceMetrics: {
    readonly resource: EmptyResource;
    readonly scopeMetrics: ProducedScope[];
  };
  readonly errors: unknown[];
}

/** Readers use the resource of their own provider. */
interface EmptyResource {
  readonly attributes: Readonly<Record<string, never>>;
  merge<R>(other: R | null): R | EmptyResource;
  getRawAttributes(): [];
}

/** The histograms of the instrumentation scope `telltale`. */
interface ProducedScope {
  readonly scope: { readonly name: string; readonly version: string };
  readonly metrics: ProducedHistogram[];
}

/** One histogram, in the form of the SDK. */
interface ProducedHistogram {
  readonly descriptor: {
    readonly name: string;
    readonly description: string;
    readonly unit: string;
    /** DOUBLE. */
    readonly valueType: 1;
  };
  /** CUMULATIVE. */
  readonly aggregationTemporality: 1;
  /** HISTOGRAM. */
  readonly dataPointType: 0;
  readonly dataPoints: ProducedPoint[];
}

/** One series of a histogram. */
interface ProducedPoint {
  readonly startTime: HrTime;
  readonly endTime: HrTime;
  readonly attributes: Record<string, string>;
  readonly value: {
    readonly buckets: { readonly boundaries: number[]; readonly counts: number[] };
    readonly count: number;
    readonly sum: number;
  };
}

/** The histograms of one meter. */
export interface HistogramSource {
  readonly sets: ReadonlyMap<HistogramName, HistogramSet>;
  /** The breakers that a histogram has series of. */
  labelsOf(metric: HistogramName): Iterable<Labels>;
}

const RESOURCE: EmptyResource = Object.freeze({
  attributes: Object.freeze({}),
  merge: <R>(other: R | null) => other ?? RESOURCE,
  getRawAttributes: (): [] => [],
});

/** What a reader calls, and what meters add their histograms to. */
export class PulledHistograms implements HistogramProducer {
  readonly #version: string;
  readonly #sources = new Set<HistogramSource>();

  constructor(version: string) {
    this.#version = version;
  }

  add(source: HistogramSource): void {
    this.#sources.add(source);
  }

  remove(source: HistogramSource): void {
    this.#sources.delete(source);
  }

  async collect(): Promise<ProducedMetrics> {
    const endTime = hrTime(Date.now());
    const metrics = HISTOGRAMS.map((metric): ProducedHistogram => {
      const dataPoints = [...this.#sources].flatMap((source) => points(source, metric, endTime));
      return { ...described(metric), dataPoints };
    }).filter(({ dataPoints }) => dataPoints.length > 0);
    const scope = { name: "telltale", version: this.#version };
    const scopeMetrics = metrics.length === 0 ? [] : [{ scope, metrics }];
    return { resourceMetrics: { resource: RESOURCE, scopeMetrics }, errors: [] };
  }
}

const HISTOGRAMS: readonly HistogramName[] = [
  "circuit_breaker_recovery_duration_seconds",
  "circuit_breaker_call_duration_seconds",
];

function described(metric: HistogramName): Omit<ProducedHistogram, "dataPoints"> {
  const { help: description, unit } = METRICS[metric];
  return {
    descriptor: { name: instrumentName(metric), description, unit, valueType: 1 },
    aggregationTemporality: 1,
    dataPointType: 0,
  };
}

/** The series of one histogram: one for each breaker and each legal combination of the further labels. */
function points(
  { sets, labelsOf: labelsOfBreakers }: HistogramSource,
  metric: HistogramName,
  endTime: HrTime,
): ProducedPoint[] {
  const set = sets.get(metric);
  if (set === undefined) return [];
  return [...labelsOfBreakers(metric)].flatMap((labels) =>
    set.distributions(labels).map(({ words, counts, sum, sinceAtMs }) => ({
      startTime: hrTime(sinceAtMs),
      endTime,
      attributes: { ...labels, ...words },
      value: {
        buckets: { boundaries: [...METRICS[metric].buckets], counts: [...counts] },
        count: counts.reduce((total, count) => total + count, 0),
        sum,
      },
    })),
  );
}

/** Seconds and nanoseconds. */
const hrTime = (atMs: number): HrTime => [Math.floor(atMs / 1000), Math.floor((atMs % 1000) * 1e6)];
