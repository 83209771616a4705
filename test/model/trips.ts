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

/** What rules are held against: the verdicts they heard, the failures in a row, and the calls that hang. */
export interface Evidence extends FailuresInARow {
  readonly rules: Rules;
  readonly verdicts: readonly Settled[];
  /** When the calls under way started. */
  readonly starts: readonly number[];
  readonly seen: Seen;
  /** Calls that became overdue earlier do not count. */
  readonly fromMs: number;
  /** Calls that became overdue up to then have been counted. */
  readonly hungMs: number;
  /** The last success of the period. */
  readonly successMs: number;
}

/** Up to which moment calls became overdue: before it, or right after it. */
interface Seen {
  readonly ms: number;
  readonly after: boolean;
}

/** How long a call may be under way before it counts for a rule; null when however long. */
export function limitOf(rule: RulePlan, { inFlight, latencyTripMs }: Rules): number | null {
  if (!inFlight) return null;
  return rule.kind === "rate" && rule.slowMs !== null ? rule.slowMs : latencyTripMs;
}

/** When the calls of the present period started that have not ended. */
export function startsOf(history: History): readonly number[] {
  const period = since(history, beginsPeriod);
  const ended = new Set(period.map((fact) => (fact.kind === "ended" ? fact.call : null)));
  return period.flatMap((fact) =>
    fact.kind === "started" && !ended.has(fact.call) ? [fact.nowMs] : [],
  );
}

function hangingIn(history: History, rules: Rules, seen: Seen) {
  const success = since(history, beginsPeriod)
    .filter(isVerdict)
    .findLast(({ as }) => as === "success");
  const successMs = success?.nowMs ?? Number.NEGATIVE_INFINITY;
  return { rules, starts: startsOf(history), seen, successMs };
}

/** When the calls became overdue that count for a rule. */
export function overdueFor(rule: RulePlan, evidence: Evidence, nowMs: number): readonly number[] {
  const { rules, starts, seen, fromMs, hungMs, successMs, verdicts } = evidence;
  const limitMs = limitOf(rule, rules);
  if (limitMs === null) return [];
  const overdue = starts
    .map((startMs) => startMs + limitMs)
    .filter((ms) => (seen.after ? ms <= seen.ms : ms < seen.ms) && ms >= fromMs && ms > hungMs);
  if (rule.kind === "consecutive") return overdue.filter((ms) => ms >= successMs);
  const { window } = rule;
  if ("durationMs" in window) {
    return overdue.filter((ms) => bucketOf(window, ms) > bucketOf(window, nowMs) - 10);
  }
  // As if it were the verdict of that moment: it goes when as many came after it as the window holds.
  return overdue.filter((ms) => verdicts.filter((one) => one.nowMs > ms).length < window.calls);
}

export interface Nearest {
  readonly rule: RulePlan;
  readonly ratio: number;
}

/** What the rules of a closed time have heard. */
export function heard(history: History, rules: Rules, seen: Seen): Evidence {
  const verdicts = since(history, beginsPeriod).filter(isVerdict);
  const [fromMs, hungMs] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const hanging = hangingIn(history, rules, seen);
  return { verdicts, ...failuresInARow(history, rules), ...hanging, fromMs, hungMs };
}

