import fc from "fast-check";
import { expect, test } from "vitest";
import type { Schedule } from "../model/plans.ts";
import { seedFrom } from "../model/property.ts";
import { Reach } from "../model/reach.ts";
import { ReplayCheck } from "../model/replay-check.ts";
import { schedules } from "../model/schedules.ts";
import { World } from "../model/world.ts";

/** Every breaker is heard from its first event, on a bus that can be listened in on. */
const heard = schedules.map(({ setup, steps }): Schedule => {
  const bus = setup.bus === "own" ? "shared" : setup.bus;
  return { setup: { ...setup, bus, witness: true }, steps };
});

test("replay() gives what the live breaker reported at each event and after each step, whatever happens to it", async () => {
  let events = 0;
  const run = async ({ setup, steps }: Schedule): Promise<void> => {
    const sets = steps.some((step) => step.do === "set wall clock" || step.do === "step back");
    const check = new ReplayCheck(setup.instance, sets);
    const world = new World(setup, new Reach(), check);
    for (const step of steps) await world.take(step);
    world.end();
    events += check.events;
  };
  await fc.assert(fc.asyncProperty(heard, run), {
    numRuns: 2_500,
    seed: seedFrom(process.env["TELLTALE_MODEL_SEED"]),
    includeErrorInReport: true,
  });
  console.log(`replay: ${events} events compared`);
  expect(events).toBeGreaterThan(20_000);
}, 600_000);
