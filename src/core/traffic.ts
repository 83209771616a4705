import type { Circuit } from "./circuit.ts";
import type { ClosedPeriod } from "./period.ts";
import type { Settings } from "./settings.ts";

/** The share of calls that pass while closed, and what keeps the others out. */
export interface TrafficShare {
  readonly share: number;
  readonly reason: "degraded" | "ramping";
}

const ALL: TrafficShare = { share: 1, reason: "degraded" };

/** Whether a breaker may refuse calls while it is closed. */
export function shapesTraffic({ degradation, rampUp }: Settings): boolean {
  return degradation !== undefined || rampUp !== undefined;
}

/** The share of a closed breaker at a moment, idle steps of degradation counted. */
export function trafficShare(circuit: Circuit, period: ClosedPeriod, nowMs: number): TrafficShare {
  const { settings } = circuit;
  if (!shapesTraffic(settings)) return ALL;
  const degraded = degradedShare(settings, effectiveFailures(circuit, period, nowMs));
  const ramped = rampShare(settings, period, nowMs);
  return ramped < degraded
    ? { share: ramped, reason: "ramping" }
    : { share: degraded, reason: "degraded" };
}

/** Failures in a row; with degradation one less for each whole cooldown without a verdict. */
export function effectiveFailures(circuit: Circuit, period: ClosedPeriod, nowMs: number): number {
  const { consecutiveFailures, settings } = circuit;
  return Math.max(0, consecutiveFailures - idleSteps(settings, period, nowMs));
}

/** Commits the idle steps that time has brought. */
export function settleIdle(circuit: Circuit, period: ClosedPeriod, nowMs: number): void {
  const { settings } = circuit;
  const steps = idleSteps(settings, period, nowMs);
  if (steps === 0 || circuit.consecutiveFailures === 0) return;
  period.gather().activeMs += steps * settings.idleStepMs;
  changeFailures(circuit, period, Math.max(0, circuit.consecutiveFailures - steps));
}

/** Sets the count of a closed breaker; tells the change of the share, if any. */
export function changeFailures(circuit: Circuit, period: ClosedPeriod, failures: number): void {
  const { settings, consecutiveFailures } = circuit;
  circuit.consecutiveFailures = failures;
  if (failures === 0) circuit.lastThrown = undefined;
  const { evidence } = period;
  if (evidence !== null) {
    evidence.run?.forgive(consecutiveFailures - failures);
    if (failures === 0) {
      evidence.run = null;
      evidence.climb = null;
    }
  }
  tellShare(circuit, degradedShare(settings, consecutiveFailures));
}

/** Tells that the share is not what it was. */
export function tellShare(circuit: Circuit, from: number): void {
  const { settings, consecutiveFailures } = circuit;
  const to = degradedShare(settings, consecutiveFailures);
  if (from === to) return;
  circuit.journal?.report("circuit.degrade", () => ({ from, to, consecutiveFailures }));
}

/** The share that a count of failures leaves. */
export function degradedShare({ degradation }: Settings, failures: number): number {
  return degradation?.[Math.min(failures, degradation.length - 1)] ?? 1;
}

function idleSteps(settings: Settings, { evidence }: ClosedPeriod, nowMs: number): number {
  if (settings.degradation === undefined || evidence === null) return 0;
  const { activeMs } = evidence;
  if (nowMs <= activeMs) return 0;
  return Math.floor((nowMs - activeMs) / settings.idleStepMs);
}

function rampShare({ rampUp }: Settings, { rampFromMs }: ClosedPeriod, nowMs: number): number {
  if (rampUp === undefined || rampFromMs === null) return 1;
  const passed = Math.max(0, nowMs - rampFromMs) / rampUp.durationMs;
  return Math.min(1, rampUp.from + (1 - rampUp.from) * passed);
}
