import { expect, test } from "vitest";
import { runsFrom, seedFrom } from "../model/property.ts";
import { checkRegistry, RegistryReach } from "../registry-model/property.ts";

const USUAL_RUNS = 1_000;

test("BreakerRegistry holds, spares, removes and tells what the reference does, whatever its breakers go through", async () => {
  const runs = runsFrom(process.env["TELLTALE_MODEL_RUNS"], USUAL_RUNS);
  const reach = new RegistryReach();
  await checkRegistry(runs, seedFrom(process.env["TELLTALE_MODEL_SEED"]), reach);
  console.log(reach.lines.join("\n"));
  expect(reach.runs).toBe(runs);
  if (runs >= USUAL_RUNS) expect(reach.missing).toEqual([]);
}, 600_000);
