import { isCircuitOpenError } from "../../src/index.ts";
import type { Incidents } from "./difference.ts";
import type { Refused } from "./in-and-out.ts";

// What callers are handed: values by identity, for a caller must get its own.

const shown = (value: unknown): string => (typeof value === "object" ? "an object" : String(value));

/** The first key that two results do not agree on, as a sentence; null when there is none. */
export function firstDifferentKey(actual: object, expected: object): string | null {
  for (const key of new Set([...Object.keys(actual), ...Object.keys(expected)])) {
    const is: unknown = Reflect.get(actual, key);
    const wanted: unknown = Reflect.get(expected, key);
    if (!Object.is(is, wanted)) return `${key} is ${shown(is)}, expected ${shown(wanted)}`;
  }
  return null;
}

/** Where the error of a refusal is wrong; null when nowhere. */
export function refusalProblem(
  error: unknown,
  breaker: string,
  refused: Refused,
  incidents: Incidents,
): string | null {
  if (!isCircuitOpenError(error)) return "a refused call did not get a CircuitOpenError";
  const { state, reason, retryAfterMs, openMs, skipsSinceOpened } = refused;
  const expected = { breaker, state, reason, retryAfterMs, openMs, skipsSinceOpened };
  for (const [key, wanted] of Object.entries(expected)) {
    const is: unknown = Reflect.get(error, key);
    if (is !== wanted)
      return `CircuitOpenError.${key} is ${String(is)}, expected ${String(wanted)}`;
  }
  if (error.cause !== refused.cause) return "CircuitOpenError.cause is not the last failure";
  const { incident } = refused;
  const agrees =
    incident === undefined
      ? error.incidentId === undefined
      : incidents.agrees(incident, error.incidentId);
  if (!agrees) {
    return `CircuitOpenError.incidentId is not that of ${incident}`;
  }
  return null;
}
