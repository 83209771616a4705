import type { BatchObservableResult, Meter, Observable } from "@opentelemetry/api";
import { Check } from "../events/check.ts";
import { MEASURES, type MeasuredSource } from "../events/measurement.ts";
import type { MetricFamily } from "../events/metric-definition.ts";
import { instrumentName, METRICS, type MeasuredName } from "../events/metrics.ts";
import { MeasuredGroup, type MeasuredSample } from "./measured-group.ts";

const CHECK = new Check("export to OpenTelemetry");

/** The sources of one family in one meter. */
class FamilyMeter {
  readonly group: MeasuredGroup;
  readonly #meter: Meter;
  readonly #observables: ReadonlyMap<MeasuredName, Observable>;
  /** The gauges that the SDK has a value of, by metric and labels. */
  #shown = new Map<string, MeasuredSample>();
  #listening = false;

  constructor(meter: Meter, family: MetricFamily) {
    this.#meter = meter;
    this.group = new MeasuredGroup(CHECK, family);
    this.#observables = new Map(
      this.group.names.map((name) => {
        const { type, help: description, unit } = METRICS[name];
        const options = { description, unit };
        const instrument = instrumentName(name);
        return [
          name,
          type === "counter"
            ? meter.createObservableCounter(instrument, options)
            : meter.createObservableGauge(instrument, options),
        ];
      }),
    );
  }

  listen(): void {
    if (this.#listening) return;
    this.#listening = true;
    this.#meter.addBatchObservableCallback(this.#collect, [...this.#observables.values()]);
  }

  /** Ends with the next collection, which sets the gauges to 0 first; at once when there was none yet. */
  end(): void {
    if (this.#shown.size === 0) this.#unlisten();
  }

  readonly #collect = (result: BatchObservableResult): void => {
    const shown = new Map<string, MeasuredSample>();
    for (const [name, samples] of this.group.read()) {
      const observable = this.#observables.get(name);
      if (observable === undefined) continue;
      for (const sample of samples) {
        result.observe(observable, sample.value, { ...sample.labels });
        if (METRICS[name].type === "gauge") shown.set(keyOf(sample), sample);
      }
    }
    // The SDK repeats the last value of a gauge for ever.
    for (const [key, { metric, labels }] of this.#shown) {
      const observable = this.#observables.get(metric);
      if (!shown.has(key) && observable !== undefined) result.observe(observable, 0, { ...labels });
    }
    this.#shown = shown;
    // Not at once: the SDK is walking through its list of callbacks.
    if (this.group.isEmpty) Promise.resolve().then(() => this.#unlisten());
  };

  #unlisten(): void {
    if (!this.#listening || !this.group.isEmpty) return;
    this.#listening = false;
    this.#meter.removeBatchObservableCallback(this.#collect, [...this.#observables.values()]);
  }
}

const keyOf = ({ metric, labels }: MeasuredSample): string =>
  [metric, ...Object.values(labels)].join("\0");

/** The sources of one meter that are no breakers. */
export class MeteredMeasures {
  static readonly #known = new WeakMap<Meter, MeteredMeasures>();
  readonly #meter: Meter;
  readonly #families = new Map<MetricFamily, FamilyMeter>();

  private constructor(meter: Meter) {
    this.#meter = meter;
  }

  static of(meter: Meter): MeteredMeasures {
    const known = MeteredMeasures.#known.get(meter) ?? new MeteredMeasures(meter);
    MeteredMeasures.#known.set(meter, known);
    return known;
  }

  /** Adds a source; returns a function that takes it out. */
  attach(source: MeasuredSource, nameBudget: number | undefined): () => void {
    const family = this.#family(source[MEASURES].family);
    const release = family.group.attach(source, nameBudget);
    family.listen();
    return () => {
      release();
      if (family.group.isEmpty) family.end();
    };
  }

  #family(name: MetricFamily): FamilyMeter {
    const known = this.#families.get(name) ?? new FamilyMeter(this.#meter, name);
    this.#families.set(name, known);
    return known;
  }
}
