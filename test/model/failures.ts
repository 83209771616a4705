import type { FailureReason } from "../../src/index.ts";
import {
  beginsPeriod,
  committedState,
  type Fact,
  type History,
  isChange,
  isFailure,
  isVerdict,
  type Rules,
  type Settled,
  since,
} from "./history.ts";

// The count of failures in a row, with degradation and without.

/** Everything that was counted against the dependency ends here. */
const forgives = (fact: Fact): boolean =>
  fact.kind === "cleared" || (isChange(fact) && (fact.to === "closed" || fact.to === "disabled"));

const endsRun = (fact: Fact): boolean =>
  fact.kind === "settled" && fact.as === "success" && fact.during !== "half_open";

/** The failures in a row of a history. */
export interface FailuresInARow {
  readonly count: number;
  /** Since the count was last 0. */
  readonly run: readonly Settled[];
  /** Those that were not forgiven, of which the larger part goes first. */
  readonly byReason: Readonly<Record<FailureReason, number>>;
}

/** The committed count and what it was made of. */
export function failuresInARow(history: History, { degradation }: Rules): FailuresInARow {
  let run: Settled[] = [];
  let left: FailureReason[] = [];
  const forgive = (failures: number): void => {
    for (let n = 0; n < failures && left.length > 0; n++) left = withoutOne(left, run);
  };
  for (const [index, fact] of history.entries()) {
    if (forgives(fact)) left = [];
    else if (fact.kind === "idled") forgive(fact.steps);
    else if (isFailure(fact)) {
      left.push(fact.as === "error" ? "error" : "latency");
      run.push(fact);
    } else if (endsRun(fact)) {
      const steps = degradation !== null && committedState(history.slice(0, index)) === "closed";
      forgive(steps ? 1 : left.length);
    }
    if (left.length === 0) run = [];
  }
  return { count: left.length, run, byReason: tallyOf(left) };
}

export function tallyOf(reasons: readonly string[]): Readonly<Record<FailureReason, number>> {
  const countOf = (reason: FailureReason): number =>
    reasons.filter((other) => other === reason).length;
  return { error: countOf("error"), latency: countOf("latency") };
}

/** Forgives one of the reasons that has more; on a tie one of those that the last failure was not. */
function withoutOne(left: readonly FailureReason[], run: readonly Settled[]): FailureReason[] {
  const { error, latency } = tallyOf(left);
  const other = run.at(-1)?.as === "latency" ? "error" : "latency";
  const reason = error === latency ? other : error > latency ? "error" : "latency";
  return left.toSpliced(left.indexOf(reason), 1);
}

/** The last failure that no success and no new start has followed: the cause of a refusal. */
export function lastFailure(history: History): Settled | undefined {
  return since(history, (fact) => forgives(fact) || endsRun(fact)).findLast(isFailure);
}

/** Whole idle steps since the last verdict of the closed time that were not committed yet. */
export function idleSteps(history: History, rules: Rules, nowMs: number): number {
  if (rules.degradation === null || committedState(history) !== "closed") return 0;
  const period = since(history, beginsPeriod);
  const last = period.findLast(isVerdict);
  if (last === undefined) return 0;
  const idled = since(period, isVerdict).map((fact) => (fact.kind === "idled" ? fact.steps : 0));
  const committed = idled.reduce((sum, steps) => sum + steps, 0);
  return Math.floor((nowMs - last.nowMs) / rules.idleStepMs) - committed;
}

/** The count plus the time that passed. */
export function effectiveCount(history: History, rules: Rules, nowMs: number): number {
  const { count } = failuresInARow(history, rules);
  return Math.max(0, count - idleSteps(history, rules, nowMs));
}
