import { effectiveCount } from "./failures.ts";
import {
  beginsPeriod,
  committedState,
  type History,
  type Rules,
  since,
  type Whose,
} from "./history.ts";
import type { RulePlan } from "./rule-plans.ts";
import {
  type Evidence,
  heard,
  heardAside,
  limitOf,
  type Nearest,
  nearest,
  startsOf,
} from "./trips.ts";

// Calls that hang, worked out of the list: a call that becomes overdue by a rule's limit is a failure to it at that
// moment, and that is when the rule is asked.

/** A trip, or a would-be trip, by calls that hang. */
export interface Hung {
  /** Since when it is effective. */
  readonly sinceMs: number;
  readonly near: Nearest;
  readonly evidence: Evidence;
}

/** The moments before `nowMs` at which calls became overdue for any of the rules, that no step has looked at. */
export function unseenMoments(
  history: History,
  rules: Rules,
  asked: readonly RulePlan[],
  nowMs: number,
): readonly number[] {
  if (!rules.inFlight) return [];
  const looked = since(history, beginsPeriod).findLast(({ kind }) => kind === "looked");
  const fromMs = looked?.kind === "looked" ? looked.nowMs : Number.NEGATIVE_INFINITY;
  const moments = asked.flatMap((rule) => {
    const limitMs = limitOf(rule, rules);
    return limitMs === null ? [] : startsOf(history).map((startMs) => startMs + limitMs);
  });
  const unseen = moments.filter((moment) => moment >= fromMs && moment < nowMs);
  return [...new Set(unseen)].sort((a, b) => a - b);
}

/** The next moment at which a call becomes overdue for a rule; undefined when none does. */
export function nextOverdueMs(history: History, rules: Rules, nowMs: number): number | undefined {
  const later = [...rules.trip, ...rules.shadow].flatMap((rule) => {
    const limitMs = limitOf(rule, rules);
    return limitMs === null ? [] : startsOf(history).map((startMs) => startMs + limitMs);
  });
  const next = Math.min(...later.filter((moment) => moment >= nowMs));
  return Number.isFinite(next) ? next : undefined;
}

/** The rules for which a call becomes overdue at a moment. */
function askedAt(
  history: History,
  rules: Rules,
  of: readonly RulePlan[],
  momentMs: number,
): readonly RulePlan[] {
  return of.filter((rule) => {
    const limitMs = limitOf(rule, rules);
    return limitMs !== null && startsOf(history).some((startMs) => startMs + limitMs === momentMs);
  });
}

/** The trip of a closed breaker that is effective by `nowMs` and that no step has committed. */
export function hungTrip(history: History, rules: Rules, nowMs: number): Hung | null {
  if (committedState(history) !== "closed") return null;
  for (const sinceMs of unseenMoments(history, rules, rules.trip, nowMs)) {
    const count = effectiveCount(history, rules, sinceMs);
    const evidence = { ...heard(history, rules, { ms: sinceMs, after: true }), count };
    const near = nearest(askedAt(history, rules, rules.trip, sinceMs), evidence, sinceMs);
    if (near !== null && near.ratio >= 1) return { sinceMs, near, evidence };
  }
  return null;
}

/** The first would-be trip up to `lastMs` of the rules that only report, at the moments that are still to be looked at. */
export function hungAside(
  history: History,
  rules: Rules,
  whose: Whose,
  moments: readonly number[],
): Hung | null {
  const of = whose === "own" ? rules.trip : rules.shadow;
  for (const sinceMs of moments) {
    const evidence = heardAside(history, rules, whose, { ms: sinceMs, after: true });
    if (sinceMs < evidence.fromMs) continue;
    const near = nearest(askedAt(history, rules, of, sinceMs), evidence, sinceMs);
    if (near !== null && near.ratio >= 1) return { sinceMs, near, evidence };
  }
  return null;
}
