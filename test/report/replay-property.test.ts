import { expect, test } from "vitest";
import { checkReplay, seedFrom } from "../model/property.ts";

test("replay() gives what the live breaker reported at each event and after each step, whatever happens to it", async () => {
  const events = await checkReplay(2_500, seedFrom(process.env["TELLTALE_MODEL_SEED"]));
  console.log(`replay: ${events} events compared`);
  expect(events).toBeGreaterThan(20_000);
}, 600_000);
