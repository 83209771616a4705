import {
  BREAKER_METRIC_NAMES,
  METRICS,
  type MeasuredName,
  type MetricName,
} from "../../src/events/metrics.ts";
import { samples } from "./timeline.ts";

/** The numbers of a breaker in one process, as its exporter shows them. What is left out stays as it is at rest. */
export interface Exported {
  readonly job?: string;
  readonly instance?: string;
  readonly name?: string;
  /** Further labels of every series, such as those of the OpenTelemetry scope. */
  readonly labels?: Readonly<Record<string, string>>;
  /** The states, as a timeline of words: `closed*20 open*4`. */
  readonly states?: string;
  /** Timelines of states that are not one of five, of the breakers that share the name `__other__`. */
  readonly shared?: Readonly<Record<string, string>>;
  readonly progress?: string;
  readonly failures?: string;
  readonly threshold?: string;
  readonly inFlight?: string;
  /** Timelines by label value. */
  readonly calls?: Readonly<Record<string, string>>;
  readonly skips?: Readonly<Record<string, string>>;
  readonly trips?: Readonly<Record<string, string>>;
  readonly probes?: Readonly<Record<string, string>>;
  /** Timelines by `from->to`. */
  readonly transitions?: Readonly<Record<string, string>>;
  readonly recoverySeconds?: string;
  readonly recoveries?: string;
  readonly dropped?: Readonly<Record<string, string>>;
  readonly overflow?: string;
  /** Timelines of what is no breaker, by metric and by label values joined with `->`. */
  readonly measured?: Readonly<Partial<Record<MeasuredName, Readonly<Record<string, string>>>>>;
  /** When the process is scraped: `up`, `down` (the series end), or `silent` (nobody says that they have ended). */
  readonly life?: string;
}

/** Timelines by the name of the series. */
export type SeriesSet = Readonly<Record<string, string>>;

/** Every series that the exporters show of a breaker, `length` samples of each. */
export function exported(given: Exported, length: number): SeriesSet {
  const life = samples(given.life ?? "up", length);
  const shown: Record<string, string> = {};
  const all = [
    ...BREAKER_METRIC_NAMES.flatMap((name) => seriesOf(name, given)),
    ...measuredOf(given),
  ];
  for (const { series, timeline } of all) {
    shown[series] = masked(samples(timeline, length), life).join(" ");
  }
  return shown;
}

function measuredOf(given: Exported): Line[] {
  const { job = "checkout", instance = "a", labels = {}, measured = {} } = given;
  return Object.entries(measured).flatMap(([name, timelines]) => {
    // The keys of `measured` are names of metrics by its type.
    const { labels: further }: { labels: readonly string[] } = METRICS[name as MeasuredName];
    return Object.entries(timelines).map(([words, timeline]) => {
      const values = words.split("->");
      const own = Object.fromEntries(further.map((label, n) => [label, values[n] ?? ""]));
      return { series: selector(name, { job, instance, ...labels, ...own }), timeline };
    });
  });
}

interface Line {
  readonly series: string;
  readonly timeline: string;
}

function seriesOf(name: MetricName, given: Exported): Line[] {
  const { job = "checkout", instance = "a", name: breaker = "payments", labels = {} } = given;
  const { perBreaker, type, labels: further, values } = METRICS[name];
  const common = {
    job,
    instance,
    ...labels,
    ...(perBreaker ? { circuit_breaker_name: breaker } : {}),
  };
  if (type === "histogram") {
    if (name === "circuit_breaker_call_duration_seconds") return [];
    const { recoverySeconds = "0", recoveries = "0" } = given;
    return [
      { series: selector(`${name}_sum`, common), timeline: recoverySeconds },
      { series: selector(`${name}_count`, common), timeline: recoveries },
    ];
  }
  return values.map((words: readonly string[]) => ({
    series: selector(name, {
      ...common,
      ...Object.fromEntries(further.map((label, n) => [label, words[n] ?? ""])),
    }),
    timeline: timelineOf(name, words, given),
  }));
}

function timelineOf(name: MetricName, words: readonly string[], given: Exported): string {
  const key = words.join("->");
  const states = given.states ?? "closed";
  switch (name) {
    case "circuit_breaker_state":
      return given.shared === undefined ? oneHot(states, key) : (given.shared[key] ?? "0");
    case "circuit_breaker_calls_total":
      return given.calls?.[key] ?? "0";
    case "circuit_breaker_skips_total":
      return given.skips?.[key] ?? "0";
    case "circuit_breaker_trips_total":
      return given.trips?.[key] ?? "0";
    case "circuit_breaker_probes_total":
      return given.probes?.[key] ?? "0";
    case "circuit_breaker_transitions_total":
      return given.transitions?.[key] ?? "0";
    case "circuit_breaker_trip_progress_ratio":
      return given.progress ?? oneUnlessClosed(states);
    case "circuit_breaker_consecutive_failures":
      return given.failures ?? "0";
    case "circuit_breaker_failure_threshold":
      return given.threshold ?? "5";
    case "circuit_breaker_probes_in_flight":
      return given.inFlight ?? "0";
    case "circuit_breaker_events_dropped_total":
      return given.dropped?.[key] ?? "0";
    case "circuit_breaker_series_overflow_total":
      return given.overflow ?? "0";
    default:
      return name === "circuit_breaker_traffic_share_ratio" ? "1" : "0";
  }
}

const oneHot = (states: string, state: string): string =>
  states.replaceAll(/[a-z_]+/g, (word) => (word === state ? "1" : "0"));
const oneUnlessClosed = (states: string): string =>
  states.replaceAll(/[a-z_]+/g, (word) => (word === "closed" ? "0" : "1"));

export function selector(name: string, labels: Readonly<Record<string, string>>): string {
  return `${name}{${Object.entries(labels)
    .map(([label, value]) => `${label}="${value}"`)
    .join(",")}}`;
}

function masked(values: readonly string[], life: readonly string[]): string[] {
  return values.map((value, n) => {
    if (life[n] === "up") return value;
    return life[n] === "down" && life[n - 1] === "up" ? "stale" : "_";
  });
}
