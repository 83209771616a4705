import fc from "fast-check";
import { type Schedule, schedules } from "./plan.ts";
import type { Sighting } from "./reference.ts";
import { RegistryWorld } from "./world.ts";

const SIGHTINGS: readonly Sighting[] = [
  "evicted",
  "evicted although it failed, after spareMs",
  "evicted although it is open, after spareMs",
  "evicted although it is half open, after spareMs",
  "evicted although it was held, since all were",
  "passed over: failing",
  "passed over: open",
  "passed over: half open",
  "passed over: forced",
  "passed over: disabled",
  "passed over: in use",
  "passed over: held",
  "unkept",
  "room again after unkept",
  "reconfigured what was changed directly",
];

/** How often the runs came to each of the things that a registry is there for. */
export class RegistryReach {
  runs = 0;
  steps = 0;
  readonly #counts = new Map<Sighting, number>(SIGHTINGS.map((sighting) => [sighting, 0]));

  saw(sighting: Sighting): void {
    this.#counts.set(sighting, (this.#counts.get(sighting) ?? 0) + 1);
  }

  /** What was never seen. */
  get missing(): readonly Sighting[] {
    return SIGHTINGS.filter((sighting) => this.#counts.get(sighting) === 0);
  }

  get lines(): readonly string[] {
    const width = Math.max(...SIGHTINGS.map(({ length }) => length));
    return [
      `registry model: ${this.runs} runs, ${this.steps} steps; how often each thing was reached:`,
      ...[...this.#counts].map(([what, count]) => `  ${what.padEnd(width)} ${count}`),
    ];
  }
}

async function runSchedule({ setup, steps }: Schedule, reach: RegistryReach): Promise<void> {
  reach.runs++;
  const world = new RegistryWorld(setup, (sighting) => reach.saw(sighting));
  for (const [index, step] of steps.entries()) {
    reach.steps++;
    try {
      world.take(step);
    } catch (error) {
      // The report of fast-check shows no causes.
      const what = error instanceof Error ? error.message : String(error);
      throw new Error(`After step ${index} (${step.do}):\n${what}`, { cause: error });
    }
  }
  await world.end();
}

/** Checks random schedules; throws with the seed and the shrunk schedule when one fails. */
export async function checkRegistry(
  runs: number,
  seed: number,
  reach: RegistryReach,
): Promise<void> {
  const property = fc.asyncProperty(schedules, (schedule) => runSchedule(schedule, reach));
  await fc.assert(property, { numRuns: runs, seed, includeErrorInReport: true });
}
