import type { BreakerStats, BreakerView } from "../core/breaker-view.ts";
import { METRIC_NAMES, METRICS, type MetricName } from "../events/metrics.ts";
import type {
  CircuitState,
  CountedAs,
  FailureReason,
  ProbeOutcome,
  SkipReason,
  Transition,
} from "../events/vocabulary.ts";

/** What is read of a breaker at one scrape, once. */
interface Reading {
  readonly stats: BreakerStats;
  readonly state: CircuitState;
  readonly trafficShare: number;
  readonly tripProgress: number;
  readonly failureThreshold: number;
  readonly probesInFlight: number;
  readonly openedAtMs: number | null;
}

/** The metrics whose numbers a breaker holds itself. */
type PulledName = {
  [N in MetricName]: (typeof METRICS)[N] extends {
    readonly perBreaker: true;
    readonly type: "counter" | "gauge";
  }
    ? N
    : never;
}[MetricName];

// `word` is the series' legal value of METRICS, several joined with "->" as the keys of `stats.transitions` are. That
// is why the words may be taken for keys: the values of a metric and the keys of its counter are the same list.
const READ: Readonly<Record<PulledName, (from: Reading, word: string) => number>> = {
  circuit_breaker_calls_total: ({ stats }, word) => stats.calls[word as CountedAs],
  circuit_breaker_skips_total: ({ stats }, word) => stats.skips[word as SkipReason],
  circuit_breaker_trips_total: ({ stats }, word) => stats.trips[word as FailureReason],
  circuit_breaker_transitions_total: ({ stats }, word) => stats.transitions[word as Transition],
  circuit_breaker_probes_total: ({ stats }, word) => stats.probes[word as ProbeOutcome],
  circuit_breaker_open_seconds_total: ({ stats: { timeInStateMs } }) =>
    (timeInStateMs.open + timeInStateMs.forced_open) / 1000,
  circuit_breaker_state: ({ state }, word) => (state === word ? 1 : 0),
  circuit_breaker_trip_progress_ratio: ({ tripProgress }) => tripProgress,
  circuit_breaker_traffic_share_ratio: ({ trafficShare }) => trafficShare,
  circuit_breaker_consecutive_failures: ({ stats }) => stats.consecutiveFailures,
  circuit_breaker_failure_threshold: ({ failureThreshold }) => failureThreshold,
  circuit_breaker_probes_in_flight: ({ probesInFlight }) => probesInFlight,
  circuit_breaker_opened_timestamp_seconds: ({ openedAtMs }) => (openedAtMs ?? 0) / 1000,
};

/** Label values by label name. */
export type Labels = Readonly<Record<string, string>>;

/** One series of a breaker: where its number stands in a row, and its labels without the breaker's. */
export interface Slot {
  readonly metric: PulledName;
  readonly at: number;
  readonly labels: Labels;
  readonly word: string;
}

const isPulled = (name: MetricName): name is PulledName => Object.hasOwn(READ, name);

/** Every series that a breaker has, in the order of a row. */
const SLOTS: readonly Slot[] = METRIC_NAMES.filter(isPulled)
  .flatMap((metric) => METRICS[metric].values.map((words) => ({ metric, words })))
  .map(({ metric, words }, at) => ({
    metric,
    at,
    labels: labelsOf(metric, words),
    word: words.join("->"),
  }));

/** The series of one metric; none when its numbers are not read from breakers. */
export const SLOTS_OF: ReadonlyMap<MetricName, readonly Slot[]> = new Map(
  METRIC_NAMES.map((name) => [name, SLOTS.filter(({ metric }) => metric === name)]),
);

/** The labels that stand for one legal combination of values. */
export function labelsOf(metric: MetricName, words: readonly string[]): Labels {
  const { labels }: { readonly labels: readonly string[] } = METRICS[metric];
  return Object.freeze(Object.fromEntries(labels.map((label, n) => [label, words[n] ?? ""])));
}

/** The numbers of one breaker, or of several together, one for each of {@link SLOTS}. */
export type Row = Float64Array;

/**
 * Reads a breaker.
 * @throws whatever the breaker throws, and TypeError when one of its numbers is none
 */
function readRow(view: BreakerView): Row {
  // What time brought about is told before it is shown: a trip by calls that hang, when nobody calls.
  view.catchUp?.();
  // Each getter may read a clock, so each is asked once.
  const { stats, state, trafficShare, tripProgress, probesInFlight, openedAtMs } = view;
  const reading: Reading = {
    stats,
    state,
    trafficShare,
    tripProgress,
    // 0 stands for "no rule counts failures in a row", which an alert can tell from every threshold.
    failureThreshold: view.failureThreshold ?? 0,
    probesInFlight,
    openedAtMs,
  };
  const row = new Float64Array(SLOTS.length);
  for (const { metric, at, word } of SLOTS) {
    const value = READ[metric](reading, word);
    if (!Number.isFinite(value)) {
      throw new TypeError(`${metric} must be a finite number, received ${String(value)}`);
    }
    row[at] = value;
  }
  return row;
}

/** Reads a breaker; null when it cannot be read. */
export function tryRead(view: BreakerView): Row | null {
  try {
    return readRow(view);
  } catch {
    // The next scrape asks again; until then the breaker's series are missing, which is what absence alerts see.
    return null;
  }
}

/** Adds a further breaker to a row that several share, by the rule of each metric. */
export function combineRows(shared: Row, row: Row): void {
  for (const { metric, at } of SLOTS) {
    // Both rows have a number for every slot.
    const [a, b] = [shared[at] ?? 0, row[at] ?? 0];
    shared[at] = COMBINE[METRICS[metric].combine](a, b);
  }
}

/** Adds (or, with a factor of -1, takes back) the counters of a row, and leaves the gauges alone. */
export function addCounters(shared: Row, row: Row, factor: 1 | -1): void {
  for (const { metric, at } of SLOTS) {
    if (METRICS[metric].type !== "counter") continue;
    shared[at] = (shared[at] ?? 0) + factor * (row[at] ?? 0);
  }
}

/** Lets no counter of a row be below what it was before. */
export function keepCounters(row: Row, before: Row): void {
  for (const { metric, at } of SLOTS) {
    if (METRICS[metric].type === "counter") row[at] = Math.max(row[at] ?? 0, before[at] ?? 0);
  }
}

/** How two numbers make one. */
export const COMBINE = {
  sum: (a: number, b: number) => a + b,
  largest: (a: number, b: number) => Math.max(a, b),
  smallest: (a: number, b: number) => Math.min(a, b),
  earliest: (a: number, b: number) => (a === 0 ? b : b === 0 ? a : Math.min(a, b)),
} as const;
