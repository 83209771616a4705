import type { FailureReason } from "../../src/index.ts";
import { type FailuresInARow, failuresInARow, tallyOf } from "./failures.ts";
import {
  beginsPeriod,
  type History,
  isFailure,
  isVerdict,
  type Moment,
  type Rules,
  type Settled,
  since,
  type Whose,
} from "./history.ts";
import type { RulePlan } from "./rule-plans.ts";

// When rules trip, and on what numbers: every window is worked out of the list of all verdicts.

type Rate = Extract<RulePlan, { kind: "rate" }>;

/** What rules are held against: the verdicts they heard, and the failures in a row. */
export interface Evidence extends FailuresInARow {
  readonly verdicts: readonly Settled[];
}

export interface Nearest {
  readonly rule: RulePlan;
  readonly ratio: number;
}

/** What the rules of a closed time have heard. */
export function heard(history: History, rules: Rules): Evidence {
  const verdicts = since(history, beginsPeriod).filter(isVerdict);
  return { verdicts, ...failuresInARow(history, rules) };
}

/** What rules that only report have heard: they begin again some time after they last would have tripped. */
export function heardAside(history: History, whose: Whose): Evidence {
  const from = history.findLastIndex(
    (fact) => beginsPeriod(fact) || (fact.kind === "would open" && fact.whose === whose),
  );
  const begun = history[from];
  const fromMs = begun?.kind === "would open" ? begun.blindUntilMs : Number.NEGATIVE_INFINITY;
  const verdicts = history
    .slice(from + 1)
    .filter(isVerdict)
    .filter(({ nowMs }) => nowMs >= fromMs);
  const run = verdicts.slice(verdicts.findLastIndex(({ as }) => as === "success") + 1);
  return { verdicts, count: run.length, run, byReason: tallyOf(run.map(({ as }) => as)) };
}

/** The rule that is nearest to its trip: the first of the nearest. Null without rules. */
export function nearest(
  rules: readonly RulePlan[],
  evidence: Evidence,
  nowMs: number,
): Nearest | null {
  const ratios = rules.map((rule) => ({ rule, ratio: ratioOf(rule, evidence, nowMs) }));
  const highest = Math.max(...ratios.map(({ ratio }) => ratio));
  return ratios.find(({ ratio }) => ratio === highest) ?? null;
}

function ratioOf(rule: RulePlan, { verdicts, count }: Evidence, nowMs: number): number {
  if (rule.kind === "consecutive") return count / rule.n;
  const held = inWindow(rule, verdicts, nowMs);
  const bad = held.filter((verdict) => isBad(rule, verdict)).length;
  // Two things must be reached: calls enough, and the share of them. Thresholds are powers of two, so it is exact.
  const calls = held.length / rule.minimumCalls;
  return Math.min(calls, bad / (rule.threshold * Math.max(held.length, rule.minimumCalls)));
}

function inWindow({ window }: Rate, verdicts: readonly Settled[], nowMs: number) {
  if ("calls" in window) return verdicts.slice(-window.calls);
  const bucketOf = (ms: number): number => Math.floor(ms / (window.durationMs / 10));
  return verdicts.filter((verdict) => bucketOf(verdict.nowMs) > bucketOf(nowMs) - 10);
}

const isBad = ({ slowMs }: Rate, { as, latencyMs }: Settled): boolean =>
  slowMs === null ? as !== "success" : as === "latency" || (latencyMs ?? 0) > slowMs;

/** What an open tells of the rule that decided. */
export function explained({ rule }: Nearest, evidence: Evidence, at: Moment) {
  const { count, run } = evidence;
  if (rule.kind === "consecutive") {
    const { byReason } = evidence;
    return {
      rule: "consecutive",
      reason: reasonOf(byReason, run),
      failuresByReason: byReason,
      window: { calls: count, failures: count },
      threshold: rule.n,
      firstFailureAtMs: run[0]?.wallMs,
      detectMs: at.nowMs - (run[0]?.nowMs ?? Number.NaN),
    };
  }
  const held = inWindow(rule, evidence.verdicts, at.nowMs);
  const bad = held.filter((verdict) => isBad(rule, verdict));
  const byReason =
    rule.slowMs === null ? tallyOf(bad.map(({ as }) => as)) : { error: 0, latency: bad.length };
  const detectMs = at.nowMs - (bad[0]?.nowMs ?? Number.NaN);
  const { minimumCalls, threshold } = rule;
  const rate = bad.length / held.length;
  return {
    rule: rule.slowMs === null ? "failureRate" : "slowRate",
    reason: reasonOf(byReason, run),
    failuresByReason: byReason,
    window: { calls: held.length, failures: bad.length, rate, minimumCalls },
    threshold,
    firstFailureAtMs: at.wallMs - detectMs,
    detectMs,
  };
}

