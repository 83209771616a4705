import type { Check } from "../events/check.ts";
import { MEASURES, type MeasuredSource, type Measurement } from "../events/measurement.ts";
import type { MetricDefinition, MetricFamily } from "../events/metric-definition.ts";
import { METRICS, type MeasuredName, measuredNames, OTHER } from "../events/metrics.ts";
import { COMBINE, type Labels, labelsOf } from "./metric-reading.ts";

/** Names of a metric that get series of their own. */
const DEFAULT_NAME_BUDGET = 150;

/** One number of one series. */
export interface MeasuredSample {
  readonly metric: MeasuredName;
  readonly labels: Labels;
  readonly value: number;
}

/** The present numbers, by metric. */
export type MeasuredReading = ReadonlyMap<MeasuredName, readonly MeasuredSample[]>;

/** A source that is attached. */
interface Held {
  holds: number;
  readonly nameBudget: number;
  /** The names of each metric that have series of their own. */
  readonly names: Map<MeasuredName, Set<string>>;
  /** The series of gauges that were shown: one that is not told any more is 0. */
  readonly gauges: Map<string, Measurement>;
}

/** The sources of one family that one target shows, and the one reading of them that both exporters use. */
export class MeasuredGroup {
  readonly names: readonly MeasuredName[];
  readonly #check: Check;
  readonly #sources = new Map<MeasuredSource, Held>();
  /** The names of sources that have one each: they count against one budget, or it would bound nothing. */
  readonly #ownNames: Held["names"] | null;

  constructor(check: Check, family: MetricFamily) {
    this.#check = check;
    this.#ownNames = family === "owner" ? new Map() : null;
    this.names = measuredNames(family);
  }

  get isEmpty(): boolean {
    return this.#sources.size === 0;
  }

  /**
   * Adds a source; returns a function that takes it out again.
   * @throws {RangeError} when it is there already with another budget
   */
  attach(source: MeasuredSource, nameBudget: number | undefined): () => void {
    const held = this.#held(source, nameBudget);
    held.holds++;
    let holds = true;
    return () => {
      if (!holds) return;
      holds = false;
      held.holds--;
      if (held.holds === 0) this.#sources.delete(source);
    };
  }

  #held(source: MeasuredSource, nameBudget: number | undefined): Held {
    const known = this.#sources.get(source);
    if (known === undefined) {
      const budget = nameBudget ?? DEFAULT_NAME_BUDGET;
      const held = {
        holds: 0,
        nameBudget: budget,
        names: this.#ownNames ?? new Map(),
        gauges: new Map(),
      };
      this.#sources.set(source, held);
      return held;
    }
    if (nameBudget !== undefined && nameBudget !== known.nameBudget) {
      this.#check.range("nameBudget", `${known.nameBudget} as before`, nameBudget);
    }
    return known;
  }

  /** Reads every source, once. One that cannot be read is left out and fails nobody else. */
  read(): MeasuredReading {
    const series = new Map<string, MeasuredSample>();
    for (const [source, held] of this.#sources) {
      for (const measurement of readOne(source, held)) combine(series, measurement);
    }
    const reading = new Map<MeasuredName, MeasuredSample[]>(this.names.map((name) => [name, []]));
    for (const sample of series.values()) reading.get(sample.metric)?.push(sample);
    return reading;
  }
}

function readOne(source: MeasuredSource, held: Held): readonly Measurement[] {
  let told: readonly Measurement[];
  try {
    told = source[MEASURES].read();
  } catch {
    // The next scrape asks again; until then the series are missing, which is what absence alerts see.
    return [];
  }
  const gone = new Map(held.gauges);
  const shown = told.map((measurement) => {
    const within = withinBudget(measurement, held);
    if (METRICS[within.metric].type !== "gauge" || within.words.length === 0) return within;
    const key = keyOf(within);
    gone.delete(key);
    held.gauges.set(key, within);
    return within;
  });
  return [...shown, ...[...gone.values()].map((gauge) => ({ ...gauge, value: 0 }))];
}

/** The measurement under its own names, or beyond the budget under the one that the others share. */
function withinBudget(measurement: Measurement, held: Held): Measurement {
  const { metric, words } = measurement;
  const { names: count = 0 }: MetricDefinition = METRICS[metric];
  if (count === 0) return measurement;
  const name = words.slice(0, count).join("\0");
  const known = held.names.get(metric) ?? new Set<string>();
  held.names.set(metric, known);
  if (known.has(name)) return measurement;
  if (known.size < held.nameBudget) {
    known.add(name);
    return measurement;
  }
  return { ...measurement, words: words.map((word, n) => (n < count ? OTHER : word)) };
}

function combine(series: Map<string, MeasuredSample>, measurement: Measurement): void {
  const { metric, words, value } = measurement;
  const key = keyOf(measurement);
  const known = series.get(key);
  const sum = known === undefined ? value : COMBINE[METRICS[metric].combine](known.value, value);
  series.set(key, { metric, labels: known?.labels ?? labelsOf(metric, words), value: sum });
}

const keyOf = ({ metric, words }: Measurement): string => [metric, ...words].join("\0");
