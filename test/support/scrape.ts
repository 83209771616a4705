import { readFileSync } from "node:fs";
import type { MeterProvider as ApiMeterProvider } from "@opentelemetry/api";
import { PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import {
  MeterProvider,
  MetricReader,
  type MetricReaderOptions,
  type ResourceMetrics,
} from "@opentelemetry/sdk-metrics";

/** A page of metrics, read as Prometheus reads it. */
export interface Page {
  /** Value by series: `name{label="value",…}` with the labels sorted, without those of the OpenTelemetry scope. */
  readonly series: ReadonlyMap<string, number>;
  /** `counter help text` by the name of the metric. */
  readonly families: ReadonlyMap<string, string>;
}

const LINE = /^(?<name>[a-z_:]+)(?:\{(?<labels>.*)\})? (?<value>[^ ]+)$/;
const LABEL = /(?<name>[a-z_]+)="(?<value>(?:[^"\\]|\\.)*)"/g;

/** Parses the Prometheus text format; fails on a line that it cannot read and on a series that is there twice. */
export function parse(text: string): Page {
  const series = new Map<string, number>();
  const help = new Map<string, string>();
  const families = new Map<string, string>();
  for (const line of text.split("\n")) {
    // The SDK describes the process and the units beside the metrics.
    if (line === "" || /^(# UNIT|# (HELP|TYPE) target_info|target_info\{)/.test(line)) continue;
    if (line === "# no registered metrics") continue;
    if (line.startsWith("# ")) {
      const [, word, name = "", ...rest] = line.split(" ");
      if (word === "HELP") help.set(name, rest.join(" "));
      else families.set(name, `${rest.join(" ")} ${help.get(name)}`);
      continue;
    }
    const found = LINE.exec(line)?.groups;
    if (found === undefined) throw new Error(`Cannot read the line ${line}`);
    const labels = [...(found["labels"] ?? "").matchAll(LABEL)]
      .map(([whole]) => whole)
      .filter((label) => !label.startsWith("otel_scope_"))
      .sort();
    const key = `${found["name"]}${labels.length === 0 ? "" : `{${labels.join(",")}}`}`;
    if (series.has(key)) throw new Error(`The series ${key} is there twice`);
    series.set(key, Number(found["value"]));
  }
  return { series, families };
}

/** The series of one metric: label values, joined by a space in the order of their names, to value. */
export function valuesOf({ series }: Page, metric: string): Record<string, number> {
  const values: Record<string, number> = {};
  for (const [key, value] of series) {
    if (key !== metric && !key.startsWith(`${metric}{`)) continue;
    values[[...key.matchAll(LABEL)].map(({ groups }) => groups?.["value"]).join(" ")] = value;
  }
  return values;
}

/** Collects when it is asked to. */
class PullReader extends MetricReader {
  protected override async onShutdown(): Promise<void> {}
  protected override async onForceFlush(): Promise<void> {}
}

/** A real SDK that is read by hand. */
export interface Sdk {
  readonly meterProvider: ApiMeterProvider;
  /** Collects; fails when a callback failed. */
  collect(): Promise<ResourceMetrics>;
  /** Collects, in the text that the SDK's own Prometheus exporter serves. */
  text(): Promise<string>;
}

/** `options` are those of its reader, such as the producers that it pulls beside the meters. */
export function startSdk(options: MetricReaderOptions = {}): Sdk {
  const reader = new PullReader(options);
  const meterProvider = new MeterProvider({ readers: [reader] });
  const serializer = new PrometheusSerializer();
  const collect = async () => {
    const { resourceMetrics, errors } = await reader.collect();
    if (errors.length > 0) throw new AggregateError(errors, "A callback failed");
    return resourceMetrics;
  };
  return { meterProvider, collect, text: async () => serializer.serialize(await collect()) };
}

/** The version in package.json. */
export function packageVersion(): string {
  const manifest: { version: string } = JSON.parse(
    readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
  );
  return manifest.version;
}
