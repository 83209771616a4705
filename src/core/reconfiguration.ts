import type { Check } from "../events/check.ts";
import type { Circuit } from "./circuit.ts";
import { commitTime } from "./control.ts";
import { optionChanges } from "./option-changes.ts";
import { asked, type LaidOver, layered } from "./option-layers.ts";
import type { CircuitBreakerOptions } from "./options.ts";
import type { ClosedPeriod, Period } from "./period.ts";
import { checkedSettings, OPTIONS, type Settings } from "./settings.ts";
import { degradedShare, tellShare } from "./traffic.ts";
import { followAll } from "./trip-meters.ts";

/** What a breaker is made with and keeps: `reconfigure` refuses it. */
type Fixed = "bus" | "clock" | "random";

/**
 * Options to change, as `reconfigure` takes them. What is not named stays as it is; null goes back to the library's
 * default. Of `halfOpen`, `rampUp` and `attributes` only the parts named change.
 */
export type Reconfiguration = LaidOver<Exclude<keyof CircuitBreakerOptions, Fixed>>;

const FIXED: readonly string[] = ["bus", "clock", "random"] satisfies readonly Fixed[];

/**
 * Options that change others, checked on their own: what they hold is checked with the whole.
 * @throws {TypeError} when one is unknown, or cannot change
 */
export function checkedChanges(check: Check, changes: unknown): Reconfiguration {
  const given = check.object("options", changes);
  for (const name of FIXED) {
    const value = given[name];
    if (value !== undefined) check.type(name, "left out, since it cannot change", value);
  }
  return check.keys(given, OPTIONS);
}

/**
 * The settings that the changes make of others.
 * @throws {TypeError|RangeError} when they are none; nothing has changed then
 */
export function changedSettings(check: Check, { given }: Settings, changes: object): Settings {
  return checkedSettings(check, asked(layered(given, changes)));
}

/**
 * Puts other settings in force and says whether anything changed. State, generation, incident, counters and the count
 * of failures stay, and so do the moments that were set before: the end of an open period and of a probe's lease.
 * What it committed is told when the circuit delivers.
 */
export function reconfigure(circuit: Circuit, settings: Settings): boolean {
  const before = circuit.settings;
  const changes = optionChanges(before, settings);
  if (changes === null) return false;
  const nowMs = circuit.begin();
  commitTime(circuit, nowMs);
  const { period } = circuit;
  circuit.adopt(settings);
  carryOver(circuit, period, before, nowMs);
  circuit.journal?.report("circuit.reconfigure", () => changes);
  if (period.state === "closed") {
    tellShare(circuit, degradedShare(before, circuit.consecutiveFailures));
  }
  return true;
}

/** What the period has seen goes on under the new rules. */
function carryOver(circuit: Circuit, period: Period, before: Settings, nowMs: number): void {
  const { rules, shadow } = circuit.settings;
  if (period.state === "disabled") {
    period.own?.follow(rules, circuit.underWay);
    if (shadow === undefined) period.shadow = null;
    else period.shadow?.follow(shadow, circuit.underWay);
  } else if (period.state === "closed") carryEvidence(circuit, period, before, nowMs);
}

function carryEvidence(
  circuit: Circuit,
  { evidence }: ClosedPeriod,
  before: Settings,
  nowMs: number,
): void {
  if (evidence === null) return;
  const { rules, shadow, degradation } = circuit.settings;
  const { underWay: calls } = circuit;
  evidence.meters = evidence.meters?.succeededBy(rules, followAll(calls)) ?? null;
  if (shadow === undefined) evidence.shadow = null;
  else evidence.shadow?.follow(shadow, calls);
  // Idle time counts from when there is something that it forgives.
  if (before.degradation === undefined && degradation !== undefined) evidence.activeMs = nowMs;
}
