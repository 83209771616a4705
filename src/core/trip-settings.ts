import type { Check } from "../events/check.ts";
import { consecutiveRule, HEARINGS, type TripRule } from "./trip-rule.ts";

const LONGEST_RULE_NAME = 64;

/** The rules of a breaker and what they must hear. */
export function tripSettings(
  check: Check,
  trip: unknown,
  failureThreshold: number | undefined,
  defaults: readonly TripRule[],
) {
  const given = trip === undefined ? null : checkedRules(check, "trip", trip);
  // Asked for by name, the threshold holds beside the rules; otherwise they stand in for the default.
  const counting = failureThreshold === undefined ? [] : [consecutiveRule(failureThreshold)];
  const rules =
    given === null ? (counting.length > 0 ? counting : defaults) : [...counting, ...given];
  const thresholds = rules
    .filter(({ name, threshold }) => name === "consecutive" && Number.isInteger(threshold))
    .map(({ threshold }) => threshold);
  return {
    rules,
    failureThreshold: thresholds.length === 0 ? null : Math.min(...thresholds),
    hearing: rules
      .map(({ hears }) => HEARINGS.indexOf(hears ?? "failures"))
      .reduce((a, b) => Math.max(a, b), 0),
  };
}

/** The shortest limit that a call under way can exceed; Infinity when that counts for nothing. */
export function inFlightLimit(
  check: Check,
  inFlight: unknown,
  { latencyTripMs, rules }: { readonly latencyTripMs: number; readonly rules: readonly TripRule[] },
): number {
  if (inFlight === undefined || !check.flag("inFlight", inFlight)) return Number.POSITIVE_INFINITY;
  const shortestMs = rules.reduce(
    (shortest, { latencyMs }) => Math.min(shortest, latencyMs ?? shortest),
    latencyTripMs,
  );
  if (shortestMs === Number.POSITIVE_INFINITY) {
    check.range("inFlight", "false without latencyTripMs and without a slowRate rule", inFlight);
  }
  return shortestMs;
}

/** One rule or several, as a list. */
export function checkedRules(check: Check, field: string, given: unknown): readonly TripRule[] {
  if (!Array.isArray(given)) return [checkedRule(check, field, given)];
  if (given.length === 0) check.range(field, "a trip rule or several", given);
  return given.map((rule, index) => checkedRule(check, `${field}[${index}]`, rule));
}

function checkedRule(check: Check, field: string, rule: unknown): TripRule {
  const given = check.object(field, rule);
  check.text(`${field}.name`, given["name"], LONGEST_RULE_NAME);
  check.function(`${field}.begin`, given["begin"]);
  const { threshold, hears, levels, latencyMs } = given;
  if (typeof threshold !== "number") check.type(`${field}.threshold`, "a number", threshold);
  if (!Number.isFinite(threshold)) check.range(`${field}.threshold`, "a finite number", threshold);
  if (hears !== undefined && !HEARINGS.some((hearing) => hearing === hears)) {
    check.type(`${field}.hears`, `one of ${HEARINGS.join(", ")}`, hears);
  }
  if (latencyMs !== undefined) check.positiveMs(`${field}.latencyMs`, latencyMs);
  if (levels !== undefined) checkLevels(check, `${field}.levels`, levels);
  // Its parts have just been checked one by one.
  return given as unknown as TripRule;
}

function checkLevels(check: Check, field: string, levels: unknown): void {
  const within = (level: unknown): boolean => typeof level === "number" && level > 0 && level < 1;
  if (!Array.isArray(levels) || !levels.every(within)) {
    check.type(field, "a list of numbers above 0 and below 1", levels);
  } else if (levels.some((level, index) => index > 0 && level <= levels[index - 1])) {
    check.range(field, "a list that rises", levels);
  }
}
