import { METRICS } from "../events/metrics.ts";
import type { HistogramName, Sample } from "./breaker-group.ts";
import { type Labels, labelsOf } from "./metric-reading.ts";

/** One number of a histogram, in the shape that prom-client takes. */
export interface HistogramSample extends Sample {
  /** The name of the series, which differs from the metric's. */
  readonly metricName: string;
}

/** How many observations fell into each bucket and no smaller one; the last has no upper bound. */
interface Distribution {
  /** The further labels of its series. */
  readonly words: Labels;
  readonly counts: readonly number[];
  readonly sum: number;
  /** Epoch milliseconds: when it began to count. */
  readonly sinceAtMs: number;
}

/** The series of one histogram, for every breaker and every value of the metric's further labels. */
export class HistogramSet {
  readonly #metric: HistogramName;
  readonly #bounds: readonly number[];
  /** The series of a breaker, in the order of the metric's values. */
  readonly #series = new Map<Labels, readonly Series[]>();
  /** For each of those, the labels that prom-client gives to each bucket and to the sum. */
  readonly #shared: readonly SharedLabels[];

  constructor(metric: HistogramName) {
    const { buckets, values } = METRICS[metric];
    this.#metric = metric;
    this.#bounds = buckets;
    this.#shared = values.map((words) => sharedLabels(labelsOf(metric, words), buckets));
  }

  /** What takes the observations of one series. */
  observer(labels: Labels, words: readonly string[]): (value: number) => void {
    const series = this.#of(labels)[this.#indexOf(words)];
    if (series === undefined) {
      throw new RangeError(`Cannot observe ${this.#metric}: it has no series ${words.join()}`);
    }
    return (value) => series.observe(value);
  }

  /** The labels of the bucket that counts a value in a series; undefined when there is no such series. */
  bucketLabels(words: readonly string[], value: number): Labels | undefined {
    return this.#shared[this.#indexOf(words)]?.buckets[bucketOf(this.#bounds, value)];
  }

  /** The distributions of one breaker, one for each series; zeros before the first observation. */
  distributions(labels: Labels): Distribution[] {
    return this.#of(labels).map(({ counts, sum, sinceAtMs }, n) => ({
      words: this.#shared[n]?.own ?? {},
      ...{ counts, sum, sinceAtMs },
    }));
  }

  /** The numbers of one breaker's series, as Prometheus has them. */
  samples(labels: Labels): HistogramSample[] {
    const metric = this.#metric;
    const samples: HistogramSample[] = [];
    for (const [n, { counts, sum }] of this.#of(labels).entries()) {
      const shared = this.#shared[n];
      if (shared === undefined) continue;
      let value = 0;
      for (const [at, count] of counts.entries()) {
        value += count;
        const bucket = shared.buckets[at] ?? shared.own;
        samples.push({ labels, sharedLabels: bucket, value, metricName: `${metric}_bucket` });
      }
      const { own: sharedLabels } = shared;
      samples.push({ labels, sharedLabels, value: sum, metricName: `${metric}_sum` });
      samples.push({ labels, sharedLabels, value, metricName: `${metric}_count` });
    }
    return samples;
  }

  #indexOf(words: readonly string[]): number {
    const { values }: { readonly values: readonly (readonly string[])[] } = METRICS[this.#metric];
    return values.findIndex((legal) => legal.join() === words.join());
  }

  #of(labels: Labels): readonly Series[] {
    let series = this.#series.get(labels);
    if (series === undefined) {
      series = METRICS[this.#metric].values.map(() => new Series(this.#bounds));
      this.#series.set(labels, series);
    }
    return series;
  }
}

/** The further labels of one series of a histogram: made once, since they are the same for every breaker. */
interface SharedLabels {
  /** Of its sum and its count. */
  readonly own: Labels;
  /** Of each bucket. */
  readonly buckets: readonly Labels[];
}

function sharedLabels(own: Labels, bounds: readonly number[]): SharedLabels {
  const buckets = [...bounds.map(String), "+Inf"].map((le) => Object.freeze({ ...own, le }));
  return { own, buckets };
}

/** Where a value is counted: the first bucket whose bound it does not exceed, else the one after the last. */
function bucketOf(bounds: readonly number[], value: number): number {
  let at = 0;
  while (at < bounds.length && value > (bounds[at] ?? 0)) at++;
  return at;
}

class Series {
  readonly #bounds: readonly number[];
  readonly counts: number[];
  readonly sinceAtMs = Date.now();
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.counts = [...bounds, Number.POSITIVE_INFINITY].map(() => 0);
  }

  observe(value: number): void {
    const at = bucketOf(this.#bounds, value);
    this.counts[at] = (this.counts[at] ?? 0) + 1;
    this.sum += value;
  }
}
