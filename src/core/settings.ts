import { Check } from "../events/check.ts";
import type { EventBus } from "../events/event-bus.ts";
import type { Scalar } from "../events/field.ts";
import { platformClock, platformRandom } from "../platform.ts";
import type { Classify } from "./classification.ts";
import type { Clock } from "./clock.ts";
import type { Cooldown } from "./cooldown.ts";
import { keptOptions } from "./option-layers.ts";
import type { CircuitBreakerOptions, HalfOpenOptions, RampUpOptions } from "./options.ts";
import type { ProbeRate } from "./probe-decision.ts";
import { consecutiveRule, type TripRule } from "./trip-rule.ts";
import { checkedRules, inFlightLimit, tripSettings } from "./trip-settings.ts";

/** Options after the check, with every default in place. Inside the core these are trusted. */
export interface Settings {
  /** Consecutive failures that trip; null when no rule counts them. */
  readonly failureThreshold: number | null;
  /** Infinity when off. */
  readonly latencyTripMs: number;
  /** The shortest limit of a call under way; Infinity when only calls that ended count. */
  readonly inFlightMs: number;
  /** Closed or disabled, every call passes at once and counts when it ends: an admission has nothing to do. */
  readonly admitsPlainly: boolean;
  readonly cooldown: number | Cooldown;
  /** Shares by consecutive failures. */
  readonly degradation: readonly number[] | undefined;
  /** Idle time that takes one failure off the count of a degraded breaker. */
  readonly idleStepMs: number;
  readonly rampUp: Required<RampUpOptions> | undefined;
  readonly maxProbes: number;
  readonly successThreshold: number;
  /** Null when the first failed probe opens again. */
  readonly probeRate: ProbeRate | null;
  readonly leaseMs: number;
  readonly rules: readonly TripRule[];
  /** Candidates that only report. */
  readonly shadow: readonly TripRule[] | undefined;
  /** Successes matter beyond the count of failures in a row: to a rule, a candidate or the shape of the traffic. */
  readonly hearsMore: boolean;
  /** The most that a rule must hear: a place in HEARINGS. */
  readonly hearing: number;
  readonly classify: Classify | undefined;
  /** Its answers are checked when it gives them. */
  readonly quota: ((breaker: string) => unknown) | undefined;
  readonly clock: Clock;
  readonly random: () => number;
  readonly bus: EventBus | undefined;
  readonly attributes: Readonly<Record<string, Scalar>> | undefined;
  /** Its answers are checked when it gives them. */
  readonly context: (() => unknown) | undefined;
  /** The options that these settings are made of, to change some of them and keep the others. */
  readonly given: CircuitBreakerOptions;
}

const DEFAULT_FAILURE_THRESHOLD = 5;
/** Also what holds when a cooldown function fails. */
export const DEFAULT_COOLDOWN_MS = 60_000;

/** The defaults of every option, and the settings of a breaker without options: shared, hence frozen. */
const DEFAULTS: Settings = /* @__PURE__ */ Object.freeze({
  failureThreshold: DEFAULT_FAILURE_THRESHOLD,
  latencyTripMs: Number.POSITIVE_INFINITY,
  inFlightMs: Number.POSITIVE_INFINITY,
  admitsPlainly: true,
  cooldown: DEFAULT_COOLDOWN_MS,
  degradation: undefined,
  idleStepMs: DEFAULT_COOLDOWN_MS,
  rampUp: undefined,
  maxProbes: 1,
  successThreshold: 1,
  probeRate: null,
  leaseMs: 60_000,
  rules: [consecutiveRule(DEFAULT_FAILURE_THRESHOLD)],
  shadow: undefined,
  hearsMore: false,
  hearing: 0,
  classify: undefined,
  quota: undefined,
  clock: platformClock,
  random: platformRandom,
  bus: undefined,
  attributes: undefined,
  context: undefined,
  given: Object.freeze({}),
});

