import * as api from "@opentelemetry/api";
import { Check, hasMethods } from "../events/check.ts";
import type { MeasuredSource } from "../events/measurement.ts";
import { SEVERITIES, type Severity } from "../events/vocabulary.ts";
import type { Watch } from "./breaker-group.ts";
import { type HistogramProducer, PulledHistograms } from "./histogram-producer.ts";
import {
  checkedMetricOptions,
  checkedNameBudget,
  checkedSource,
  isMeasured,
  type MetricOptions,
  type MetricSource,
} from "./metric-arguments.ts";
import { type EventLoggerProvider, logWatch } from "./opentelemetry-logs.ts";
import { MeteredMeasures } from "./opentelemetry-measured.ts";
import { MeterExport, type MeterSettings } from "./opentelemetry-metrics.ts";
import { SPAN_ATTRIBUTES, SPAN_EVENTS } from "./opentelemetry-spans.ts";

export type { HistogramProducer } from "./histogram-producer.ts";
export type { MetricOptions, MetricSource } from "./metric-arguments.ts";
export type { EventLogger, EventLoggerProvider, EventLogRecord } from "./opentelemetry-logs.ts";

/** Options of {@link exportToOpenTelemetry}. Unknown keys are refused. */
export interface OpenTelemetryOptions extends MetricOptions {
  /**
   * Where the meter comes from.
   * @default the global meter provider
   */
  readonly meterProvider?: api.MeterProvider;
  /**
   * Takes the histograms instead of the meter, for a reader that was given it: see {@link createHistogramProducer}.
   * One for each meter, set by the first breakers that are attached to it.
   * @default histograms are recorded through the meter
   */
  readonly histograms?: HistogramProducer;
  /**
   * Whether `circuit.skip`, `circuit.open` and `circuit.close` become events of the span that is active when they
   * happen. Costs nothing while no span is recorded.
   * @default false
   */
  readonly spanEvents?: boolean;
  /**
   * Whether the span that is active when a guarded call ends gets `circuit_breaker.name` and `circuit_breaker.state`.
   * Calls are then timed, and each makes an event.
   * @default false
   */
  readonly spanAttributes?: boolean;
  /**
   * The lowest severity of the events that become log records of the Logs API, with the active span as their context;
   * `false` for none. Refusals are sampled without loss, as in the lines of pino. `@opentelemetry/api` has the Logs API
   * from 1.10; before that, give a `loggerProvider`, or nothing is written and `diag` warns.
   * @default false
   */
  readonly logs?: Severity | false;
  /**
   * Where the logger comes from.
   * @default the global logger provider
   */
  readonly loggerProvider?: EventLoggerProvider;
}

const CHECK = new Check("export to OpenTelemetry");
/** The version of the instrumentation scope: this package's. */
const VERSION = "0.1.0";
const OWN_OPTIONS = [
  "meterProvider",
  "histograms",
  "spanEvents",
  "spanAttributes",
  "logs",
  "loggerProvider",
] as const satisfies readonly (keyof OpenTelemetryOptions)[];

/**
 * Makes what hands histograms to a metric reader of the SDK, so that call durations cost no push and every series
 * exists from the start. Give it to the reader and to {@link exportToOpenTelemetry}.
 *
 * @example
 * const histograms = createHistogramProducer();
 * const reader = new PeriodicExportingMetricReader({ exporter, metricProducers: [histograms] });
 * const meterProvider = new MeterProvider({ readers: [reader] });
 * exportToOpenTelemetry(payments, { meterProvider, histograms, callDurations: true });
 */
export function createHistogramProducer(): HistogramProducer {
  return new PulledHistograms(VERSION);
}

const exportsByMeter = new WeakMap<api.Meter, MeterExport>();

