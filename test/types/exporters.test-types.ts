import { logs, metrics, trace } from "@opentelemetry/api";
import { LoggerProvider } from "@opentelemetry/sdk-logs";
import { MeterProvider, type MetricProducer } from "@opentelemetry/sdk-metrics";
import * as successor from "@prometheus-io/client";
import { Registry } from "prom-client";
import {
  createHistogramProducer,
  exportToOpenTelemetry,
} from "../../src/exporters/opentelemetry.ts";
import { exportToPrometheus } from "../../src/exporters/prometheus.ts";
import type { CircuitBreaker } from "../../src/index.ts";
import type * as before from "../integration/otel-2/node_modules/@opentelemetry/sdk-metrics/build/src/index.js";

// Nothing here runs: the compiler is the test. A line under `@ts-expect-error` must not compile, and the compiler
// complains when it does.

declare const breaker: CircuitBreaker;

export function prometheus(): void {
  exportToPrometheus(breaker, new Registry());
  exportToPrometheus([breaker], new successor.Registry(), {
    attributes: ["team"],
    exemplars: trace,
  });
  exportToPrometheus(breaker, new Registry(), { exemplars: () => ({ trace_id: "1" }) });
  exportToPrometheus(breaker, new Registry(), { exemplars: () => undefined });
  // @ts-expect-error labels of exemplars are text
  exportToPrometheus(breaker, new Registry(), { exemplars: () => ({ trace_id: 1 }) });
  // @ts-expect-error the option is called nameBudget
  exportToPrometheus(breaker, new Registry(), { namesBudget: 1 });
  // @ts-expect-error a registry is wanted
  exportToPrometheus(breaker, {});
}

export function openTelemetry(): void {
  const histograms = createHistogramProducer();
  // Both generations of the SDK take the producer.
  const producer: MetricProducer = histograms;
  const producerBefore: before.MetricProducer = histograms;
  void [producer, producerBefore];
  exportToOpenTelemetry(breaker, { meterProvider: metrics, histograms });
  exportToOpenTelemetry(breaker, { meterProvider: new MeterProvider(), spanEvents: true });
  exportToOpenTelemetry(breaker, { logs: "warn", loggerProvider: logs });
  exportToOpenTelemetry(breaker, { logs: "warn", loggerProvider: new LoggerProvider() });
  // @ts-expect-error logs are named by their lowest severity
  exportToOpenTelemetry(breaker, { logs: true });
  // @ts-expect-error a producer is wanted
  exportToOpenTelemetry(breaker, { histograms: {} });
}