/** The name of every option. */
export const OPTIONS = [
  "failureThreshold",
  "latencyTripMs",
  "inFlight",
  "trip",
  "shadow",
  "cooldownMs",
  "halfOpen",
  "degradation",
  "rampUp",
  "classify",
  "quota",
  "clock",
  "random",
  "bus",
  "attributes",
  "context",
] as const satisfies readonly (keyof CircuitBreakerOptions)[];
const HALF_OPEN_OPTIONS = ["maxProbes", "successThreshold", "failureRate", "leaseMs"] as const;
const PROBE_RATE_OPTIONS = ["threshold", "minimumCalls"] as const;
const LONGEST_NAME = 256;
const DEFAULT_RAMP_FROM = 0.1;
/** As many as the trip rule takes its rate over at least. */
const DEFAULT_PROBES = 10;

/** The settings that the options of one breaker ask for. */
export function settingsOf(name: unknown, options: unknown): Settings {
  const label = typeof name === "string" && name.length <= LONGEST_NAME ? ` "${name}"` : "";
  const check = new Check(`create breaker${label}`);
  checkName(check, name);
  return checkedSettings(check, options);
}

/** @throws {TypeError|RangeError} when a name is no string, empty or too long */
export function checkName(check: Check, name: unknown): string {
  return check.text("name", name, LONGEST_NAME);
}

/** The settings that options ask for; those without options are shared. */
export function checkedSettings(check: Check, options: unknown): Settings {
  if (options === undefined) return DEFAULTS;
  const given: CircuitBreakerOptions = check.object("options", options);
  check.keys(given, OPTIONS);
  const { failureThreshold, latencyTripMs, cooldownMs, classify, clock, random, bus } = given;
  if (failureThreshold !== undefined) check.positiveInteger("failureThreshold", failureThreshold);
  const trip = tripSettings(check, given.trip, failureThreshold, DEFAULTS.rules);
  const shadow =
    given.shadow === undefined ? undefined : checkedRules(check, "shadow", given.shadow);
  const limitMs =
    latencyTripMs === undefined
      ? DEFAULTS.latencyTripMs
      : check.positiveMs("latencyTripMs", latencyTripMs);
  const inFlightMs = inFlightLimit(check, given.inFlight, {
    latencyTripMs: limitMs,
    rules: [...trip.rules, ...(shadow ?? [])],
  });
  return Object.freeze({
    ...trip,
    hearsMore: trip.hearing > 0 || shadow !== undefined || given.degradation !== undefined,
    shadow,
    latencyTripMs: limitMs,
    inFlightMs,
    admitsPlainly:
      inFlightMs === Number.POSITIVE_INFINITY &&
      given.degradation === undefined &&
      given.rampUp === undefined &&
      given.quota === undefined,
    cooldown: cooldownMs === undefined ? DEFAULTS.cooldown : checkedCooldown(check, cooldownMs),
    ...halfOpenSettings(check, given.halfOpen),
    ...trafficSettings(check, given),
    classify: classify === undefined ? undefined : check.function("classify", classify),
    quota: given.quota === undefined ? undefined : check.function("quota", given.quota),
    clock: clock === undefined ? DEFAULTS.clock : checkedClock(check, clock),
    random: random === undefined ? DEFAULTS.random : check.function("random", random),
    bus: bus === undefined ? undefined : checkedBus(check, bus),
    attributes:
      given.attributes === undefined ? undefined : check.scalars("attributes", given.attributes),
    context: given.context === undefined ? undefined : check.function("context", given.context),
    given: keptOptions(given, OPTIONS),
  });
}

function trafficSettings(check: Check, { degradation, rampUp, cooldownMs }: CircuitBreakerOptions) {
  return {
    degradation: degradation === undefined ? undefined : checkedDegradation(check, degradation),
    idleStepMs: typeof cooldownMs === "number" && cooldownMs > 0 ? cooldownMs : DEFAULT_COOLDOWN_MS,
    rampUp: rampUp === undefined ? undefined : checkedRampUp(check, rampUp),
  };
}

