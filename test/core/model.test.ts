import { expect, test } from "vitest";
import { checkModel, runsFrom, seedFrom } from "../model/property.ts";
import { ENOUGH_RUNS, Reach } from "../model/reach.ts";

/** Rare things come in bunches: one session in some dozens misses the rarest, hardly ever three in a row. */
const SESSIONS = 3;

test("CircuitBreaker tells and reads what the reference of the contract does, whatever happens to it", async () => {
  const runs = runsFrom(process.env["TELLTALE_MODEL_RUNS"], ENOUGH_RUNS);
  const seed = seedFrom(process.env["TELLTALE_MODEL_SEED"]);
  const reach = new Reach();
  let sessions = 0;
  do {
    await checkModel(runs, seed + sessions, reach);
    sessions++;
    expect(reach.runs).toBe(runs * sessions);
  } while (reach.missing.length > 0 && sessions < SESSIONS);
  console.log(reach.lines.join("\n"));
  expect(reach.missing).toEqual([]);
}, 600_000);
