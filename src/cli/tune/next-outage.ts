import type { Recording } from "./recording.ts";
import { longestCooldownMs, type Setting } from "./setting.ts";
import type { Figure, SettingResult } from "./tuning.ts";

/** Between what a figure lies. */
export interface Span {
  readonly low: number;
  readonly high: number;
}

/** What the next outage is to be expected to come to, if it is as long and as bad as the recorded one. */
export interface NextOutage {
  readonly recoveryMs: Span | null;
  readonly badPassed: Span;
  readonly goodRefused: Span;
}

/** Of a count that comes about by many small chances, 95 of 100 lie within two roots of it. */
const ROOTS = 2;

/**
 * How far the next outage may be from the recorded one, beside what the recording leaves open:
 *
 * - an outage ends anywhere between two probes, so each incident may be shorter or longer by a cooldown and the length
 *   of a probe, and refuse as many calls fewer or more as come in that time;
 * - one probe more or less may fail in each incident;
 * - counts of calls vary by chance, by two square roots.
 */
export function forecastOf(
  setting: Setting,
  figures: Pick<SettingResult, "incidents" | "recoveryMs" | "badPassed" | "badMs" | "goodRefused">,
  { calls, fromAtMs, toAtMs }: Recording,
): NextOutage {
  const { recoveryMs, badPassed, badMs, goodRefused } = figures;
  const incidents = figures.incidents.high;
  const probeMs = badPassed.value === 0 ? 0 : badMs.value / badPassed.value;
  const betweenProbesMs = longestCooldownMs(setting) + probeMs;
  const callsPerMs = toAtMs > fromAtMs ? calls / (toAtMs - fromAtMs) : 0;
  return {
    recoveryMs: recoveryMs === null ? null : widened(recoveryMs, betweenProbesMs),
    badPassed: widened(badPassed, incidents * setting.maxProbes + chance(badPassed)),
    goodRefused: widened(
      goodRefused,
      incidents * betweenProbesMs * callsPerMs + chance(goodRefused),
    ),
  };
}

const chance = ({ high }: Figure): number => ROOTS * Math.sqrt(high);

const widened = ({ low, high }: Figure, by: number): Span => ({
  low: Math.max(0, low - by),
  high: high + by,
});
