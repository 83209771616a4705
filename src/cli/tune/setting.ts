import { hint } from "../../events/nearest.ts";
import {
  CircuitBreaker,
  type CircuitBreakerOptions,
  consecutive,
  exponentialCooldown,
  failureRate,
  slowRate,
  type TripRule,
} from "../../index.ts";
import { UsageError } from "../usage-error.ts";
import {
  type CooldownValue,
  NoValue,
  type ProbeRateValue,
  type RampValue,
  type RateValue,
  readCooldown,
  readCount,
  readDuration,
  readProbeRate,
  readRamp,
  readRate,
  readShares,
  readSlowRate,
  readSwitch,
  type SlowRateValue,
  showCooldown,
  showDuration,
  showProbeRate,
  showRamp,
  showRate,
  showSlowRate,
} from "./setting-text.ts";

/** A setting of a breaker as plain data, so that threads can be given it. Null is off. */
export interface Setting {
  readonly failureThreshold: number | null;
  readonly latencyTripMs: number | null;
  readonly inFlight: boolean;
  readonly failureRate: RateValue | null;
  readonly slowRate: SlowRateValue | null;
  readonly cooldownMs: CooldownValue;
  readonly degradation: readonly number[] | null;
  readonly rampUp: RampValue | null;
  readonly maxProbes: number;
  readonly successThreshold: number;
  readonly probeRate: ProbeRateValue | null;
  readonly leaseMs: number;
}

/** What a breaker without options does. */
export const USUAL: Setting = Object.freeze({
  failureThreshold: 5,
  latencyTripMs: null,
  inFlight: false,
  failureRate: null,
  slowRate: null,
  cooldownMs: 60_000,
  degradation: null,
  rampUp: null,
  maxProbes: 1,
  successThreshold: 1,
  probeRate: null,
  leaseMs: 60_000,
});

interface Key {
  /** The key as the user writes it. */
  readonly name: string;
  read(text: string): Partial<Setting>;
  show(setting: Setting): string;
}

const off = <T>(value: T | null, show: (value: T) => string): string =>
  value === null ? "off" : show(value);

/** A value, or null for `off`. */
const orOff =
  <T>(read: (text: string) => T) =>
  (text: string): T | null =>
    text === "off" ? null : read(text);

/** Every key of a setting, in the order in which settings are told. */
export const KEYS: readonly Key[] = [
  {
    name: "failureThreshold",
    read: (text) => ({ failureThreshold: orOff(readCount)(text) }),
    show: ({ failureThreshold }) => off(failureThreshold, String),
  },
  {
    name: "failureRate",
    read: (text) => ({ failureRate: orOff(readRate)(text) }),
    show: ({ failureRate: rate }) => off(rate, showRate),
  },
  {
    name: "slowRate",
    read: (text) => ({ slowRate: orOff(readSlowRate)(text) }),
    show: ({ slowRate: rate }) => off(rate, showSlowRate),
  },
  {
    name: "latencyTripMs",
    read: (text) => ({ latencyTripMs: orOff(readDuration)(text) }),
    show: ({ latencyTripMs }) => off(latencyTripMs, showDuration),
  },
  {
    name: "inFlight",
    read: (text) => ({ inFlight: readSwitch(text) }),
    show: ({ inFlight }) => (inFlight ? "on" : "off"),
  },
  {
    name: "cooldownMs",
    read: (text) => ({ cooldownMs: readCooldown(text) }),
    show: ({ cooldownMs }) => showCooldown(cooldownMs),
  },
  {
    name: "degradation",
    read: (text) => ({ degradation: orOff(readShares)(text) }),
    show: ({ degradation }) => off(degradation, (shares) => shares.join("/")),
  },
  {
    name: "rampUp",
    read: (text) => ({ rampUp: orOff(readRamp)(text) }),
    show: ({ rampUp }) => off(rampUp, showRamp),
  },
  {
    name: "halfOpen.maxProbes",
    read: (text) => ({ maxProbes: readCount(text) }),
    show: ({ maxProbes }) => String(maxProbes),
  },
  {
    name: "halfOpen.successThreshold",
    read: (text) => ({ successThreshold: readCount(text) }),
    show: ({ successThreshold }) => String(successThreshold),
  },
  {
    name: "halfOpen.failureRate",
    read: (text) => ({ probeRate: orOff(readProbeRate)(text) }),
    show: ({ probeRate }) => off(probeRate, showProbeRate),
  },
  {
    name: "halfOpen.leaseMs",
    read: (text) => ({ leaseMs: readDuration(text) }),
    show: ({ leaseMs }) => showDuration(leaseMs),
  },
];

