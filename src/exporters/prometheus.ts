import { Check, hasMethods } from "../events/check.ts";
import type { MetricDefinition } from "../events/metric-definition.ts";
import { BREAKER_METRIC_NAMES, METRICS, type MetricName } from "../events/metrics.ts";
import { BreakerGroup, type HistogramName, type LabelledRow } from "./breaker-group.ts";
import { type ExemplarSource, Exemplars, isExemplarSource } from "./exemplars.ts";
import { HistogramSet } from "./histogram-set.ts";
import {
  type CheckedSource,
  checkedMetricOptions,
  checkedNameBudget,
  checkedSource,
  isMeasured,
  type MetricOptions,
  type MetricSettings,
  type MetricSource,
} from "./metric-arguments.ts";
import { PrometheusMeasured } from "./prometheus-measured.ts";
import { described, type PrintedSample, PulledMetric } from "./prometheus-metric.ts";
import type { PrometheusRegistry } from "./prometheus-registry.ts";

export type { ActiveSpans, ExemplarSource } from "./exemplars.ts";
export type { MetricOptions, MetricSource } from "./metric-arguments.ts";
export type { PrometheusRegistry } from "./prometheus-registry.ts";

/** Options of {@link exportToPrometheus}. Unknown keys are refused. */
export interface PrometheusOptions extends MetricOptions {
  /**
   * Exemplars of refused and failed calls, for a registry in OpenMetrics mode: `trace` of `@opentelemetry/api`, or a
   * function that returns the labels of the present call. One call is kept for each number until a scrape has shown it.
   * Calls are then timed, since failures are listened to. One source for each registry, set by the first breakers
   * that come with one.
   * @default none
   */
  readonly exemplars?: ExemplarSource;
}

const CHECK = new Check("export to Prometheus");

/** The breakers and metrics of one registry. */
class PrometheusExport {
  readonly #registry: PrometheusRegistry;
  readonly #group: BreakerGroup;
  readonly #metrics = new Map<MetricName, PulledMetric>();
  readonly #histograms = new Map<HistogramName, HistogramSet>();
  #exemplars: { readonly source: ExemplarSource; readonly kept: Exemplars } | null = null;
  /** The reading that the metrics of one scrape share. */
  #rows: readonly LabelledRow[] | null = null;
  #readVersion = 0;
  #holds = 0;

  constructor(registry: PrometheusRegistry) {
    this.#registry = registry;
    this.#group = new BreakerGroup({
      check: CHECK,
      pipeline: "prometheus",
      series: (metric, labels, words) => this.#histogram(metric).observer(labels, words),
    });
  }

  /** Whether somebody emptied the registry after breakers were attached. */
  get isCleared(): boolean {
    return this.#metrics.size > 0 && ![...this.#metrics].some(([name]) => this.#isOurs(name));
  }

  attach(
    source: CheckedSource,
    settings: MetricSettings,
    exemplars: ExemplarSource | undefined,
  ): () => void {
    const watches = exemplars === undefined ? [] : [this.#exemplarsFrom(exemplars).watch];
    const missing = BREAKER_METRIC_NAMES.filter((name) =>
      this.#isMissing(name, settings.callDurations),
    );
    for (const name of missing) this.#refuseTaken(name);
    const release = this.#group.attach(source, settings, watches);
    for (const name of missing) {
      const metric = this.#makeMetric(name);
      this.#metrics.set(name, metric);
      this.#registry.registerMetric(metric);
    }
    this.#holds++;
    let attached = true;
    return () => {
      if (!attached) return;
      attached = false;
      this.#holds--;
      if (this.#holds === 0) this.#unregister();
      release();
    };
  }

  /** Lets every breaker go, for a registry that somebody emptied. */
  end(): void {
    this.#group.clear();
  }

  #isMissing(name: MetricName, callDurations: boolean): boolean {
    const { optIn }: MetricDefinition = METRICS[name];
    return !this.#metrics.has(name) && (callDurations || optIn !== true);
  }

  #isOurs(name: MetricName): boolean {
    return this.#registry.getSingleMetric(name) === this.#metrics.get(name);
  }

  #refuseTaken(name: MetricName): void {
    if (this.#registry.getSingleMetric(name) === undefined) return;
    CHECK.range("promRegistry", "one without a metric of our names", name);
  }

  #unregister(): void {
    for (const name of this.#metrics.keys()) {
      if (this.#isOurs(name)) this.#registry.removeSingleMetric(name);
    }
    this.#metrics.clear();
  }

  #makeMetric(name: MetricName): PulledMetric {
    return new PulledMetric(described(name), this.#registry, () => this.#samples(name));
  }

  /** Never throws: one failing metric would fail the whole scrape. */
  #samples(name: MetricName): PrintedSample[] {
    try {
      const samples = isHistogram(name)
        ? this.#distribution(name)
        : this.#group.samples(name, this.#read());
      return this.#exemplars === null ? samples : withExemplars(samples, this.#exemplars.kept);
    } catch {
      return [];
    }
  }

  /** The exemplars of the registry, made for the first breakers that want some. */
  #exemplarsFrom(source: ExemplarSource): Exemplars {
    if (this.#exemplars !== null && this.#exemplars.source !== source) {
      if (!this.#group.isEmpty) {
        CHECK.range("exemplars", "the source of the breakers attached before", source);
      }
      this.#exemplars = null;
    }
    const durations = "circuit_breaker_call_duration_seconds";
    this.#exemplars ??= {
      source,
      kept: new Exemplars(source, {
        labels: (breaker) => this.#group.labelsOfName(breaker),
        bucket: (outcome, seconds) => this.#histogram(durations).bucketLabels([outcome], seconds),
      }),
    };
    return this.#exemplars.kept;
  }

  #read(): readonly LabelledRow[] {
    const { version } = this.#group;
    if (this.#rows === null || this.#readVersion !== version) {
      this.#readVersion = version;
      this.#rows = this.#group.read();
      // A scrape asks all its metrics in one go; the next one must read again.
      Promise.resolve().then(() => {
        this.#rows = null;
      });
    }
    return this.#rows;
  }

  #histogram(metric: HistogramName): HistogramSet {
    let histogram = this.#histograms.get(metric);
    if (histogram === undefined) {
      histogram = new HistogramSet(metric);
      this.#histograms.set(metric, histogram);
    }
    return histogram;
  }

  #distribution(metric: HistogramName): PrintedSample[] {
    const histogram = this.#histogram(metric);
    return [...this.#group.labelsOf(metric)].flatMap((labels) => histogram.samples(labels));
  }
}

