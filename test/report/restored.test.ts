import { expect, test } from "vitest";
import { CircuitBreaker, type CircuitEvent } from "../../src/index.ts";
import { createReplay, foldIncidents } from "../../src/report/index.ts";
import { failTimes, succeed, watch } from "../support/breaker.ts";

/** The events of two processes: the second goes on, after so many that the snapshot does not know of. */
async function across(lost: number) {
  const { breaker: before, clock, events } = watch();
  await failTimes(before, 5);
  const json = before.serialize();
  for (let n = 0; n < lost; n++) await before.execute(succeed);
  clock.advance(20_000);
  const after = new CircuitBreaker("dependency", { clock });
  after.on("circuit.*", (event: CircuitEvent) => events.push(event));
  after.restore(json, { source: "disk" });
  await after.execute(succeed);
  return { after, clock, events };
}

test.each([0, 1, 4])(
  "foldIncidents() sees one incident across a restart whose snapshot was %i events old",
  async (lost) => {
    const { after, clock, events } = await across(lost);
    clock.advance(40_000);
    await after.execute(succeed);
    const { incidents, breakers } = foldIncidents(events.map((event) => JSON.stringify(event)));
    expect(incidents).toMatchObject([
      { mttrMs: 60_000, reason: "error", closeReason: "probe", gaps: 0 },
    ]);
    expect(breakers["dependency"]).toMatchObject({
      incidents: 1,
      stillOpen: 0,
      mttrMeanMs: 60_000,
    });
  },
);

test.each([0, 1, 4])(
  "createReplay() goes on with a breaker whose snapshot was %i events old",
  async (lost) => {
    const { after, events, clock } = await across(lost);
    const replaying = createReplay();
    for (const event of events) replaying.add(event);
    const replayed = replaying.breaker("dependency");
    expect(replayed).toMatchObject({
      state: "open",
      generation: events.at(-1)?.generation,
      retryAtMs: clock.epochMs() + (after.retryAfterMs ?? 0),
      restarts: lost === 0 ? 0 : 1,
      stats: { consecutiveFailures: 5 },
      incident: { incidentId: events.at(-1)?.incidentId },
    });
  },
);
