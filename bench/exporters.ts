import { awaitEach, nsPerCall } from "./measure.ts";
import type { Bench, Cell, Question, Skipped } from "./question.ts";
import { asyncFn, exporter, isValue, telltale } from "./subject.ts";

type Breaker = InstanceType<Awaited<ReturnType<typeof telltale>>["CircuitBreaker"]>;
type Attach = (breaker: Breaker) => Promise<void>;

// The exporters are reached by name, so that the benchmarks run while one does not exist yet.

/** Calls an exporter's one function; says why when there is none. */
async function entry(bench: Bench, file: string, name: string) {
  const module = await exporter(bench, file);
  if (module === undefined) return { skipped: `src/exporters/${file}.ts does not exist` };
  const found: unknown = Reflect.get(module, name);
  if (typeof found !== "function") return { skipped: `telltale/${file} exports no ${name}` };
  return (...args: readonly unknown[]): unknown => found(...args);
}

/** Attaches pino at its default level, with a destination that does nothing. */
export async function pinoExporter(bench: Bench): Promise<Attach | Skipped> {
  const attach = await entry(bench, "pino", "logCircuitEvents");
  if (typeof attach !== "function") return attach;
  return async (breaker) => {
    const { pino } = await import("pino");
    attach(breaker.bus, pino({}, { write() {} }));
  };
}

/** Attaches prom-client. */
export async function prometheusExporter(bench: Bench, options = {}): Promise<Attach | Skipped> {
  const attach = await entry(bench, "prometheus", "exportToPrometheus");
  if (typeof attach !== "function") return attach;
  return async (breaker) => {
    const { Registry } = await import("prom-client");
    attach(breaker, new Registry(), options);
  };
}

/** Attaches OpenTelemetry; `pulled` gives its reader a producer of histograms. */
async function openTelemetryExporter(
  bench: Bench,
  { pulled = false, ...options }: { pulled?: boolean; callDurations?: boolean } = {},
): Promise<Attach | Skipped> {
  const attach = await entry(bench, "opentelemetry", "exportToOpenTelemetry");
  const producer = await entry(bench, "opentelemetry", "createHistogramProducer");
  if (typeof attach !== "function") return attach;
  if (typeof producer !== "function") return producer;
  return async (breaker) => {
    const { metrics } = await import("@opentelemetry/api");
    const { MeterProvider } = await import("@opentelemetry/sdk-metrics");
    const { PrometheusExporter } = await import("@opentelemetry/exporter-prometheus");
    const histograms = pulled ? { histograms: producer() } : {};
    const reader = new PrometheusExporter({ preventServerStart: true });
    metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
    attach(breaker, { ...histograms, ...options });
  };
}

async function withExporters(
  bench: Bench,
  makers: readonly ((bench: Bench) => Promise<Attach | Skipped>)[],
): Promise<number | Skipped> {
  const { CircuitBreaker } = await telltale(bench);
  const breaker = new CircuitBreaker("subject", { latencyTripMs: 10_000 });
  for (const make of makers) {
    const attach = await make(bench);
    if (typeof attach !== "function") return attach;
    await attach(breaker);
  }
  return await nsPerCall(
    awaitEach(() => breaker.call(asyncFn), isValue),
    bench.effort,
  );
}

const makers: Readonly<Record<string, (bench: Bench) => Promise<Attach | Skipped>>> = {
  pino: pinoExporter,
  prometheus: (bench) => prometheusExporter(bench),
  opentelemetry: (bench) => openTelemetryExporter(bench),
  "prometheus, call durations": (bench) => prometheusExporter(bench, { callDurations: true }),
  "opentelemetry, call durations pulled": (bench) =>
    openTelemetryExporter(bench, { callDurations: true, pulled: true }),
  "opentelemetry, call durations pushed": (bench) =>
    openTelemetryExporter(bench, { callDurations: true }),
};

const each: readonly Cell[] = Object.entries(makers).map(([name, make]) => ({
  id: `exporters/${name.replace(", call durations", "-durations").replace(" ", "-")}`,
  label: `${name} attached`,
  measure: (bench: Bench) => withExporters(bench, [make]),
}));

/** What attached exporters cost a successful call. */
export const exporters: Question = {
  title: "A successful timed call with exporters attached",
  unit: "ns",
  reference: "exporters/none",
  note: "pino writes at its default level to a destination that does nothing. Call durations are off where they are not named; OpenTelemetry pushes each to the SDK, or its reader pulls what the breaker counted.",
  cells: [
    { id: "exporters/none", label: "no exporter", measure: (bench) => withExporters(bench, []) },
    ...each,
    {
      id: "exporters/all",
      label: "pino, prometheus and opentelemetry attached",
      targets: [{ kind: "ratio", atMost: 1.1, of: "exporters/none" }],
      measure: (bench) =>
        withExporters(bench, [
          pinoExporter,
          (own) => prometheusExporter(own),
          (own) => openTelemetryExporter(own),
        ]),
    },
  ],
};
