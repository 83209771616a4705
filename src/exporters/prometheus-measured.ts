import { Check } from "../events/check.ts";
import { MEASURES, type MeasuredSource } from "../events/measurement.ts";
import type { MetricFamily } from "../events/metric-definition.ts";
import type { MeasuredName } from "../events/metrics.ts";
import { MeasuredGroup, type MeasuredReading } from "./measured-group.ts";
import { described, type PrintedSample, PulledMetric } from "./prometheus-metric.ts";
import type { PrometheusRegistry } from "./prometheus-registry.ts";

const CHECK = new Check("export to Prometheus");
const NO_LABELS = Object.freeze({});

/** The sources of one family in one registry. */
class FamilyExport {
  readonly group: MeasuredGroup;
  readonly #registry: PrometheusRegistry;
  readonly #metrics = new Map<MeasuredName, PulledMetric>();
  /** The reading that the metrics of one scrape share. */
  #reading: MeasuredReading | null = null;

  constructor(registry: PrometheusRegistry, family: MetricFamily) {
    this.group = new MeasuredGroup(CHECK, family);
    this.#registry = registry;
  }

  /** Whether somebody emptied the registry after a source was attached. */
  get isCleared(): boolean {
    return this.#metrics.size > 0 && ![...this.#metrics.keys()].some((name) => this.#isOurs(name));
  }

  /** @throws {RangeError} when another metric has one of our names; nothing has changed then */
  register(): void {
    const missing = this.group.names.filter((name) => !this.#metrics.has(name));
    for (const name of missing) {
      if (this.#registry.getSingleMetric(name) !== undefined) {
        CHECK.range("promRegistry", "one without a metric of our names", name);
      }
    }
    for (const name of missing) {
      const metric = new PulledMetric(described(name), this.#registry, () => this.#samples(name));
      this.#metrics.set(name, metric);
      this.#registry.registerMetric(metric);
    }
  }

  unregister(): void {
    for (const name of this.#metrics.keys()) {
      if (this.#isOurs(name)) this.#registry.removeSingleMetric(name);
    }
    this.#metrics.clear();
  }

  #isOurs(name: MeasuredName): boolean {
    return this.#registry.getSingleMetric(name) === this.#metrics.get(name);
  }

  /** Never throws: what a source throws is caught where it is read. */
  #samples(name: MeasuredName): PrintedSample[] {
    const samples = this.#read().get(name) ?? [];
    return samples.map(({ labels, value }) => ({ labels, sharedLabels: NO_LABELS, value }));
  }

  #read(): MeasuredReading {
    if (this.#reading === null) {
      this.#reading = this.group.read();
      // A scrape asks all its metrics in one go; the next one must read again.
      Promise.resolve().then(() => {
        this.#reading = null;
      });
    }
    return this.#reading;
  }
}

/** The sources of one registry that are no breakers. */
export class PrometheusMeasured {
  static readonly #known = new WeakMap<PrometheusRegistry, PrometheusMeasured>();
  readonly #registry: PrometheusRegistry;
  readonly #families = new Map<MetricFamily, FamilyExport>();

  private constructor(registry: PrometheusRegistry) {
    this.#registry = registry;
  }

  static of(registry: PrometheusRegistry): PrometheusMeasured {
    const known = PrometheusMeasured.#known.get(registry) ?? new PrometheusMeasured(registry);
    PrometheusMeasured.#known.set(registry, known);
    return known;
  }

  /** Adds a source; returns a function that takes it out, and the metrics with the last of its family. */
  attach(source: MeasuredSource, nameBudget: number | undefined): () => void {
    const family = this.#family(source[MEASURES].family);
    const { group } = family;
    const release = group.attach(source, nameBudget);
    try {
      family.register();
    } catch (thrown) {
      release();
      throw thrown;
    }
    return () => {
      release();
      if (group.isEmpty) family.unregister();
    };
  }

  #family(name: MetricFamily): FamilyExport {
    const known = this.#families.get(name);
    if (known !== undefined && !known.isCleared) return known;
    const made = new FamilyExport(this.#registry, name);
    this.#families.set(name, made);
    return made;
  }
}
