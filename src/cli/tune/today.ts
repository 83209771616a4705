import { duration } from "../../report/wording.ts";
import { type CallLog, FATE } from "./call-log.ts";
import { settingOver } from "./grid.ts";
import type { Recording } from "./recording.ts";
import { checkSetting, type Setting, USUAL } from "./setting.ts";

/** Today's setting, and where it was taken from. */
export interface Today {
  readonly setting: Setting;
  /** What of it was found out or assumed, as sentences. */
  readonly notes: readonly string[];
}

/**
 * Today's setting: the defaults of the library, over them what the recording tells, over that what was given.
 * @throws {UsageError} when what was given cannot be used
 */
export function todayOf({ facts }: Recording, given: readonly string[]): Today {
  const notes: string[] = [];
  const said = (name: string): boolean => given.some((pair) => pair.trim().startsWith(`${name}=`));
  let setting = USUAL;
  if (facts !== null) {
    const { failureThreshold, cooldownMs, latencyTripMs, otherRules } = facts;
    if (failureThreshold !== undefined) setting = { ...setting, failureThreshold };
    if (cooldownMs !== undefined && cooldownMs > 0) setting = { ...setting, cooldownMs };
    if (latencyTripMs !== undefined) setting = { ...setting, latencyTripMs };
    if (failureThreshold === undefined && !said("failureThreshold")) {
      notes.push(
        "The recording does not tell one failureThreshold: the default of the library is taken for today's. Give yours with --current.",
      );
    }
    if (cooldownMs === undefined && !said("cooldownMs")) {
      notes.push(
        "The recording does not tell one cooldownMs: the default of the library is taken for today's. Give yours with --current.",
      );
    }
    if (!said("latencyTripMs")) {
      notes.push(
        latencyTripMs === undefined
          ? UNSEEN_LIMIT
          : `The recording does not tell today's latencyTripMs. ${duration(latencyTripMs)} divides its calls as they were; give yours with --current if it is another.`,
      );
    }
    if (otherRules.length > 0 && !said("failureRate") && !said("slowRate")) {
      notes.push(
        `The breaker was also opened by ${otherRules.join(", ")}, whose numbers the recording does not tell in full: give them with --current, or what is said of today's setting is not about yours.`,
      );
    }
  } else if (given.length === 0) {
    notes.push(
      "Today's setting was not given with --current: the defaults of the library are taken.",
    );
  }
  setting = settingOver(setting, given, "current");
  const { failureThreshold, failureRate, slowRate } = setting;
  const isWithoutRule = failureThreshold === null && failureRate === null && slowRate === null;
  if (isWithoutRule && !said("failureThreshold")) {
    setting = { ...setting, failureThreshold: USUAL.failureThreshold };
    notes.push("The recording names no rule that trips: the default of the library is taken.");
  }
  return { setting: checkSetting(setting), notes };
}

const UNSEEN_LIMIT =
  "No recorded call was too slow, so today's latencyTripMs does not show: it is taken to be off. Give yours with --current.";

/** More calls than these say no more of how long calls usually take. */
const MOST_SAMPLED = 100_000;

/** 99 of 100 calls that were not bad were as fast; null when the recording tells no durations. */
export function usualMs(logs: readonly CallLog[], slowMs: number): number | null {
  const total = logs.reduce((sum, { length }) => sum + length, 0);
  const step = Math.max(1, Math.floor(total / MOST_SAMPLED));
  const durations: number[] = [];
  for (const { durationMs, fate } of logs) {
    for (let at = 0; at < fate.length; at += step) {
      const each = durationMs[at] ?? 0;
      if (fate[at] === FATE.ok && each > 0 && each <= slowMs) durations.push(each);
    }
  }
  durations.sort((a, b) => a - b);
  return durations[Math.floor(durations.length * 0.99)] ?? null;
}
