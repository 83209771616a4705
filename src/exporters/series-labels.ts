import type { BreakerView } from "../core/breaker-view.ts";
import type { Check } from "../events/check.ts";
import { BREAKER_LABEL, OTHER } from "../events/metrics.ts";
import { listed, type MetricSettings } from "./metric-arguments.ts";
import type { Labels } from "./metric-reading.ts";

/** Names of all ever seen that get series of their own: the OpenTelemetry SDK keeps 2 000 attribute sets. */
const DEFAULT_NAME_BUDGET = 150;

/** Says which labels the series of a breaker have, within the budget of names. */
export class SeriesLabels {
  readonly #nameLabel: string;
  /** The labels of every name that ever had series of its own. */
  readonly #named = new Map<string, Labels>();
  #nameBudget = DEFAULT_NAME_BUDGET;
  #attributes: readonly string[] = [];
  /** The labels that breakers share whose names have no series of their own; one object. */
  #other: Labels;
  /** Breakers that were given the shared labels. */
  overflow = 0;

  constructor(pipeline: keyof typeof BREAKER_LABEL) {
    this.#nameLabel = BREAKER_LABEL[pipeline];
    this.#other = this.#made(OTHER, []);
  }

  get other(): Labels {
    return this.#other;
  }

  /**
   * Takes the budget and the attributes that the first breakers come with; true when labels given before are void.
   * @throws {RangeError} when further breakers ask for others than those that hold
   */
  agree(check: Check, settings: MetricSettings, isFirst: boolean): boolean {
    const { nameBudget = this.#nameBudget, attributes = this.#attributes } = settings;
    const differs = attributes.join() !== this.#attributes.join();
    const before = "as for the breakers attached before";
    if (!isFirst && nameBudget !== this.#nameBudget) {
      check.range("nameBudget", `${this.#nameBudget} ${before}`, nameBudget);
    }
    if (!isFirst && differs) {
      check.range("attributes", `${listed(this.#attributes)} ${before}`, attributes.join(", "));
    }
    this.#nameBudget = nameBudget;
    if (!differs) return false;
    this.#attributes = attributes;
    const others = attributes.map(() => OTHER);
    this.#other = this.#made(OTHER, others);
    return true;
  }

  /** The labels of a breaker that is met for the first time: its own, or the shared ones beyond the budget. */
  labelsOf(view: BreakerView): Labels {
    const { name } = view;
    const values = this.#attributes.map((key) => labelValue(view.attributes[key]));
    const key = values.length === 0 ? name : JSON.stringify([name, this.#attributes, values]);
    let labels = this.#named.get(key);
    if (labels === undefined) {
      if (name === OTHER || this.#named.size >= this.#nameBudget) {
        this.overflow++;
        return this.#other;
      }
      labels = this.#made(name, values);
      this.#named.set(key, labels);
    }
    return labels;
  }

  #made(name: string, values: readonly string[]): Labels {
    const labels: Record<string, string> = { [this.#nameLabel]: name };
    for (const [n, key] of this.#attributes.entries()) labels[key] = values[n] ?? "";
    return Object.freeze(labels);
  }
}

/** An attribute as the value of a label; a missing one is empty, which Prometheus takes for no label. */
const labelValue = (value: unknown): string =>
  value === undefined || value === null ? "" : String(value);
