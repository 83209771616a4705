import fc from "fast-check";
import type { Schedule } from "./plans.ts";
import { Reach } from "./reach.ts";
import { ReplayCheck } from "./replay-check.ts";
import { schedules } from "./schedules.ts";
import { World } from "./world.ts";

/** Runs one schedule; throws at the first step after which breaker and reference disagree. */
async function runSchedule({ setup, steps }: Schedule, reach: Reach): Promise<void> {
  reach.runs++;
  const world = new World(setup, reach);
  for (const [index, step] of steps.entries()) {
    try {
      await world.take(step);
    } catch (error) {
      // The report of fast-check shows no causes.
      const what = error instanceof Error ? error.message : String(error);
      throw new Error(`After step ${index} (${step.do}):\n${what}`, { cause: error });
    }
  }
  world.end();
}

/** Checks random schedules; throws with the seed and the shrunk schedule when one fails. */
export async function checkModel(runs: number, seed: number, reach: Reach): Promise<void> {
  const property = fc.asyncProperty(schedules, (schedule) => runSchedule(schedule, reach));
  await fc.assert(property, { numRuns: runs, seed, includeErrorInReport: true });
}

/** Every breaker is heard from its first event, on a bus that can be listened in on. */
const heard = schedules.map(({ setup, steps }): Schedule => {
  const bus = setup.bus === "own" ? "shared" : setup.bus;
  return { setup: { ...setup, bus, witness: true }, steps };
});

/**
 * Checks that the replay of each stream is what the live breaker reported, at each event and after each step of random
 * schedules; throws as `checkModel` does. Returns how many events were compared.
 */
export async function checkReplay(runs: number, seed: number): Promise<number> {
  let events = 0;
  const property = fc.asyncProperty(heard, async ({ setup, steps }) => {
    const sets = steps.some((step) => step.do === "set wall clock" || step.do === "step back");
    const check = new ReplayCheck(setup.instance, sets);
    const world = new World(setup, new Reach(), check);
    for (const step of steps) await world.take(step);
    world.end();
    events += check.events;
  });
  await fc.assert(property, { numRuns: runs, seed, includeErrorInReport: true });
  return events;
}

/** The seed that TELLTALE_MODEL_SEED asks for, else a random one. */
export function seedFrom(given: string | undefined): number {
  return given === undefined ? Math.floor(Math.random() * 0x7fffffff) : wholeNumber("SEED", given);
}

/** The number of runs that TELLTALE_MODEL_RUNS asks for, else the usual one. */
export function runsFrom(given: string | undefined, usual: number): number {
  return given === undefined ? usual : wholeNumber("RUNS", given);
}

function wholeNumber(what: "SEED" | "RUNS", given: string): number {
  const number = Number(given);
  if (given.trim() === "" || !Number.isInteger(number)) {
    throw new RangeError(
      `Cannot run the model: TELLTALE_MODEL_${what} must be an integer, received "${given}"`,
    );
  }
  return number;
}
