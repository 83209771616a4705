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

/** A success by which the breaker tripped, because it was slow: it no longer ends the run of failures. */
function tripped(history: History, index: number): boolean {
  const next = history.slice(index + 1).find((fact) => fact.kind !== "would open");
  return next?.kind === "change" && next.why === "trip";
}

/** Everything that was counted against the dependency ends here. */
const forgives = (fact: Fact): boolean =>
  fact.kind === "cleared" || (isChange(fact) && (fact.to === "closed" || fact.to === "disabled"));

const endsRun = (fact: Fact): boolean =>
  fact.kind === "settled" && fact.as === "success" && fact.during !== "half_open";

/** The committed count, and the failures since it was last 0. */
export function failuresInARow(
  history: History,
  { degradation }: Rules,
): { readonly count: number; readonly run: readonly Settled[] } {
  let count = 0;
  let run: Settled[] = [];
  for (const [index, fact] of history.entries()) {
    if (forgives(fact)) count = 0;
    else if (fact.kind === "idled") count = Math.max(0, count - fact.steps);
    else if (isFailure(fact)) {
      count++;
      run.push(fact);
    } else if (endsRun(fact) && !tripped(history, index)) {
      const steps = degradation !== null && committedState(history.slice(0, index)) === "closed";
      count = steps ? Math.max(0, count - 1) : 0;
    }
    if (count === 0) run = [];
  }
  return { count, run };
}

/** The last failure that no success and no new start has followed: the cause of a refusal. */
export function lastFailure(history: History): Settled | undefined {
  const end = history.findLastIndex(
    (fact, index) => forgives(fact) || (endsRun(fact) && !tripped(history, index)),
  );
  return history.slice(end + 1).findLast(isFailure);
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
