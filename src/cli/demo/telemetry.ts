import { PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import { MeterProvider, MetricReader } from "@opentelemetry/sdk-metrics";
import pino from "pino";
import { Registry } from "prom-client";
import { recordEvents } from "../../exporters/ndjson.ts";
import { exportToOpenTelemetry } from "../../exporters/opentelemetry.ts";
import { logCircuitEvents } from "../../exporters/pino.ts";
import { exportToPrometheus } from "../../exporters/prometheus.ts";
import type { CircuitBreaker } from "../../index.ts";

/** A page of metrics in the Prometheus text format. */
export interface MetricsPage {
  readonly contentType: string;
  text(): Promise<string>;
}

/** Logs the breaker to stdout and records it. Returns a function that writes what both still hold back. */
export function log(breaker: CircuitBreaker, recording: string): () => void {
  // A synchronous destination, as the recording is: what was told is there even if the process is killed right after.
  const logger = pino(
    { base: { service: "checkout" }, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: 1, sync: true }),
  );
  const attach = () => [
    logCircuitEvents(breaker.bus, logger),
    // With the calls that succeeded, which the log leaves out: `telltale tune` replays all of them.
    recordEvents(breaker.bus, recording, { events: ["circuit.*", "bus.*"] }),
  ];
  let offs = attach();
  return () => {
    for (const off of offs) off();
    offs = attach();
  };
}

/** The breaker's metrics by prom-client. */
export function prometheusPage(breaker: CircuitBreaker): MetricsPage {
  const registry = new Registry();
  exportToPrometheus(breaker, registry);
  return { contentType: registry.contentType, text: () => registry.metrics() };
}

/** The breaker's metrics by the OpenTelemetry SDK. */
export function openTelemetryPage(breaker: CircuitBreaker): MetricsPage {
  const reader = new PullReader();
  exportToOpenTelemetry(breaker, { meterProvider: new MeterProvider({ readers: [reader] }) });
  const serializer = new PrometheusSerializer();
  return {
    contentType: "text/plain; version=0.0.4; charset=utf-8",
    async text() {
      const { resourceMetrics, errors } = await reader.collect();
      if (errors.length > 0) throw new AggregateError(errors, "Cannot collect the metrics");
      return serializer.serialize(resourceMetrics);
    },
  };
}

/** Collects when it is asked to; the SDK's own Prometheus exporter would open a port of its own. */
class PullReader extends MetricReader {
  protected override async onShutdown(): Promise<void> {}
  protected override async onForceFlush(): Promise<void> {}
}
