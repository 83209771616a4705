import fc from "fast-check";
import pino from "pino";
import { expect, test } from "vitest";
import { logCircuitEvents } from "../../src/exporters/pino.ts";
import { CircuitBreaker, createEventBus, type TelltaleEvent } from "../../src/index.ts";
import { foldIncidents, type IncidentSummary } from "../../src/report/index.ts";
import { PostMortemFold } from "../../src/report/post-mortem.ts";
import { skipsTold } from "../exporters/pino-destination.ts";
import { fail, succeed } from "../support/breaker.ts";
import { FakeClock } from "../support/fake-clock.ts";

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("fail"), times: fc.integer({ min: 1, max: 4 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("succeed"), times: fc.integer({ min: 1, max: 70 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("advance"),
      times: fc.integer({ min: 1, max: 12_000 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom("force", "reset", "disable", "enable"),
      times: fc.constant(1),
    }),
  },
);
const story = fc.array(fc.record({ breaker: fc.nat(1), step }), { minLength: 1, maxLength: 40 });

const byId = (a: IncidentSummary, b: IncidentSummary): number =>
  a.incidentId < b.incidentId ? -1 : 1;

test("the lines of any life, in any direction, tell the same incidents and the same skips as its events", async () => {
  await fc.assert(
    fc.asyncProperty(story, async (steps) => {
      const clock = new FakeClock();
      const bus = createEventBus();
      const events: TelltaleEvent[] = [];
      const lines: string[] = [];
      bus.on("circuit.*", (event) => void events.push(event));
      const logger = pino({ level: "trace" }, { write: (line) => void lines.push(line) });
      const detach = logCircuitEvents(bus, logger);
      const options = { clock, bus, failureThreshold: 2, cooldownMs: 3_000 };
      const breakers = ["one", "two"].map((name) => new CircuitBreaker(name, options));
      for (const {
        breaker: n,
        step: { do: what, times },
      } of steps) {
        const breaker = breakers[n];
        if (breaker === undefined) throw new Error(`no breaker ${n}`);
        if (what === "advance") clock.advance(times);
        else if (what === "force") breaker.forceOpen();
        else if (what === "reset") breaker.reset();
        else if (what === "disable") breaker.disable();
        else if (what === "enable") breaker.enable();
        else
          for (let call = 0; call < times; call++)
            await breaker.execute(what === "fail" ? fail : succeed);
      }
      detach();
      const fromEvents = foldIncidents(events);
      const fromLines = foldIncidents(lines);
      expect({ ...fromLines, input: null }).toEqual({ ...fromEvents, input: null });
      expect(fromLines.gaps).toEqual([]);
      for (const record of [lines, events, lines.toReversed()]) {
        const fold = new PostMortemFold();
        for (const entry of record) fold.add(entry);
        const { incidents, breakers: totals, input, caveats } = fold.result();
        // Incidents of one moment may come in any order.
        expect(incidents.toSorted(byId)).toMatchObject(fromEvents.incidents.toSorted(byId));
        expect(totals).toMatchObject(fromEvents.breakers);
        expect(input).toMatchObject({ damaged: 0, ignored: 0, unordered: 0, repeated: 0 });
        expect(caveats.join()).not.toMatch(/missing|seem to|set back/);
        for (const { openMs, closedAtMs, phases } of incidents) {
          const { openMs: open, halfOpenMs, forcedOpenMs } = phases;
          if (closedAtMs !== null) expect(open + halfOpenMs + forcedOpenMs).toBe(openMs);
        }
      }
      const parsed = lines.map((line) => JSON.parse(line));
      for (const { name, stats } of breakers) {
        const skips = Object.values(stats.skips).reduce((sum, count) => sum + count, 0);
        expect(skipsTold(parsed, name)).toBe(skips);
        expect(fromLines.breakers[name]?.skips ?? 0).toBe(skips);
      }
    }),
    { numRuns: 300 },
  );
});
