import fc from "fast-check";
import { expect, test } from "vitest";
import { runTwins, twinPlans } from "../model/continued.ts";
import { runsFrom, seedFrom } from "../model/property.ts";

test("restore() at any points of any life equals never having stopped", () => {
  let restores = 0;
  const property = fc.property(twinPlans, (plan) => {
    restores += runTwins(plan);
  });
  const numRuns = runsFrom(process.env["TELLTALE_MODEL_RUNS"], 1_000);
  const seed = seedFrom(process.env["TELLTALE_MODEL_SEED"]);
  fc.assert(property, { numRuns, seed, includeErrorInReport: true });
  expect(restores).toBeGreaterThan(numRuns);
}, 600_000);
