import {
  type BatchObservableResult,
  createNoopMeter,
  type Histogram,
  type Meter,
  type MeterProvider,
  metrics,
  type Observable,
} from "@opentelemetry/api";
import type { BreakerView, RegistryView } from "../core/breaker-view.ts";
import { Check } from "../events/check.ts";
import { instrumentName, METRIC_NAMES, METRICS, type MetricName } from "../events/metrics.ts";
import { BreakerGroup, type HistogramName } from "./breaker-group.ts";
import {
  checkedMetricOptions,
  checkedSource,
  type MetricOptions,
  type MetricSettings,
  type MetricSource,
} from "./metric-arguments.ts";
import { SLOTS_OF } from "./metric-reading.ts";

export type { MetricOptions, MetricSource } from "./metric-arguments.ts";

/** Options of {@link exportToOpenTelemetry}. Unknown keys are refused. */
export interface OpenTelemetryOptions extends MetricOptions {
  /**
   * Where the meter comes from.
   * @default the global meter provider
   */
  readonly meterProvider?: MeterProvider;
}

const CHECK = new Check("export to OpenTelemetry");
/** The version of the instrumentation scope: this package's. */
const VERSION = "0.1.0";

/** The breakers and instruments of one meter. */
class OpenTelemetryExport {
  readonly #meter: Meter;
  readonly #group: BreakerGroup;
  readonly #observables = new Map<MetricName, Observable>();
  readonly #histograms = new Map<HistogramName, Histogram>();
  /** The values of the breaker's label that the SDK has gauges of. */
  #shown = new Set<string>();
  #holds = 0;
  #listening = false;

  constructor(meter: Meter) {
    this.#meter = meter;
    this.#group = new BreakerGroup({
      check: CHECK,
      pipeline: "opentelemetry",
      observe: (metric, labels, seconds) => this.#histogram(metric).record(seconds, labels),
    });
    for (const name of METRIC_NAMES) {
      const { type, help: description, unit } = METRICS[name];
      const instrument = instrumentName(name);
      if (type === "counter") {
        this.#observables.set(
          name,
          meter.createObservableCounter(instrument, { description, unit }),
        );
      } else if (type === "gauge") {
        this.#observables.set(name, meter.createObservableGauge(instrument, { description, unit }));
      }
    }
  }

  attach(source: readonly BreakerView[] | RegistryView, settings: MetricSettings): () => void {
    const release = this.#group.attach(source, settings);
    this.#holds++;
    this.#listen();
    let attached = true;
    return () => {
      if (!attached) return;
      attached = false;
      this.#holds--;
      // The SDK repeats the last value of a gauge for ever: the next collection sets what it knows to 0 first.
      if (this.#shown.size === 0) this.#unlisten();
      release();
    };
  }

  readonly #collect = (result: BatchObservableResult): void => {
    try {
      this.#observe(result);
      // Not at once: the SDK is walking through its list of callbacks.
      if (this.#holds === 0) Promise.resolve().then(() => this.#unlisten());
    } catch {
      // The SDK would report the failure of the whole collection; the next one tries again.
    }
  };

  #observe(result: BatchObservableResult): void {
    const rows = this.#group.read();
    const shown = new Set(rows.map(({ label }) => label));
    const gone = [...this.#shown].filter((label) => !shown.has(label));
    for (const [metric, observable] of this.#observables) {
      for (const { value, labels } of this.#group.samples(metric, rows)) {
        result.observe(observable, value, labels);
      }
      if (METRICS[metric].type !== "gauge") continue;
      for (const label of gone) {
        for (const { labels } of SLOTS_OF.get(metric) ?? []) {
          result.observe(observable, 0, this.#group.labelled(label, labels));
        }
      }
    }
    this.#shown = shown;
  }

  #histogram(metric: HistogramName): Histogram {
    let histogram = this.#histograms.get(metric);
    if (histogram === undefined) {
      const { help: description, unit, buckets } = METRICS[metric];
      // The SDK's default bounds are made for milliseconds.
      const advice = { explicitBucketBoundaries: [...buckets] };
      histogram = this.#meter.createHistogram(instrumentName(metric), {
        description,
        unit,
        advice,
      });
      this.#histograms.set(metric, histogram);
    }
    return histogram;
  }

  #listen(): void {
    if (this.#listening) return;
    this.#listening = true;
    this.#meter.addBatchObservableCallback(this.#collect, [...this.#observables.values()]);
  }

  #unlisten(): void {
    if (!this.#listening || this.#holds > 0) return;
    this.#listening = false;
    this.#meter.removeBatchObservableCallback(this.#collect, [...this.#observables.values()]);
  }
}

const exportsByMeter = new WeakMap<Meter, OpenTelemetryExport>();

/**
 * Adds the metrics of breakers to OpenTelemetry, through its API only. The numbers are read from the breakers when
 * they are collected, which costs nothing per call, and every series of a counter or gauge exists from the first
 * collection, at zero; a histogram appears with its first observation, because the API cannot show an empty one.
 * Further calls with the same meter provider add their breakers to the same instruments.
 *
 * Without an SDK it does nothing, and the API has no way to catch up: call it after the SDK is registered. Beyond
 * `nameBudget` names, breakers share the name `__other__`; the SDK's default limit of 2 000 attribute sets has room
 * for 150 names, so raise its `cardinalitySelector` together with the budget. Of a breaker registry, the breakers that
 * come later are added and those that go are taken out.
 *
 * @param source a breaker, several, or a breaker registry
 * @returns a function that detaches the breakers. SDKs go on to export the last value of what was ever observed: the
 * gauges of these breakers are set to 0 at the next collection, their counters stay as they are
 * @throws {TypeError} when an argument is of the wrong type or an option is unknown
 * @throws {RangeError} when another breaker of the same name is there, or the budget differs from the one that holds;
 * nothing has changed then
 * @example
 * const detach = exportToOpenTelemetry([payments, search], { meterProvider });
 */
export function exportToOpenTelemetry(
  source: MetricSource,
  options: OpenTelemetryOptions = {},
): () => void {
  const checked = checkedSource(CHECK, source);
  const settings = checkedMetricOptions(CHECK, options, ["meterProvider"]);
  const { meterProvider = metrics } = options;
  if (typeof meterProvider !== "object" || typeof meterProvider?.getMeter !== "function") {
    return CHECK.type("meterProvider", "a meter provider", meterProvider);
  }
  const meter = meterProvider.getMeter("telltale", VERSION);
  // Nobody would ever collect, so nothing needs to be kept, watched or timed.
  if (meter === createNoopMeter()) return () => {};
  let known = exportsByMeter.get(meter);
  if (known === undefined) {
    known = new OpenTelemetryExport(meter);
    exportsByMeter.set(meter, known);
  }
  return known.attach(checked, settings);
}
