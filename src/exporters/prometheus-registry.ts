/** What the exporter uses of a registry: prom-client's has it. */
export interface PrometheusRegistry {
  registerMetric(metric: object): void;
  getSingleMetric(name: string): unknown;
  removeSingleMetric(name: string): void;
  /** Tells whether it prints the OpenMetrics format, in which names and exemplars differ. */
  readonly contentType?: unknown;
}
