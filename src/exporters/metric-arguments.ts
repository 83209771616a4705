import type { BreakerView } from "../core/breaker-view.ts";
import { hint } from "../events/nearest.ts";

/** What metrics are read from: a breaker, or several. */
export type MetricSource = BreakerView | readonly BreakerView[];

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
const LONGEST_SHOWN = 60;

/** Why an argument is refused, in the words that every public function uses. */
export function refusal(action: string, field: string, allowed: string, value: unknown): string {
  return `Cannot ${action}: ${field} must be ${allowed}, received ${shown(value)}`;
}

/** Refuses an argument of the wrong type. */
export function refuseType(action: string, field: string, allowed: string, value: unknown): never {
  throw new TypeError(refusal(action, field, allowed, value));
}

/**
 * The breakers of a source.
 * @throws {TypeError} when the source holds anything else
 */
export function checkedSource(action: string, source: unknown): readonly BreakerView[] {
  if (!Array.isArray(source)) {
    return isBreaker(source)
      ? [source]
      : refuseType(action, "source", "a breaker or an array of breakers", source);
  }
  return source.map((item: unknown, n) =>
    isBreaker(item) ? item : refuseType(action, `source[${n}]`, "a breaker", item),
  );
}

/**
 * Checks the options that every metrics exporter has; `further` are the keys of the exporter's own.
 * @throws {TypeError|RangeError} when an option is unknown, of the wrong type or outside its range
 */
export function checkedMetricOptions(
  action: string,
  options: unknown,
  further: readonly string[] = [],
): MetricSettings {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    return refuseType(action, "options", "an object", options);
  }
  const known = [...COMMON_OPTIONS, ...further];
  const unknown = Object.keys(options).find((key) => !known.includes(key));
  if (unknown !== undefined) {
    throw new TypeError(`Cannot ${action}: unknown option "${unknown}", ${hint(unknown, known)}`);
  }
  const nameBudget: unknown = Reflect.get(options, "nameBudget");
  const callDurations: unknown = Reflect.get(options, "callDurations") ?? false;
  if (typeof callDurations !== "boolean") {
    return refuseType(action, "callDurations", "true or false", callDurations);
  }
  if (nameBudget === undefined) return { nameBudget, callDurations };
  if (typeof nameBudget !== "number") {
    return refuseType(action, "nameBudget", "a positive integer", nameBudget);
  }
  if (!Number.isSafeInteger(nameBudget) || nameBudget < 1) {
    throw new RangeError(refusal(action, "nameBudget", "a positive integer", nameBudget));
  }
  return { nameBudget, callDurations };
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

function shown(value: unknown): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value.slice(0, LONGEST_SHOWN));
    case "function":
      return "a function";
    case "object":
      return value === null ? "null" : Array.isArray(value) ? "an array" : "an object";
    default:
      return String(value);
  }
}
