import type { BatchObservableResult, Histogram, Meter, Observable } from "@opentelemetry/api";
import type { Check } from "../events/check.ts";
import {
  BREAKER_METRIC_NAMES,
  instrumentName,
  METRICS,
  type MetricName,
} from "../events/metrics.ts";
import { BreakerGroup, type HistogramName, type Watch } from "./breaker-group.ts";
import type { HistogramSource, PulledHistograms } from "./histogram-producer.ts";
import { HistogramSet } from "./histogram-set.ts";
import type { CheckedSource, MetricSettings } from "./metric-arguments.ts";
import { type Labels, labelsOf, SLOTS_OF } from "./metric-reading.ts";

/** The options of the metrics, checked and complete. */
export interface MeterSettings extends MetricSettings {
  /** Where histograms go instead of the meter; undefined where the present place stands. */
  readonly producer: PulledHistograms | undefined;
}

/** The breakers and instruments of one meter. */
export class MeterExport {
  readonly #check: Check;
  readonly #meter: Meter;
  readonly #group: BreakerGroup;
  readonly #observables = new Map<MetricName, Observable>();
  readonly #histograms = new Map<HistogramName, Histogram>();
  /** The labels that the SDK has gauges of. */
  #shown = new Set<Labels>();
  /** The histograms that a reader pulls, when the breakers came with a producer. */
  readonly #sets = new Map<HistogramName, HistogramSet>();
  readonly #pulled: HistogramSource = {
    sets: this.#sets,
    labelsOf: (metric) => this.#group.labelsOf(metric),
  };
  #producer: PulledHistograms | null = null;
  #holds = 0;
  #listening = false;

  constructor(check: Check, meter: Meter) {
    this.#check = check;
    this.#meter = meter;
    this.#group = new BreakerGroup({
      check,
      pipeline: "opentelemetry",
      series: (metric, labels, words) => this.#series(metric, labels, words),
    });
    for (const name of BREAKER_METRIC_NAMES) {
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

  attach(source: CheckedSource, settings: MeterSettings, watches: readonly Watch[]): () => void {
    this.#agree(settings.producer);
    const release = this.#group.attach(source, settings, watches);
    this.#holds++;
    this.#producer?.add(this.#pulled);
    this.#listen();
    let attached = true;
    return () => {
      if (!attached) return;
      attached = false;
      this.#holds--;
      // The SDK repeats the last value of a gauge for ever: the next collection sets what it knows to 0 first.
      if (this.#shown.size === 0) this.#unlisten();
      if (this.#holds === 0) this.#producer?.remove(this.#pulled);
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
    const shown = new Set(rows.map(({ labels }) => labels));
    const gone = [...this.#shown].filter((labels) => !shown.has(labels));
    for (const [metric, observable] of this.#observables) {
      for (const { value, labels, sharedLabels } of this.#group.samples(metric, rows)) {
        result.observe(observable, value, { ...labels, ...sharedLabels });
      }
      if (METRICS[metric].type !== "gauge") continue;
      for (const labels of gone) {
        for (const { labels: words } of SLOTS_OF.get(metric) ?? []) {
          result.observe(observable, 0, { ...labels, ...words });
        }
      }
    }
    this.#shown = shown;
  }

  /** Where the histograms go: one place for all breakers of the meter. */
  #agree(producer: PulledHistograms | undefined): void {
    if (producer === undefined || producer === this.#producer) return;
    if (!this.#group.isEmpty) {
      const allowed = "that of the breakers attached before";
      this.#check.range("histograms", allowed, producer);
    }
    this.#producer = producer;
  }

  #series(metric: HistogramName, labels: Labels, words: readonly string[]) {
    if (this.#producer !== null) return this.#pulledSet(metric).observer(labels, words);
    const attributes = { ...labels, ...labelsOf(metric, words) };
    const histogram = this.#histogram(metric);
    // In the context of the call, so that an SDK may keep its span as an exemplar.
    return (seconds: number) => histogram.record(seconds, attributes);
  }

  #pulledSet(metric: HistogramName): HistogramSet {
    let set = this.#sets.get(metric);
    if (set === undefined) {
      set = new HistogramSet(metric);
      this.#sets.set(metric, set);
    }
    return set;
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
