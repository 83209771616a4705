/**
 * How several breakers make one number, where they share a label value or where a cluster adds up its processes.
 * `earliest` leaves out zeros.
 */
export type Combine = "sum" | "largest" | "smallest" | "earliest";

/** What the metrics of a source that is no breaker are about. */
export type MetricFamily = "quota" | "ledger" | "cluster" | "state" | "owner";

/** What the catalogue knows of one metric. */
export interface MetricDefinition {
  readonly type: "counter" | "gauge" | "histogram";
  /** The unit as OpenTelemetry writes it; empty for none. */
  readonly unit: string;
  /** One sentence for people who read the metric without the docs. */
  readonly help: string;
  /** Whether each breaker has its own series, under `BREAKER_LABEL`. */
  readonly perBreaker: boolean;
  /** Set where it is read of something that is no breaker, and shown as soon as one of these is exported. */
  readonly of?: MetricFamily;
  /** The further labels. */
  readonly labels: readonly string[];
  /** Every legal combination of their values: each is exported from the start, at zero. Empty where they are names. */
  readonly values: readonly (readonly string[])[];
  /** How many of the labels, from the first, have names from outside as their values: those are bounded. */
  readonly names?: number;
  readonly combine: Combine;
  /** Upper bounds of a histogram, inclusive, in the metric's unit. */
  readonly buckets?: readonly number[];
  /** Exported only when asked for, because it costs something per call. */
  readonly optIn?: true;
}