/** What rules that only report have heard: they begin again some time after they last would have tripped. */
export function heardAside(history: History, rules: Rules, whose: Whose, seen: Seen): Evidence {
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
  const byReason = tallyOf(run.map(({ as }) => as));
  const hanging = hangingIn(history, rules, seen);
  const hungMs = (begun?.kind === "would open" ? begun.hungMs : null) ?? Number.NEGATIVE_INFINITY;
  return { verdicts, count: run.length, run, byReason, ...hanging, fromMs, hungMs };
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

function ratioOf(rule: RulePlan, evidence: Evidence, nowMs: number): number {
  const overdue = overdueFor(rule, evidence, nowMs).length;
  if (rule.kind === "consecutive") return (evidence.count + overdue) / rule.n;
  const held = inWindow(rule, evidence.verdicts, nowMs);
  const bad = held.filter((verdict) => isBad(rule, verdict)).length + overdue;
  const all = held.length + overdue;
  // Two things must be reached: calls enough, and the share of them. Thresholds are powers of two, so it is exact.
  return Math.min(
    all / rule.minimumCalls,
    bad / (rule.threshold * Math.max(all, rule.minimumCalls)),
  );
}

function inWindow({ window }: Rate, verdicts: readonly Settled[], nowMs: number) {
  if ("calls" in window) return verdicts.slice(-window.calls);
  return verdicts.filter(
    (verdict) => bucketOf(window, verdict.nowMs) > bucketOf(window, nowMs) - 10,
  );
}

const bucketOf = ({ durationMs }: { readonly durationMs: number }, ms: number): number =>
  Math.floor(ms / (durationMs / 10));

const isBad = ({ slowMs }: Rate, { as, latencyMs }: Settled): boolean =>
  slowMs === null ? as !== "success" : as === "latency" || (latencyMs ?? 0) > slowMs;

/** When a decision was made, and when that is told; `last` is the reason of the failure that decided. */
export interface Told {
  readonly at: Moment;
  readonly decidedMs: number;
  readonly last: FailureReason;
}

/** What an open tells of the rule that decided. */
export function explained({ rule }: Nearest, evidence: Evidence, { at, decidedMs, last }: Told) {
  const { run } = evidence;
  const overdue = overdueFor(rule, evidence, decidedMs);
  const numbers =
    rule.kind === "consecutive"
      ? countedInARow(evidence)
      : countedInWindow(rule, evidence, decidedMs);
  const { error, latency } = numbers.byReason;
  const failuresByReason = { error, latency: latency + overdue.length };
  const calls = numbers.calls + overdue.length;
  const failures = error + latency + overdue.length;
  const firstMs = Math.min(numbers.firstMs ?? Number.POSITIVE_INFINITY, ...overdue);
  // The wall clock of a failure in a row is known; any other moment is told by the present wall clock.
  const known = rule.kind === "consecutive" && firstMs === run[0]?.nowMs ? run[0].wallMs : null;
  return {
    rule: numbers.name,
    reason: reasonOf(failuresByReason, last),
    failuresByReason,
    window: {
      calls,
      failures,
      ...(rule.kind === "rate" ? { rate: failures / calls, minimumCalls: rule.minimumCalls } : {}),
      ...(evidence.rules.inFlight
        ? { inFlight: evidence.starts.length, overdue: overdue.length }
        : {}),
    },
    threshold: rule.kind === "consecutive" ? rule.n : rule.threshold,
    firstFailureAtMs: known ?? at.wallMs - (at.nowMs - firstMs),
    detectMs: at.nowMs - firstMs,
  };
}

function countedInARow({ count: calls, byReason, run }: Evidence) {
  return { name: "consecutive", calls, byReason, firstMs: run[0]?.nowMs };
}

function countedInWindow(rule: Rate, { verdicts }: Evidence, nowMs: number) {
  const held = inWindow(rule, verdicts, nowMs);
  const bad = held.filter((verdict) => isBad(rule, verdict));
  const slow = rule.slowMs !== null;
  return {
    name: slow ? "slowRate" : "failureRate",
    calls: held.length,
    byReason: slow ? { error: 0, latency: bad.length } : tallyOf(bad.map(({ as }) => as)),
    firstMs: bad[0]?.nowMs,
  };
}

/** The majority; the one that decided on a tie. */
function reasonOf(
  { error, latency }: Readonly<Record<FailureReason, number>>,
  last: FailureReason,
): FailureReason {
  if (error !== latency) return error > latency ? "error" : "latency";
  return last;
}

/** The reason of the last failure in a row: a slow success is one for latency. */
export const lastReason = ({ run }: Evidence): FailureReason =>
  run.at(-1)?.as === "error" ? "error" : "latency";

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
    if (index <= begin) continue;
    const after = history.slice(0, index + 1);
    if (fact.kind === "looked" && fact.raised)
      peak = climbed(peak, readAt(after, rules, fact.nowMs));
    if (!(isVerdict(fact) || fact.kind === "idled")) continue;
    peak = startOfClimb(peak, after, rules);
    if (!isVerdict(fact) || !(isFailure(fact) || hearsLatencies(rules))) continue;
    const asked = askedAfter(rules.trip, isFailure(fact));
    const evidence = heard(after, rules, { ms: fact.nowMs, after: false });
    peak = climbed(peak, nearest(asked, evidence, fact.nowMs));
  }
  return peak;
}

/** What a reading makes of the peak; one that reaches the trip is told as no progress. */
function climbed(peak: number, near: Nearest | null): number {
  const ratio = near?.ratio ?? 0;
  if (ratio >= 1) return peak;
  return ratio <= peak / 2 ? ratio : Math.max(peak, ratio);
}

/** Where the peak was when the last of the facts came: time and successes may have ended the climb. */
function startOfClimb(peak: number, history: History, rules: Rules): number {
  const fact = history.at(-1);
  if (fact !== undefined && isFailure(fact)) {
    return fallen(peak, history.slice(0, -1), rules, fact.nowMs);
  }
  // A count that is back at 0 ends it: where it falls step by step, and where rules hear of nothing else.
  const counted = rules.trip.every(({ kind }) => kind === "consecutive");
  if (fact !== undefined && isVerdict(fact) && counted && rules.degradation === null) return 0;
  const { count } = failuresInARow(history, rules);
  return rules.degradation !== null && count === 0 ? 0 : peak;
}

export function readAt(history: History, rules: Rules, nowMs: number): Nearest | null {
  return nearest(rules.trip, heard(history, rules, { ms: nowMs, after: false }), nowMs);
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
  return climbsTo(near, startOfClimb(peakOf(before, rules), [...before, verdict], rules));
}

/** Whether calls that became overdue after `before` reached a level for the first time in this climb. */
export const raisesLevel = (before: History, near: Nearest, rules: Rules): boolean =>
  climbsTo(near, peakOf(before, rules));

function climbsTo({ rule, ratio }: Nearest, begun: number): boolean {
  const peak = ratio <= begun / 2 ? ratio : begun;
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
