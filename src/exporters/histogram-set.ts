import type { Labels } from "./metric-reading.ts";

/** One number of a series, in the shape that prom-client takes. */
export interface HistogramValue {
  readonly labels: Labels;
  readonly value: number;
  readonly metricName: string;
}

/** The series of one histogram, as Prometheus has them. */
export class HistogramSet {
  readonly #name: string;
  readonly #bounds: readonly number[];
  readonly #series = new Map<string, Series>();

  constructor(name: string, bounds: readonly number[]) {
    this.#name = name;
    this.#bounds = bounds;
  }

  observe(labels: Labels, value: number): void {
    this.#of(labels).observe(value);
  }

  /** The numbers of one series; zeros before the first observation. */
  values(labels: Labels): HistogramValue[] {
    const { sum, counts } = this.#of(labels);
    const metricName = `${this.#name}_bucket`;
    let total = 0;
    const buckets = counts.map((count, at): HistogramValue => {
      total += count;
      const bound = this.#bounds[at];
      const le = bound === undefined ? "+Inf" : String(bound);
      return { labels: { ...labels, le }, value: total, metricName };
    });
    buckets.push({ labels, value: sum, metricName: `${this.#name}_sum` });
    buckets.push({ labels, value: total, metricName: `${this.#name}_count` });
    return buckets;
  }

  #of(labels: Labels): Series {
    const key = JSON.stringify(labels);
    let series = this.#series.get(key);
    if (series === undefined) {
      series = new Series(this.#bounds);
      this.#series.set(key, series);
    }
    return series;
  }
}

/** One series: how many observations fell into each bucket and no smaller one; the last has no upper bound. */
class Series {
  readonly #bounds: readonly number[];
  readonly counts: number[];
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.counts = [...bounds, Number.POSITIVE_INFINITY].map(() => 0);
  }

  observe(value: number): void {
    const found = this.#bounds.findIndex((bound) => value <= bound);
    const at = found < 0 ? this.#bounds.length : found;
    this.counts[at] = (this.counts[at] ?? 0) + 1;
    this.sum += value;
  }
}