function checkedDegradation(check: Check, shares: unknown): readonly number[] {
  const allowed = "a list of shares from 0 to 1, the first of them 1";
  if (!Array.isArray(shares)) return check.type("degradation", allowed, shares);
  for (const [index, share] of shares.entries()) {
    if (typeof share !== "number")
      check.type(`degradation[${index}]`, "a share from 0 to 1", share);
    if (!(share >= 0 && share <= 1)) {
      check.range(`degradation[${index}]`, "a share from 0 to 1", share);
    }
  }
  if (shares[0] !== 1) check.range("degradation", allowed, shares);
  return Object.freeze([...shares]);
}

function checkedRampUp(check: Check, rampUp: RampUpOptions): Required<RampUpOptions> {
  check.object("rampUp", rampUp);
  check.keys(rampUp, ["durationMs", "from"], "rampUp.");
  return {
    durationMs: check.positiveMs("rampUp.durationMs", rampUp.durationMs),
    from: rampUp.from === undefined ? DEFAULT_RAMP_FROM : check.share("rampUp.from", rampUp.from),
  };
}

function checkedCooldown(check: Check, cooldown: unknown): number | Cooldown {
  // Its answers are checked when it gives them.
  if (typeof cooldown === "function") return cooldown as Cooldown;
  return check.durationMs("cooldownMs", cooldown);
}

function halfOpenSettings(check: Check, halfOpen: CircuitBreakerOptions["halfOpen"]) {
  const { maxProbes, successThreshold, probeRate, leaseMs } = DEFAULTS;
  if (halfOpen === undefined) return { maxProbes, successThreshold, probeRate, leaseMs };
  check.object("halfOpen", halfOpen);
  check.keys(halfOpen, HALF_OPEN_OPTIONS, "halfOpen.");
  return {
    maxProbes:
      halfOpen.maxProbes === undefined
        ? maxProbes
        : check.positiveInteger("halfOpen.maxProbes", halfOpen.maxProbes),
    successThreshold:
      halfOpen.successThreshold === undefined
        ? successThreshold
        : check.positiveInteger("halfOpen.successThreshold", halfOpen.successThreshold),
    probeRate: halfOpen.failureRate === undefined ? probeRate : checkedProbeRate(check, halfOpen),
    leaseMs:
      halfOpen.leaseMs === undefined
        ? leaseMs
        : check.positiveMs("halfOpen.leaseMs", halfOpen.leaseMs),
  };
}

function checkedProbeRate(check: Check, { failureRate, successThreshold }: HalfOpenOptions) {
  const field = "halfOpen.failureRate";
  const given = check.keys(check.object(field, failureRate), PROBE_RATE_OPTIONS, `${field}.`);
  const {
    threshold,
    minimumCalls,
  }: { readonly threshold?: unknown; readonly minimumCalls?: unknown } = given;
  if (successThreshold !== undefined) {
    check.range(field, "left out beside halfOpen.successThreshold", failureRate);
  }
  return {
    threshold: check.share(`${field}.threshold`, threshold),
    minimumCalls:
      minimumCalls === undefined
        ? DEFAULT_PROBES
        : check.positiveInteger(`${field}.minimumCalls`, minimumCalls),
  };
}

function checkedClock(check: Check, clock: Clock): Clock {
  check.object("clock", clock);
  check.function("clock.monotonicMs", clock.monotonicMs);
  check.function("clock.epochMs", clock.epochMs);
  return clock;
}

export function checkedBus(check: Check, bus: EventBus): EventBus {
  check.object("bus", bus);
  check.function("bus.emit", bus.emit);
  check.function("bus.on", bus.on);
  check.function("bus.has", bus.has);
  return bus;
}
