import { UsageError } from "../usage-error.ts";
import { checkSetting, KEYS, keyOf, readValue, type Setting, settingText } from "./setting.ts";

/** More settings than this are no question that somebody asks. */
export const MOST_SETTINGS = 10_000;

/** One axis of a grid: what a setting may be in one respect. */
export type Axis = readonly Partial<Setting>[];

/** Pairs such as `cooldownMs=1s`, put over a setting. @throws {UsageError} when one cannot be used */
export function settingOver(base: Setting, pairs: readonly string[], option: string): Setting {
  const parts = pairs.map((pair) => {
    const [name, text] = splitPair(pair, option);
    return readValue(keyOf(name, `--${option}`), text, `--${option}`);
  });
  return Object.assign({}, base, ...parts);
}

/** An axis such as `failureThreshold=3,5,8`. @throws {UsageError} when it cannot be used */
export function axisOf(pair: string): Axis {
  const [name, list] = splitPair(pair, "grid");
  const key = keyOf(name, "--grid");
  return list.split(",").map((text) => readValue(key, text, "--grid"));
}

/**
 * The axes of grids in JSON: an object with a list for each key, or a list of such objects, which are tried one after
 * the other. Values are written as on the command line, numbers and true or false also as such; null is off.
 *
 * @throws {UsageError} when it is anything else
 */
export function axesInJson(json: string, file: string): readonly (readonly Axis[])[] {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(`Cannot tune: ${file} must be JSON: ${reason}`);
  }
  const grids = Array.isArray(value) ? value : [value];
  return grids.map((grid: unknown) => {
    if (typeof grid !== "object" || grid === null || Array.isArray(grid)) {
      throw new UsageError(`Cannot tune: ${file} must hold an object with a list for each key`);
    }
    return Object.entries(grid).map(([name, values]: [string, unknown]) => {
      const key = keyOf(name, file);
      const list: readonly unknown[] = Array.isArray(values) ? values : [values];
      return list.map((each) => readValue(key, valueText(each, file), file));
    });
  });
}

function valueText(value: unknown, file: string): string {
  if (value === null) return "off";
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "string") {
    return String(value);
  }
  throw new UsageError(
    `Cannot tune: a value in ${file} must be a number, true, false, null or a text such as "0.5@30s"`,
  );
}

/** Every combination of the axes over a setting, each once. @throws {UsageError} when the core refuses one */
export function settingsOn(base: Setting, grids: readonly (readonly Axis[])[]): readonly Setting[] {
  const found = new Map<string, Setting>();
  for (const axes of grids) {
    const size = axes.reduce((product, { length }) => product * length, 1);
    if (size > MOST_SETTINGS) {
      throw new UsageError(
        `Cannot tune: a grid must have at most ${MOST_SETTINGS} settings, received ${size}`,
      );
    }
    const settings = axes.reduce<readonly Setting[]>(
      (all, axis) => all.flatMap((setting) => axis.map((part) => ({ ...setting, ...part }))),
      [base],
    );
    for (const setting of settings) found.set(keyText(setting), setting);
  }
  return [...found.values()].map(checkSetting);
}

/** The same text for the same setting, and for no other. */
export const keyText = (setting: Setting): string =>
  settingText(setting, new Set(KEYS.map(({ name }) => name)));

/** What of the recording a grid is made around, when none is asked for. */
export interface GridHints {
  /** 99 of 100 calls that succeeded were as fast; null when the recording has no durations. */
  readonly usualMs: number | null;
}

const THRESHOLDS = [2, 3, 5, 8, 12, 20];
const COOLDOWN_FACTORS = [0.1, 0.25, 0.5, 1, 2];
const SLOW_FACTORS = [2, 5];
const RATES = [0.25, 0.5];
const RATE_WINDOW_MS = 10_000;
const RATE_CALLS = 20;

/** The grids that are tried when none is asked for: failures in a row, and rates, around today's setting. */
export function usualGrids(today: Setting, { usualMs }: GridHints): readonly (readonly Axis[])[] {
  const limits: (number | null)[] = [today.latencyTripMs];
  if (usualMs !== null) for (const factor of SLOW_FACTORS) limits.push(rounded(usualMs * factor));
  const latencies = [...new Set(limits)].map((latencyTripMs) => ({ latencyTripMs }));
  const cooldowns =
    typeof today.cooldownMs === "number"
      ? COOLDOWN_FACTORS.map((factor) => ({
          cooldownMs: rounded(Number(today.cooldownMs) * factor),
        }))
      : [{ cooldownMs: today.cooldownMs }];
  const thresholds = new Set([...THRESHOLDS, today.failureThreshold]);
  const inARow = [...thresholds].filter((failureThreshold) => failureThreshold !== null);
  const rates = RATES.map((threshold) => ({
    failureThreshold: null,
    failureRate: { threshold, window: { durationMs: RATE_WINDOW_MS }, minimumCalls: RATE_CALLS },
  }));
  return [
    [inARow.map((failureThreshold) => ({ failureThreshold })), latencies, cooldowns],
    [rates, latencies, cooldowns],
  ];
}

/** To two digits, and a whole number of milliseconds. */
function rounded(ms: number): number {
  return Math.max(1, Math.round(Number(ms.toPrecision(2))));
}

function splitPair(pair: string, option: string): readonly [string, string] {
  const at = pair.indexOf("=");
  if (at < 1 || at === pair.length - 1) {
    throw new UsageError(
      `Cannot tune: --${option} must be a key and its value such as failureThreshold=3, received "${pair}"`,
    );
  }
  return [pair.slice(0, at).trim(), pair.slice(at + 1)];
}
