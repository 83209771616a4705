import fc from "fast-check";
import { ALL_PROTECTIONS, type Protections } from "../../../src/cluster/protections.ts";
import { type Plan, plans } from "./plan.ts";
import { World } from "./world.ts";

/** Counts what the runs reached. */
export class Totals {
  runs = 0;
  steps = 0;
  inputs = 0;
}

/** Runs one plan; throws what was broken. */
function simulate(plan: Plan, protections: Protections, totals?: Totals): void {
  const world = new World(plan, protections);
  const problems = world.run();
  if (totals !== undefined) {
    totals.runs++;
    totals.steps += plan.steps.length;
    totals.inputs += world.timeline.ran;
  }
  if (problems.length > 0) throw new Error(problems.slice(0, 3).join("\n"));
}

/** Simulates `runs` plans of a seed; fails with the seed and the shrunk plan. */
export function checkCluster(runs: number, seed: number, totals: Totals): void {
  fc.assert(
    fc.property(plans, (plan) => simulate(plan, ALL_PROTECTIONS, totals)),
    { numRuns: runs, seed },
  );
}

/** What the first failing plan broke when some protections are off; null when `runs` plans found nothing. */
export function firstViolation(off: Partial<Protections>, runs: number, seed: number) {
  const protections = { ...ALL_PROTECTIONS, ...off };
  const details = fc.check(
    fc.property(plans, (plan) => simulate(plan, protections)),
    { numRuns: runs, seed, endOnFailure: true },
  );
  if (!details.failed) return null;
  const { errorInstance, numRuns } = details;
  return { after: numRuns, message: errorInstance instanceof Error ? errorInstance.message : "" };
}
