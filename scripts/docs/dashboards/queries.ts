import { BREAKER_LABEL, METRICS, type MetricName } from "../../../src/events/metrics.ts";
import type { CircuitState } from "../../../src/events/vocabulary.ts";

/** The label that names the breaker, as Prometheus has it. */
export const NAME = BREAKER_LABEL.prometheus;

/** The series that the metric of a histogram has in Prometheus. */
type SeriesName = MetricName | `${MetricName}_bucket`;

/** Writes the selector of a metric; `matchers` are further ones, such as `state="open"`. */
export type Select = (series: SeriesName, matchers?: string) => string;

const TARGETS = 'job=~"$job", instance=~"$instance"';

/** Selects the breakers that the dashboard's variables choose; any number of them. */
export const ofChosen = selectWith(`${NAME}=~"$breaker"`);

/**
 * Selects one breaker. With `=`, because Grafana escapes the value of a variable for a regular expression only when
 * the variable may have several, and a breaker may be called `GET /orders (v2)`.
 */
export const ofOne = selectWith(`${NAME}="$breaker"`);

function selectWith(breaker: string): Select {
  return (series, matchers) => {
    // A bucket belongs to the histogram that it is named after.
    const metric = series.replace(/_bucket$/, "") as MetricName;
    const all = [TARGETS];
    if (METRICS[metric].perBreaker) all.push(breaker);
    if (matchers !== undefined) all.push(matchers);
    return `${series}{${all.join(", ")}}`;
  };
}

/** Where Grafana puts the value of a variable in a link. */
export const inserted = (variable: string): string => `\${${variable}}`;

/** Per second, over the interval that Grafana takes for rates. */
export const rate = (selector: string): string => `rate(${selector}[$__rate_interval])`;

/** How much a counter grew, by default from one point of the panel to the next. */
export const increase = (selector: string, over = "$__rate_interval"): string =>
  `increase(${selector}[${over}])`;

export const sumBy = (labels: string, inner: string): string => `sum by (${labels}) (${inner})`;
export const maxBy = (labels: string, inner: string): string => `max by (${labels}) (${inner})`;

/**
 * How bad a state is, as the number that the queries give and the panels show as a word: of several instances the
 * worst counts.
 */
export const STATE_CODES: Readonly<Record<CircuitState, number>> = {
  closed: 0,
  disabled: 1,
  half_open: 2,
  open: 3,
  forced_open: 4,
};

/** The worst state, as its code. `> bool 0`, because `__other__` counts the breakers in each state. */
export function worstState(select: Select, by: string): string {
  const codes = Object.entries(STATE_CODES).map(
    ([state, code]) =>
      `(${select("circuit_breaker_state", `state="${state}"`)} > bool 0) * ${code}`,
  );
  return `max by (${by}) (\n  ${codes.join("\n  or ")}\n)`;
}

/** The refused share of all calls; 0 when there was none. */
export function skipRatio(
  grown: (selector: string) => string,
  select: Select,
  by: string | null,
): string {
  const sum = (series: MetricName) =>
    by === null ? `sum(${grown(select(series))})` : sumBy(by, grown(select(series)));
  const [skips, calls] = [sum("circuit_breaker_skips_total"), sum("circuit_breaker_calls_total")];
  return `${skips}\n/\nclamp_min(${skips} + ${calls}, 1e-9)`;
}

/** How near the trip is. A disabled breaker reads 1 although it cannot trip, so it is left out. */
export function distanceToTrip(select: Select, by: string): string {
  const disabled = select("circuit_breaker_state", 'state="disabled"');
  return `max by (${by}) (
  ${select("circuit_breaker_trip_progress_ratio")}
  and on (job, instance, ${NAME}) (${disabled} == 0)
)`;
}

/** Seconds since the incident under way began; 0 when there is none. */
export function incidentAge(select: Select): string {
  const opened = select("circuit_breaker_opened_timestamp_seconds");
  return `(time() - ${opened}) * (${opened} > bool 0)`;
}

/** Incidents under way. */
export function stillOpen(select: Select): string {
  return `sum(${select("circuit_breaker_opened_timestamp_seconds")} > bool 0)`;
}

/** The share of the time that a breaker was open. At most 1: a rate extrapolates, and `__other__` is a sum. */
export function shareOfTimeOpen(select: Select, by: string): string {
  return `clamp_max(avg by (${by}) (${rate(select("circuit_breaker_open_seconds_total"))}), 1)`;
}

/**
 * A quantile of a histogram. NaN, a gap in the panel, when the histogram has no series yet: OpenTelemetry cannot
 * export an empty one.
 */
export function quantile(share: number, grown: string): string {
  return `histogram_quantile(${share}, sum by (le) (${grown})) or vector(NaN)`;
}