/** The majority; the last failure of the run on a tie. */
function reasonOf(
  { error, latency }: Readonly<Record<FailureReason, number>>,
  run: readonly Settled[],
): FailureReason {
  if (error !== latency) return error > latency ? "error" : "latency";
  return run.at(-1)?.as === "error" ? "error" : "latency";
}

/** A slow success may trip: the rules are asked after each success then. */
export const hearsLatencies = ({ trip }: Rules): boolean =>
  trip.some((rule) => rule.kind === "rate" && rule.slowMs !== null);

/** The rules that are asked after a verdict: those that judge slow calls after a success, all after a failure. */
export const askedAfter = (rules: readonly RulePlan[], failed: boolean): readonly RulePlan[] =>
  failed ? rules : rules.filter((rule) => rule.kind === "rate" && rule.slowMs !== null);

/** The highest ratio of the present climb. */
function peakOf(history: History, rules: Rules): number {
  const begin = history.findLastIndex(beginsPeriod);
  let peak = 0;
  for (const [index, fact] of history.entries()) {
    if (index <= begin || !(isVerdict(fact) || fact.kind === "idled")) continue;
    const after = history.slice(0, index + 1);
    peak = startOfClimb(peak, after, rules);
    if (!isVerdict(fact) || !(isFailure(fact) || hearsLatencies(rules))) continue;
    const asked = askedAfter(rules.trip, isFailure(fact));
    const ratio = nearest(asked, heard(after, rules), fact.nowMs)?.ratio ?? 0;
    peak = ratio <= peak / 2 ? ratio : Math.max(peak, ratio);
  }
  return peak;
}

/** Where the peak was when the last of the facts came: time and successes may have ended the climb. */
function startOfClimb(peak: number, history: History, rules: Rules): number {
  const fact = history.at(-1);
  if (fact !== undefined && isFailure(fact)) {
    return fallen(peak, history.slice(0, -1), rules, fact.nowMs);
  }
  // A count that is back at 0 ends it, where the count falls step by step.
  const { count } = failuresInARow(history, rules);
  return rules.degradation !== null && count === 0 ? 0 : peak;
}

function readAt(history: History, rules: Rules, nowMs: number): Nearest | null {
  return nearest(rules.trip, heard(history, rules), nowMs);
}

/** A climb ends at half its peak, and the next one begins there. */
function fallen(peak: number, history: History, rules: Rules, nowMs: number): number {
  const ratio = readAt(history, rules, nowMs)?.ratio ?? 0;
  return ratio <= peak / 2 ? ratio : peak;
}

/** Whether the verdict after `before` reached a level for the first time in this climb. */
export function reachesLevel(
  before: History,
  verdict: Settled,
  near: Nearest,
  rules: Rules,
): boolean {
  const { rule, ratio } = near;
  const climbed = startOfClimb(peakOf(before, rules), [...before, verdict], rules);
  const peak = ratio <= climbed / 2 ? ratio : climbed;
  return levelsOf(rule).some((level) => level > peak && level <= ratio);
}

/** Each k/n for n up to 10, else tenths and the last two. */
function levelsOf(rule: RulePlan): readonly number[] {
  const tenths = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((tenth) => tenth / 10);
  if (rule.kind === "rate") return tenths;
  const { n } = rule;
  if (n > 10) return [...tenths, (n - 2) / n, (n - 1) / n];
  return Array.from({ length: n - 1 }, (_, index) => (index + 1) / n);
}
