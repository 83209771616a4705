import { Registry } from "prom-client";
import { expect } from "vitest";
import type { MeasuredSource } from "../../src/events/measurement.ts";
import { exportToOpenTelemetry } from "../../src/exporters/opentelemetry.ts";
import { exportToPrometheus } from "../../src/exporters/prometheus.ts";
import { parse, startSdk, valuesOf } from "./scrape.ts";

/** What both pipelines show of sources that are no breakers; they must be the same. */
export function shown() {
  const registry = new Registry();
  const { meterProvider, text } = startSdk();
  const attach = (source: MeasuredSource, nameBudget?: number) => {
    const options = nameBudget === undefined ? {} : { nameBudget };
    const offs = [
      exportToPrometheus(source, registry, options),
      exportToOpenTelemetry(source, { meterProvider, ...options }),
    ];
    return () => offs.map((off) => off());
  };
  const pages = async () => [parse(await registry.metrics()), parse(await text())] as const;
  /** By label values, which come in the order of the labels' names. */
  const values = async (metric: string) => {
    const [prometheus, opentelemetry] = await pages();
    const found = valuesOf(prometheus, `telltale_${metric}`);
    expect(valuesOf(opentelemetry, `telltale_${metric}`)).toEqual(found);
    return found;
  };
  return { registry, meterProvider, attach, pages, values };
}
