import type { MetricFamily } from "./metric-definition.ts";
import type { MeasuredName } from "./metrics.ts";

/** One number of something that is no breaker, at one moment. */
export interface Measurement {
  readonly metric: MeasuredName;
  /** The values of the metric's labels, in their order. */
  readonly words: readonly string[];
  /** NaN where it is not known. */
  readonly value: number;
}

/** The number of one series, named by the values of its labels. */
export const measured = (
  metric: MeasuredName,
  value: number,
  ...words: readonly string[]
): Measurement => ({ metric, words, value });

/** What exporters of metrics read of something that is no breaker: when they are scraped, and at no other time. */
export interface Measures {
  readonly family: MetricFamily;
  /** The present numbers. A series of a gauge that is not among them any more is shown as 0. */
  read(): readonly Measurement[];
}

/** Where a source keeps its {@link Measures}; the same in every copy of telltale. */
export const MEASURES: unique symbol = Symbol.for("telltale.measures");

/** Something beside breakers that has metrics: marks of quota, a ledger, a cluster, a store, an owner. */
export interface MeasuredSource {
  readonly [MEASURES]: Measures;
}
