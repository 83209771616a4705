import { expect, test } from "vitest";
import { PostMortemFold } from "../../src/report/post-mortem.ts";
import { succeed } from "../support/breaker.ts";
import { record } from "./recorded.ts";

function postMortem(lines: readonly unknown[]) {
  const fold = new PostMortemFold({});
  for (const [at, entry] of lines.entries()) fold.add(entry, { file: "a.log", line: at + 1 });
  return fold.result();
}

test("a forced open that was forced anew: the timeline says the reason, and the floor follows the end", async () => {
  const recorded = record({ instance: "api-1" });
  const { clock } = recorded;
  const breaker = recorded.breaker("payments");
  breaker.forceOpen("vendor is down", { forMs: 3_600_000 });
  clock.advance(3_000_000);
  breaker.forceOpen("vendor says another 2 h", { forMs: 7_200_000 });
  clock.advance(7_200_000);
  await breaker.execute(succeed);
  recorded.detach();
  const [incident, ...others] = postMortem(recorded.lines).incidents;
  expect(others).toEqual([]);
  expect(incident).toMatchObject({
    reason: "forced",
    tripText: "forced: vendor is down",
    reopens: 0,
    mttrMs: 10_200_000,
    cooldownFloorMs: 10_200_000,
  });
  const texts = incident?.timeline.filter(({ type }) => type === "circuit.force_changed");
  expect(texts?.map(({ text }) => text)).toEqual([
    "FORCED OPEN for 2 h 0 min from now on (before: until 2026-01-01 01:00:00.000 UTC): vendor says another 2 h",
  ]);
});

test.each([
  [
    "another reason alone",
    "INC-42",
    {},
    "FORCED OPEN without an end from now on (as before): INC-42",
  ],
  [
    "an end",
    undefined,
    { forMs: 60_000 },
    "FORCED OPEN for 1 min 0 s from now on (before: without an end): why",
  ],
])("the timeline says that a forced open was given %s", (_, note, options, text) => {
  const recorded = record({ instance: "api-1" });
  const breaker = recorded.breaker("payments");
  breaker.forceOpen("why");
  breaker.forceOpen(note, options);
  recorded.detach();
  const [incident] = postMortem(recorded.lines).incidents;
  expect(incident?.timeline.at(-1)?.text).toBe(text);
  expect(incident?.cooldownFloorMs).toBe("forMs" in options ? 60_000 : null);
});
