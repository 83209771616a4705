// Simulates the cluster for as long as a night allows: 100 000 runs, or as many as TELLTALE_CLUSTER_RUNS says. Fails at
// the first broken property, with the seed and the shrunk plan.

import process from "node:process";
import { checkCluster, Totals } from "../test/cluster/simulation/property.ts";

const RUNS_PER_CHUNK = 2_000;
/** So that the seeds of two nights do not overlap in all but one chunk. */
const SEED_STRIDE = 7_919;

const { TELLTALE_CLUSTER_RUNS, TELLTALE_CLUSTER_SEED } = process.env;
const runs = Number(TELLTALE_CLUSTER_RUNS ?? 100_000);
const firstSeed = Number(TELLTALE_CLUSTER_SEED ?? Math.floor(Math.random() * 1e9));
if (!Number.isSafeInteger(runs) || runs < 1 || !Number.isSafeInteger(firstSeed)) {
  throw new RangeError("TELLTALE_CLUSTER_RUNS and TELLTALE_CLUSTER_SEED must be whole numbers");
}
const totals = new Totals();
const begunMs = performance.now();

for (let chunk = 0; totals.runs < runs; chunk++) {
  const seed = firstSeed + chunk * SEED_STRIDE;
  checkCluster(Math.min(RUNS_PER_CHUNK, runs - totals.runs), seed, totals);
  const seconds = ((performance.now() - begunMs) / 1000).toFixed(0);
  const { steps, inputs } = totals;
  console.log(
    `cluster: ${totals.runs} runs, ${steps} steps, ${inputs} inputs, ${seconds} s (seed ${seed})`,
  );
}
