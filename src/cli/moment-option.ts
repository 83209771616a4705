import type { Given } from "./command-line.ts";
import { UsageError } from "./usage-error.ts";

/**
 * The moment of an option as ISO 8601, in epoch milliseconds; without a zone it is UTC. Undefined when it was not given.
 * @throws {UsageError} when it is none
 */
export function momentOf(given: Given, option: string, command: string): number | undefined {
  const value = given[option];
  if (value === undefined) return undefined;
  const [, date, time = "00:00", zone = "Z"] =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?))?(Z|[+-]\d\d:?\d\d)?$/i.exec(
      String(value),
    ) ?? [];
  const atMs = date === undefined ? Number.NaN : Date.parse(`${date}T${time}${zone.toUpperCase()}`);
  if (!Number.isNaN(atMs)) return atMs;
  throw new UsageError(
    `Cannot run ${command}: --${option} must be a moment such as 2026-11-21T06:00Z, received "${value}"`,
  );
}
