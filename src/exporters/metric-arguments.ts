import type { BreakerView, RegistryView } from "../core/breaker-view.ts";
import type { Check } from "../events/check.ts";

/** What metrics are read from: a breaker, several, or a registry, whose breakers come and go. */
export type MetricSource = BreakerView | readonly BreakerView[] | RegistryView;

/** Options that every metrics exporter has. */
export interface MetricOptions {
  /**
   * Breaker names, of all ever seen, that get series of their own; further ones share the name `__other__`. One
   * number for each registry or meter, set by the first breakers that are attached to it.
   * @default 150
   */
  readonly nameBudget?: number;
  /**
   * Also export `circuit_breaker_call_duration_seconds`. Each call is then timed and recorded, which costs some hundred
   * nanoseconds; the other metrics cost nothing per call.
   * @default false
   */
  readonly callDurations?: boolean;
}

/** The options, checked and complete; undefined where the target's present value stands. */
export interface MetricSettings {
  readonly nameBudget: number | undefined;
  readonly callDurations: boolean;
}

const COMMON_OPTIONS = [
  "nameBudget",
  "callDurations",
] as const satisfies readonly (keyof MetricOptions)[];
/**
 * The breakers of a source, or the registry that it is.
 * @throws {TypeError} when the source holds anything else
 */
export function checkedSource(
  check: Check,
  source: unknown,
): readonly BreakerView[] | RegistryView {
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
  const given = check.object("options", options);
  check.keys(given, [...COMMON_OPTIONS, ...further]);
  const {
    nameBudget,
    callDurations = false,
  }: Readonly<Record<string, unknown>> & {
    readonly nameBudget?: unknown;
    readonly callDurations?: unknown;
  } = given;
  if (typeof callDurations !== "boolean") {
    return check.type("callDurations", "true or false", callDurations);
  }
  const budget =
    nameBudget === undefined ? undefined : check.positiveInteger("nameBudget", nameBudget);
  return { nameBudget: budget, callDurations };
}

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
