import { expect, test } from "vitest";
import type { Protections } from "../../../src/cluster/protections.ts";
import { checkCluster, firstViolation, Totals } from "./property.ts";

const { TELLTALE_CLUSTER_RUNS, TELLTALE_CLUSTER_SEED } = process.env;
const RUNS = Number(TELLTALE_CLUSTER_RUNS ?? 2_000);
const SEED = Number(TELLTALE_CLUSTER_SEED ?? 20_261_121);

test("the protocol keeps P1 to P11 whatever happens to tasks, network, clocks and store", () => {
  const totals = new Totals();
  checkCluster(RUNS, SEED, totals);
  console.log(`cluster: ${totals.runs} runs, ${totals.steps} steps, ${totals.inputs} inputs`);
  expect(totals.runs).toBe(RUNS);
}, 600_000);

// Bugs that were made before, each by a protection that was not there, with the properties that may notice.
test.each([
  ["no fence", "fence", /^P2|^P10/],
  ["a reset deletes the epoch", "tombstone", /^P1|^P3|^P5/],
  ["the last to arrive wins", "order", /^P1|^P5/],
  ["a plain closed clears a forced open", "stickyForce", /^P4|^P5/],
  ["no lease", "lease", /^P6/],
  ["no token", "token", /^P7/],
  ["what is adopted is announced again", "silence", /^P8/],
  ["epochs only count", "timeInEpoch", /^P3|^P1|^P5/],
  ["a merge overwrites", "join", /^P1|^P5|^P8/],
] as const satisfies readonly (readonly [string, keyof Protections, RegExp])[])(
  "the simulation notices: %s",
  (_bug, protection, properties) => {
    const found = firstViolation({ [protection]: false }, 20_000, 7);
    console.log(`${protection}: after ${found?.after} runs: ${found?.message.split("\n")[0]}`);
    expect(found?.message).toMatch(properties);
  },
  300_000,
);