/** The key of a name. @throws {UsageError} when there is none */
export function keyOf(name: string, where: string): Key {
  const found = KEYS.find((key) => key.name === name);
  if (found !== undefined) return found;
  const names = KEYS.map((key) => key.name);
  throw new UsageError(`Cannot tune: ${where} has the unknown key "${name}", ${hint(name, names)}`);
}

/** The part of a setting that a key and a text stand for. @throws {UsageError} when it is no value of the key */
export function readValue({ name, read }: Key, text: string, where: string): Partial<Setting> {
  try {
    return read(text.trim());
  } catch (thrown) {
    if (!(thrown instanceof NoValue)) throw thrown;
    throw new UsageError(
      `Cannot tune: ${name} in ${where} must be ${thrown.message}, received "${text}"`,
    );
  }
}

/** The options of a breaker with this setting. @throws {TypeError|RangeError} when the core refuses their combination */
export function optionsOf(setting: Setting): CircuitBreakerOptions {
  const { failureThreshold, cooldownMs, probeRate } = setting;
  const rules: readonly TripRule[] = [
    ...(failureThreshold === null ? [] : [consecutive(failureThreshold)]),
    ...(setting.failureRate === null ? [] : [failureRate(setting.failureRate)]),
    ...(setting.slowRate === null ? [] : [slowRate(setting.slowRate)]),
  ];
  if (rules.length === 0) {
    throw new RangeError(
      "a setting must have one of failureThreshold, failureRate and slowRate, received none",
    );
  }
  const { latencyTripMs, degradation, rampUp, maxProbes, successThreshold, leaseMs } = setting;
  return {
    trip: rules,
    inFlight: setting.inFlight,
    cooldownMs: typeof cooldownMs === "number" ? cooldownMs : exponentialCooldown(cooldownMs),
    halfOpen: {
      ...{ maxProbes, leaseMs },
      ...(probeRate === null ? {} : { failureRate: probeRate }),
      // Beside a rate the core refuses it: only one of them can decide over the probes.
      ...(probeRate !== null && successThreshold === 1 ? {} : { successThreshold }),
    },
    ...(latencyTripMs === null ? {} : { latencyTripMs }),
    ...(degradation === null ? {} : { degradation }),
    ...(rampUp === null ? {} : { rampUp }),
  };
}

/** Lets the core check a setting, the same that will replay it. @throws {UsageError} when it refuses */
export function checkSetting(setting: Setting): Setting {
  try {
    new CircuitBreaker("tune", optionsOf(setting));
    return setting;
  } catch (thrown) {
    if (!(thrown instanceof RangeError || thrown instanceof TypeError)) throw thrown;
    const reason = thrown.message.replace(/^Cannot [^:]+: /, "");
    throw new UsageError(`Cannot tune with ${settingText(setting)}: ${reason}`);
  }
}

/** A setting by what it has of its own: the keys asked for, or those that are not as usual. */
export function settingText(setting: Setting, names?: ReadonlySet<string>): string {
  const shown = KEYS.filter(({ name, show }) =>
    names === undefined
      ? name === "failureThreshold" || name === "cooldownMs" || show(setting) !== show(USUAL)
      : names.has(name),
  );
  return shown.map(({ name, show }) => `${name}=${show(setting)}`).join(" ");
}
