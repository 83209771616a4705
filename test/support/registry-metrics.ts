import { Registry } from "prom-client";
import { vi } from "vitest";
import { exportToOpenTelemetry } from "../../src/exporters/opentelemetry.ts";
import { exportToPrometheus, type MetricOptions } from "../../src/exporters/prometheus.ts";
import type {
  BreakerRegistry,
  BreakerRegistryOptions,
  CircuitBreaker,
  EventPattern,
} from "../../src/index.ts";
import { type WatchedRegistry, watchRegistry } from "./registry.ts";
import { type Page, parse, startSdk, valuesOf } from "./scrape.ts";

/** Takes breakers and a registry, and shows what is scraped. */
interface Pipeline {
  attach(
    source: BreakerRegistry | CircuitBreaker | CircuitBreaker[],
    options?: MetricOptions,
  ): () => void;
  page(): Promise<Page>;
}
export const PIPELINES: Record<string, () => Pipeline> = {
  Prometheus() {
    const registry = new Registry();
    return {
      attach: (source, options) => exportToPrometheus(source, registry, options),
      page: async () => parse(await registry.metrics()),
    };
  },
  OpenTelemetry() {
    const { meterProvider, text } = startSdk();
    return {
      attach: (source, options) => exportToOpenTelemetry(source, { meterProvider, ...options }),
      page: async () => parse(await text()),
    };
  },
};
/** The pipelines, for tests of both. */
export const pipelines = Object.entries(PIPELINES).map(([pipeline, start]) => ({
  pipeline,
  start,
}));
/** What the exporters listen to. */
export const LISTENED = [
  "circuit.open",
  "circuit.close",
  "circuit.restore",
  "bus.listener_failed",
  "bus.dropped",
] as const;

/** A registry under a fake clock in a pipeline of its own. */
export interface Exported extends WatchedRegistry, Pipeline {
  /** Values of a metric by labels. */
  values(metric: string): Promise<Record<string, number>>;
  /** The breakers that have a threshold above 0: those that are shown. */
  shown(): Promise<string[]>;
  detach(): void;
}

export function exported(
  start: () => Pipeline,
  options: BreakerRegistryOptions = {},
  metricOptions: MetricOptions = {},
): Exported {
  const watched = watchRegistry(options);
  const pipeline = start();
  const values = async (metric: string) =>
    valuesOf(await pipeline.page(), `circuit_breaker_${metric}`);
  const detach = pipeline.attach(watched.registry, metricOptions);
  const shown = async () =>
    Object.entries(await values("failure_threshold"))
      .filter(([, value]) => value > 0)
      .map(([name]) => name)
      .sort();
  return { ...watched, ...pipeline, values, shown, detach };
}

/** Counts the listeners that are subscribed to a bus, by type. */
export function countListeners(registry: BreakerRegistry): Map<EventPattern, number> {
  const counts = new Map<EventPattern, number>();
  const on = registry.bus.on.bind(registry.bus);
  vi.spyOn(registry.bus, "on").mockImplementation((type, listener, options) => {
    counts.set(type, (counts.get(type) ?? 0) + 1);
    const off = on(type, listener, options);
    let active = true;
    return () => {
      if (active) counts.set(type, (counts.get(type) ?? 0) - 1);
      active = false;
      off();
    };
  });
  return counts;
}
