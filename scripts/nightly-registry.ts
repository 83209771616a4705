// Runs the model of the registry for as long as a night allows: 300 000 steps, or as many runs as TELLTALE_MODEL_RUNS
// says. Fails at the first disagreement, with the seed and the shrunk schedule, and when something was never reached.

import process from "node:process";
import { runsFrom, seedFrom } from "../test/model/property.ts";
import { checkRegistry, RegistryReach } from "../test/registry-model/property.ts";

const STEPS = 300_000;
const RUNS_PER_CHUNK = 1_000;
/** So that the seeds of two nights do not overlap in all but one chunk. */
const SEED_STRIDE = 7_919;

const { TELLTALE_MODEL_RUNS, TELLTALE_MODEL_SEED } = process.env;
const runs = runsFrom(TELLTALE_MODEL_RUNS, Number.POSITIVE_INFINITY);
const firstSeed = seedFrom(TELLTALE_MODEL_SEED);
const reach = new RegistryReach();
const begunMs = performance.now();

/** With a number of runs given, the steps are whatever these runs take. */
const isDone = (): boolean => (Number.isFinite(runs) ? reach.runs >= runs : reach.steps >= STEPS);

for (let chunk = 0; !isDone(); chunk++) {
  const seed = firstSeed + chunk * SEED_STRIDE;
  await checkRegistry(Math.min(RUNS_PER_CHUNK, runs - reach.runs), seed, reach);
  const seconds = ((performance.now() - begunMs) / 1000).toFixed(0);
  console.log(
    `registry model: ${reach.runs} runs, ${reach.steps} steps, ${seconds} s (seed ${seed})`,
  );
}

console.log(reach.lines.join("\n"));
if (reach.runs >= RUNS_PER_CHUNK && reach.missing.length > 0) {
  console.error(`registry model: never reached: ${reach.missing.join(", ")}`);
  process.exitCode = 1;
}