/**
 * Adds the metrics of breakers to OpenTelemetry, through its API only; on demand also events and attributes of spans,
 * and log records. The numbers are read from the breakers when they are collected, which costs nothing per call, and
 * every series of a counter or gauge exists from the first collection, at zero; a histogram that is not pulled appears
 * with its first observation, because the API cannot show an empty one. Further calls with the same meter provider add
 * their breakers to the same instruments.
 *
 * Without an SDK it does nothing. The API has no way to catch up on metrics: call it after the SDK is registered.
 * Beyond `nameBudget` names, breakers share the name `__other__`; the SDK's default limit of 2 000 attribute sets has
 * room for 150 names, so raise its `cardinalitySelector` together with the budget. Of a breaker registry, the breakers
 * that come later are added and those that go are taken out.
 *
 * Of an `ExhaustionRegistry`, a `CreditLedger`, a `Cluster`, and of what `persist` and `connectOwner` return, the metrics
 * that begin with `telltale.` are added; of the options only `meterProvider` and `nameBudget` have a use then.
 *
 * @param source a breaker, several, a breaker registry, marks of quota, a ledger, a cluster, state that is
 * kept, the connection to an owner
 * @returns a function that detaches the breakers. SDKs go on to export the last value of what was ever observed: the
 * gauges of these breakers are set to 0 at the next collection, their counters stay as they are
 * @throws {TypeError} when an argument is of the wrong type or an option is unknown
 * @throws {RangeError} when another breaker of the same name is there, or the budget, the attributes or the histograms
 * differ from those that hold; nothing has changed then
 * @example
 * const detach = exportToOpenTelemetry([payments, search], { meterProvider, spanEvents: true, logs: "info" });
 */
export function exportToOpenTelemetry(
  source: MetricSource,
  options: OpenTelemetryOptions = {},
): () => void {
  if (isMeasured(source)) return exportMeasured(source, options);
  const checked = checkedSource(CHECK, source);
  const settings = checkedSettings(options);
  const { meterProvider = api.metrics } = options;
  if (!hasMethods(meterProvider, ["getMeter"])) {
    return CHECK.type("meterProvider", "a meter provider", meterProvider);
  }
  const watches = checkedWatches(options);
  const meter = meterProvider.getMeter("telltale", VERSION);
  const collects = meter !== api.createNoopMeter();
  // Nobody would ever collect, so nothing needs to be kept, watched or timed.
  if (!collects && watches.length === 0) return () => {};
  return exportOf(meter, collects).attach(
    checked,
    collects ? settings : { ...settings, callDurations: false, producer: undefined },
    watches,
  );
}

function exportMeasured(source: MeasuredSource, options: OpenTelemetryOptions): () => void {
  const nameBudget = checkedNameBudget(CHECK, options, ["meterProvider"]);
  const { meterProvider = api.metrics } = options;
  if (!hasMethods(meterProvider, ["getMeter"])) {
    return CHECK.type("meterProvider", "a meter provider", meterProvider);
  }
  const meter = meterProvider.getMeter("telltale", VERSION);
  if (meter === api.createNoopMeter()) return () => {};
  return MeteredMeasures.of(meter).attach(source, nameBudget);
}

/** The breakers of a meter. Without an SDK all meters are one, so each call then has its own. */
function exportOf(meter: api.Meter, collects: boolean): MeterExport {
  const known = collects ? exportsByMeter.get(meter) : undefined;
  if (known !== undefined) return known;
  const made = new MeterExport(CHECK, meter);
  if (collects) exportsByMeter.set(meter, made);
  return made;
}

function checkedSettings(options: OpenTelemetryOptions): MeterSettings {
  const settings = checkedMetricOptions(CHECK, options, OWN_OPTIONS);
  const { histograms } = options;
  if (histograms === undefined || histograms instanceof PulledHistograms) {
    return { ...settings, producer: histograms };
  }
  return CHECK.type("histograms", "what createHistogramProducer returned", histograms);
}

/** What is watched of each breaker beyond its numbers. */
function checkedWatches(options: OpenTelemetryOptions): Watch[] {
  const { spanEvents = false, spanAttributes = false } = options;
  const { logs, loggerProvider = ownLogs() } = options;
  const watches: Watch[] = [];
  if (CHECK.flag("spanEvents", spanEvents)) watches.push(SPAN_EVENTS);
  if (CHECK.flag("spanAttributes", spanAttributes)) watches.push(SPAN_ATTRIBUTES);
  if (loggerProvider !== undefined && !hasMethods(loggerProvider, ["getLogger"])) {
    CHECK.type("loggerProvider", "a logger provider", loggerProvider);
  }
  if (logs === undefined || logs === false) return watches;
  if (!SEVERITIES.includes(logs)) {
    CHECK.type("logs", `false or one of ${SEVERITIES.join(", ")}`, logs);
  }
  if (loggerProvider !== undefined) watches.push(logWatch(loggerProvider, logs, VERSION));
  else {
    api.diag.warn(
      "telltale writes no log records: this @opentelemetry/api has no Logs API, and no loggerProvider was given",
    );
  }
  return watches;
}

/** The Logs API, which `@opentelemetry/api` has from 1.10; its types here say that it always has. */
const ownLogs = (): EventLoggerProvider | undefined => ("logs" in api ? api.logs : undefined);
