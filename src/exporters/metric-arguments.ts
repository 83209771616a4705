import type { BreakerView, RegistryView } from "../core/breaker-view.ts";
import { type Check, shown } from "../events/check.ts";
import { MEASURES, type MeasuredSource } from "../events/measurement.ts";
import { BREAKER_LABEL, BREAKER_METRIC_NAMES, METRICS } from "../events/metrics.ts";

/**
 * What metrics are read from: a breaker, several, or a registry, whose breakers come and go; or an `ExhaustionRegistry`, a
 * `CreditLedger` or a `Cluster`, which have metrics of their own.
 */
export type MetricSource = BreakerView | readonly BreakerView[] | RegistryView | MeasuredSource;

/** A source, checked. */
export type CheckedSource = readonly BreakerView[] | RegistryView;

/** Options that every metrics exporter has. */
export interface MetricOptions {
  /**
   * Breaker names, of all ever seen, that get series of their own; further ones share the name `__other__`. One
   * number for each registry or meter, set by the first breakers that are attached to it. With `attributes`, a name
   * counts once for each combination of their values.
   * @default 150
   */
  readonly nameBudget?: number;
  /**
   * The attributes of breakers that become labels of their metrics: an attribute that is not named here is on events
   * alone. A breaker without one of them has an empty label. One list for each registry or meter, set by the first
   * breakers that are attached to it.
   * @default none
   */
  readonly attributes?: readonly string[];
  /**
   * Also export `circuit_breaker_call_duration_seconds`. Each call is then timed and recorded, which costs two readings
   * of the clock; the other metrics cost nothing per call.
   * @default false
   */
  readonly callDurations?: boolean;
}

/** The options, checked and complete; undefined where the target's present value stands. */
export interface MetricSettings {
  readonly nameBudget: number | undefined;
  readonly attributes: readonly string[] | undefined;
  readonly callDurations: boolean;
}

const COMMON_OPTIONS = [
  "nameBudget",
  "attributes",
  "callDurations",
] as const satisfies readonly (keyof MetricOptions)[];

/** What a label is called in both pipelines without being rewritten; `__` is Prometheus' own, `otel_scope_` the SDK's. */
const LABEL_NAME = /^(?!__|otel_scope_)[A-Za-z_][A-Za-z0-9_]*$/;
/** The labels that mean something already: the catalogue's, and those of histograms and summaries. */
const TAKEN: ReadonlySet<string> = new Set([
  ...BREAKER_METRIC_NAMES.flatMap((name): readonly string[] => METRICS[name].labels),
  ...[BREAKER_LABEL.prometheus, "le", "quantile"],
]);
/** Each is on every series of every breaker. */
const MOST_ATTRIBUTES = 8;

/**
 * The breakers of a source, or the registry that it is.
 * @throws {TypeError} when the source holds anything else
 */
export function checkedSource(check: Check, source: unknown): CheckedSource {
  if (!Array.isArray(source)) {
    if (isRegistry(source)) return source;
    return isBreaker(source)
      ? [source]
      : check.type("source", "a breaker, an array of breakers or a registry", source);
  }
  return source.map((item: unknown, n) =>
    isBreaker(item) ? item : check.type(`source[${n}]`, "a breaker", item),
  );
}

/**
 * Checks the options that every metrics exporter has; `further` are the keys of the exporter's own.
 * @throws {TypeError|RangeError} when an option is unknown, of the wrong type or outside its range
 */
export function checkedMetricOptions(
  check: Check,
  options: unknown,
  further: readonly string[] = [],
): MetricSettings {
  const given: Readonly<Record<string, unknown>> & {
    readonly nameBudget?: unknown;
    readonly attributes?: unknown;
    readonly callDurations?: unknown;
  } = check.object("options", options);
  check.keys(given, [...COMMON_OPTIONS, ...further]);
  const { nameBudget, attributes, callDurations = false } = given;
  return {
    nameBudget:
      nameBudget === undefined ? undefined : check.positiveInteger("nameBudget", nameBudget),
    attributes: attributes === undefined ? undefined : checkedAttributes(check, attributes),
    callDurations: check.flag("callDurations", callDurations),
  };
}

/** Whether a source is something that is no breaker and has metrics. */
export const isMeasured = (source: unknown): source is MeasuredSource =>
  typeof source === "object" && source !== null && MEASURES in source;

/**
 * Checks the options for a source that is no breaker: only the budget of names has a use.
 * @throws {TypeError|RangeError} when an option is unknown or of the wrong type
 */
export function checkedNameBudget(check: Check, options: unknown, known: readonly string[] = []) {
  const given: Readonly<Record<string, unknown>> & { readonly nameBudget?: unknown } = check.object(
    "options",
    options,
  );
  check.keys(given, ["nameBudget", ...known]);
  const { nameBudget } = given;
  return nameBudget === undefined ? undefined : check.positiveInteger("nameBudget", nameBudget);
}

function checkedAttributes(check: Check, attributes: unknown): readonly string[] {
  const allowed = "a list of the names of attributes";
  if (!Array.isArray(attributes)) return check.type("attributes", allowed, attributes);
  if (attributes.length > MOST_ATTRIBUTES) {
    check.range("attributes", `at most ${MOST_ATTRIBUTES} names`, attributes.length);
  }
  const names = attributes.map((name: unknown, n): string => {
    const field = `attributes[${n}]`;
    if (typeof name !== "string") return check.type(field, "a string", name);
    if (!LABEL_NAME.test(name)) {
      const legal =
        "a name for a label: letters, digits and _, no digit first, no __ or otel_scope_";
      return check.range(field, legal, name);
    }
    return TAKEN.has(name) ? check.range(field, "a label that no metric has already", name) : name;
  });
  const twice = names.find((name, n) => names.indexOf(name) !== n);
  if (twice !== undefined) check.range("attributes", "names that differ", twice);
  return Object.freeze([...names]);
}

/** A list as error messages show it. */
export const listed = (names: readonly string[]): string =>
  names.length === 0 ? "none" : names.map(shown).join(", ");

function isRegistry(value: unknown): value is RegistryView {
  if (typeof value !== "object" || value === null) return false;
  return typeof Reflect.get(value, "follow") === "function" && "bus" in value;
}

function isBreaker(value: unknown): value is BreakerView {
  if (typeof value !== "object" || value === null) return false;
  const name: unknown = Reflect.get(value, "name");
  const on: unknown = Reflect.get(value, "on");
  // The bus and the numbers are only looked for: a breaker makes its bus when it is first asked for it.
  return (
    typeof name === "string" &&
    name !== "" &&
    typeof on === "function" &&
    "stats" in value &&
    "bus" in value
  );
}
