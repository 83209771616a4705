import type { Combine } from "../events/metric-definition.ts";
import { METRICS, type MetricName } from "../events/metrics.ts";
import type { Labels } from "./metric-reading.ts";

/** One number of a metric, in the shape in which prom-client prints it. */
export interface PrintedSample {
  readonly labels: Labels;
  /** Labels that many samples have in common; their text is made once. */
  readonly sharedLabels: Labels;
  readonly value: number;
  /** The name of a histogram's series, where it differs from the metric's. */
  readonly metricName?: string;
  /** A call that the number tells of; printed by OpenMetrics registries alone. */
  readonly exemplar?: Exemplar;
}

/** A reference from a number to the trace of one call that it counts. */
export interface Exemplar {
  readonly labelSet: Labels;
  readonly value: number;
  /** Unix time in seconds. */
  readonly timestamp: number;
}

type PlainSample = Omit<PrintedSample, "sharedLabels">;

interface Described {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly aggregator: string;
}

interface Page<S> extends Described {
  readonly values: S[];
}

/** How prom-client adds up the processes of a cluster. It knows no `earliest`; a sum of moments would be none. */
const AGGREGATORS: Readonly<Record<Combine, string>> = {
  sum: "sum",
  largest: "max",
  smallest: "min",
  earliest: "max",
};

/** A metric of the catalogue, as prom-client describes it. */
export function described(name: MetricName): Described {
  const { help, type, combine } = METRICS[name];
  return { name, help, type, aggregator: AGGREGATORS[combine] };
}

const OPENMETRICS = "application/openmetrics-text";

/** A metric as prom-client and its successor keep it: it is asked for its numbers, and given none. */
export class PulledMetric {
  readonly help: string;
  readonly type: string;
  readonly aggregator: string;
  readonly #name: string;
  readonly #samples: () => PrintedSample[];
  readonly #registry: { readonly contentType?: unknown };
  #cut = false;

  /** `samples` must not throw: one failing metric would fail the whole scrape. */
  constructor(
    { name, help, type, aggregator }: Described,
    registry: { readonly contentType?: unknown },
    samples: () => PrintedSample[],
  ) {
    this.#name = name;
    this.help = help;
    this.type = type;
    this.aggregator = aggregator;
    this.#registry = registry;
    this.#samples = samples;
  }

  get name(): string {
    return this.#name;
  }

  /**
   * A registry in OpenMetrics mode cuts `_total` off the name of a counter before each scrape, and would find it cut
   * for good: also when it next prints the older format.
   */
  set name(given: string) {
    this.#cut = given !== this.#name;
  }

  /** For JSON, which clusters exchange: a primary in OpenMetrics mode expects the names that its workers would print. */
  async get(): Promise<Page<PlainSample>> {
    const values = this.#samples().map(({ sharedLabels, ...sample }) => ({
      ...sample,
      labels: { ...sample.labels, ...sharedLabels },
    }));
    return this.#page(this.#isOpenMetrics(), values);
  }

  /** For printing. */
  async getForPromString(): Promise<Page<PrintedSample>> {
    const cut = this.#cut || this.#isOpenMetrics();
    this.#cut = false;
    return this.#page(cut, this.#samples());
  }

  /** `registry.resetMetrics()` calls it. The counters are the breakers', which never go back. */
  reset(): void {}

  #isOpenMetrics(): boolean {
    const { contentType } = this.#registry;
    return typeof contentType === "string" && contentType.startsWith(OPENMETRICS);
  }

  #page<S>(cut: boolean, values: S[]): Page<S> {
    const { help, type, aggregator } = this;
    const name = cut && type === "counter" ? this.#name.replace(/_total$/, "") : this.#name;
    return { name, help, type, aggregator, values };
  }
}
