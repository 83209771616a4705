import { effectiveCount } from "./failures.ts";
import { beginsPeriod, committedState, type History, type Rules } from "./history.ts";

// The share of the traffic that a closed breaker lets pass.

export function degradedShare({ degradation }: Rules, count: number): number {
  if (degradation === null) return 1;
  return degradation[Math.min(count, degradation.length - 1)] ?? Number.NaN;
}

/** It rises evenly from a recovery on; whatever else begins ends it. */
function rampShare(history: History, { rampUp }: Rules, nowMs: number): number {
  const begun = history.findLast(beginsPeriod);
  if (rampUp === null || begun?.kind !== "change" || begun.why !== "recovered") return 1;
  const passedMs = Math.min(rampUp.durationMs, nowMs - begun.nowMs);
  return rampUp.from + ((1 - rampUp.from) * passedMs) / rampUp.durationMs;
}

/** What passes of a closed breaker's traffic, and what the others are refused for. */
export function trafficShare(history: History, rules: Rules, nowMs: number) {
  const degraded = degradedShare(rules, effectiveCount(history, rules, nowMs));
  const ramped = rampShare(history, rules, nowMs);
  return ramped < degraded
    ? ({ share: ramped, reason: "ramping" } as const)
    : ({ share: degraded, reason: "degraded" } as const);
}

/** The share of any state. */
export function readShare(history: History, rules: Rules, nowMs: number): number {
  const state = committedState(history);
  if (state === "closed") return trafficShare(history, rules, nowMs).share;
  return state === "disabled" ? 1 : 0;
}
