import { expect, test } from "vitest";
import { checkModel, runsFrom, seedFrom } from "../model/property.ts";
import { Reach } from "../model/reach.ts";

const RUNS = 10_000;
/** Fewer runs than this may miss a rare thing by chance. */
const ENOUGH_TO_REACH_ALL = 5_000;

test("CircuitBreaker tells and reads what the reference of the contract does, whatever happens to it", async () => {
  const runs = runsFrom(process.env["TELLTALE_MODEL_RUNS"], RUNS);
  const reach = new Reach();
  await checkModel(runs, seedFrom(process.env["TELLTALE_MODEL_SEED"]), reach);
  console.log(reach.lines.join("\n"));
  expect(reach.runs).toBe(runs);
  if (runs >= ENOUGH_TO_REACH_ALL) expect(reach.missing).toEqual([]);
}, 600_000);
