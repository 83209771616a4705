import { expect, test } from "vitest";
import { checkModel, runsFrom, seedFrom } from "../model/property.ts";
import { ENOUGH_RUNS, Reach } from "../model/reach.ts";

test("CircuitBreaker tells and reads what the reference of the contract does, whatever happens to it", async () => {
  const runs = runsFrom(process.env["TELLTALE_MODEL_RUNS"], ENOUGH_RUNS);
  const reach = new Reach();
  await checkModel(runs, seedFrom(process.env["TELLTALE_MODEL_SEED"]), reach);
  console.log(reach.lines.join("\n"));
  expect(reach.runs).toBe(runs);
  expect(reach.missing).toEqual([]);
}, 600_000);