/** Adds the calls that are kept for some of the numbers. */
function withExemplars(samples: readonly PrintedSample[], kept: Exemplars): PrintedSample[] {
  return samples.map((sample) => {
    const exemplar = kept.of(sample.labels, sample.sharedLabels);
    return exemplar === undefined ? sample : { ...sample, exemplar };
  });
}

const isHistogram = (name: MetricName): name is HistogramName => METRICS[name].type === "histogram";

const exportsByRegistry = new WeakMap<PrometheusRegistry, PrometheusExport>();

function exportOf(registry: PrometheusRegistry): PrometheusExport {
  let known = exportsByRegistry.get(registry);
  if (known?.isCleared === true) {
    known.end();
    known = undefined;
  }
  if (known === undefined) {
    known = new PrometheusExport(registry);
    exportsByRegistry.set(registry, known);
  }
  return known;
}

/**
 * Adds the metrics of breakers to a prom-client registry. The numbers are read from the breakers when they are
 * scraped, which costs nothing per call, and every series exists from the start, at zero. Further calls with the same
 * registry add their breakers to the same metrics.
 *
 * Beyond `nameBudget` names, breakers share the name `__other__`. In a prom-client cluster, counters and states are
 * summed and the other gauges take the worst of the processes; `circuit_breaker_opened_timestamp_seconds` the latest.
 * `registry.clear()` detaches all breakers. Of a breaker registry, the breakers that come later are added and those that
 * go are taken out.
 *
 * Of an `ExhaustionRegistry`, a `CreditLedger`, a `Cluster`, and of what `persist` and `connectOwner` return, the metrics
 * that begin with `telltale_` are added; of the options only `nameBudget` has a use then, for providers, models, budgets and
 * owners.
 *
 * @param source a breaker, several, a breaker registry, marks of quota, a ledger, a cluster, state that is
 * kept, the connection to an owner
 * @param promRegistry the registry, such as prom-client's `register`
 * @returns a function that takes the breakers out of the registry again, and the metrics with the last of them
 * @throws {TypeError} when an argument is of the wrong type or an option is unknown
 * @throws {RangeError} when another breaker of the same name is there, another metric has one of our names, or the
 * budget differs from the one that holds; nothing has changed then
 * @example
 * import { register } from "prom-client";
 *
 * const detach = exportToPrometheus([payments, search], register);
 * http.createServer(async (_, response) => response.end(await register.metrics())).listen(9464);
 */
export function exportToPrometheus(
  source: MetricSource,
  promRegistry: PrometheusRegistry,
  options: PrometheusOptions = {},
): () => void {
  const checked = isMeasured(source) ? [] : checkedSource(CHECK, source);
  if (!isRegistry(promRegistry)) {
    return CHECK.type("promRegistry", "a prom-client registry", promRegistry);
  }
  if (isMeasured(source)) {
    const nameBudget = checkedNameBudget(CHECK, options);
    return PrometheusMeasured.of(promRegistry).attach(source, nameBudget);
  }
  const settings = checkedMetricOptions(CHECK, options, ["exemplars"]);
  const { exemplars } = options;
  if (exemplars !== undefined && !isExemplarSource(exemplars)) {
    const allowed = "`trace` of @opentelemetry/api or a function that returns labels";
    return CHECK.type("exemplars", allowed, exemplars);
  }
  return exportOf(promRegistry).attach(checked, settings, exemplars);
}

function isRegistry(value: unknown): value is PrometheusRegistry {
  return hasMethods(value, ["registerMetric", "getSingleMetric", "removeSingleMetric"]);
}
