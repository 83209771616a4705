import type { Scalar } from "../events/field.ts";
import type { Settings } from "./settings.ts";

/** What a reconfiguration changed, by the name of the option: plain data, for its event. */
export interface OptionChanges {
  readonly from: Readonly<Record<string, Scalar>>;
  readonly to: Readonly<Record<string, Scalar>>;
}

/** The options that are not the same in both; null when all are. */
export function optionChanges(before: Settings, after: Settings): OptionChanges | null {
  const [old, now] = [valuesOf(before), valuesOf(after)];
  const from: [string, Scalar][] = [];
  const to: [string, Scalar][] = [];
  for (const name of new Set([...old.keys(), ...now.keys()])) {
    if (isSame(old.get(name), now.get(name))) continue;
    from.push([name, told(old.get(name))]);
    to.push([name, told(now.get(name))]);
  }
  if (to.length === 0) return null;
  return {
    from: Object.freeze(Object.fromEntries(from)),
    to: Object.freeze(Object.fromEntries(to)),
  };
}

/** Every option that can change, as it holds: those with parts by each part, undefined for what is off. */
function valuesOf(settings: Settings): Map<string, unknown> {
  const { given, rampUp, probeRate, attributes } = settings;
  return new Map<string, unknown>([
    ["failureThreshold", settings.failureThreshold],
    ["latencyTripMs", settings.latencyTripMs],
    ["inFlight", settings.inFlightMs < Number.POSITIVE_INFINITY],
    ["trip", listOf(given.trip)],
    ["shadow", listOf(given.shadow)],
    ["cooldownMs", settings.cooldown],
    ["halfOpen.maxProbes", settings.maxProbes],
    ["halfOpen.successThreshold", settings.successThreshold],
    ["halfOpen.failureRate.threshold", probeRate?.threshold],
    ["halfOpen.failureRate.minimumCalls", probeRate?.minimumCalls],
    ["halfOpen.leaseMs", settings.leaseMs],
    ["degradation", settings.degradation],
    ["rampUp.durationMs", rampUp?.durationMs],
    ["rampUp.from", rampUp?.from],
    ["classify", settings.classify],
    ["quota", settings.quota],
    ["context", settings.context],
    ...Object.entries(attributes ?? {}).map(
      ([key, value]) => [`attributes.${key}`, value] as const,
    ),
  ]);
}

function listOf(rules: unknown): readonly unknown[] | undefined {
  return rules === undefined || Array.isArray(rules) ? rules : [rules];
}

function isSame(a: unknown, b: unknown): boolean {
  if (!Array.isArray(a) || !Array.isArray(b)) return Object.is(a, b);
  return a.length === b.length && a.every((item, at) => Object.is(item, b[at]));
}

/** Whether two values of an option are the same, part by part where it has parts. */
export function hasSameParts(a: unknown, b: unknown): boolean {
  if (!isRecord(a) || !isRecord(b)) return isSame(a, b);
  const [left, right] = [new Map(Object.entries(a)), new Map(Object.entries(b))];
  return (
    left.size === right.size && [...left].every(([key, held]) => hasSameParts(held, right.get(key)))
  );
}

/** A value as an event can carry it: null for what is off, a word for a function, rules by name and threshold. */
function told(value: unknown): Scalar {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      return Number.isFinite(value) ? value : null;
    case "function":
      return "function";
    default:
      return Array.isArray(value) ? value.map(toldItem).join(", ") : null;
  }
}

/** A share of a list of shares, or a trip rule. */
function toldItem(item: unknown): string {
  return isRecord(item)
    ? `${Reflect.get(item, "name")} ${Reflect.get(item, "threshold")}`
    : String(item);
}

function isRecord(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
