import { describe, expect, test } from "vitest";
import { outlook } from "../../src/dashboard/board/standing.ts";
import { told } from "./told.ts";

describe("what a stream should not tell", () => {
  test.each([
    ["no JSON", "circuit.open", "{"],
    ["no object", "circuit.open", "[]"],
    ["an event without an envelope", "circuit.open", '{"type":"circuit.open","v":1}'],
    ["a snapshot without a time", "snapshot", '{"breakers":[]}'],
    ["a snapshot of a time that no date holds", "snapshot", '{"atMs":1e300,"breakers":[]}'],
    ["readings without breakers", "readings", '{"atMs":5}'],
    ["a message of another kind", "weather", '{"rain":true}'],
  ])("%s is counted as damaged, and changes nothing", (_, name, data) => {
    const { board } = told();
    board.take(0, { name, data }, 0);
    expect([board.sources[0]?.damaged, board.size]).toEqual([1, 0]);
  });

  test("an event of a later version is counted, and said to be one", () => {
    const { board, tell } = told();
    tell("circuit.open", { type: "circuit.open", v: 2, atMs: 1, breaker: "payments" });
    expect(board.sources[0]).toMatchObject({ later: 1, damaged: 0 });
  });

  test("an event that a later version added is kept in the log, by its name", () => {
    const { board, tell, clock } = told();
    const event = { type: "circuit.mended", v: 1, seq: 1, breaker: "payments", generation: 1 };
    tell("circuit.mended", { ...event, atMs: clock.epochMs(), state: "closed" });
    expect(board.log.map(({ record }) => record.type)).toEqual(["circuit.mended"]);
  });

  test("breakers of a snapshot that are none are counted, and the others shown", () => {
    const { board, tell, view } = told();
    const rows = [null, 5, {}, { breaker: 5, state: "open" }, { breaker: "x", state: "ajar" }];
    const odd = { trafficShare: -1, tripProgress: Number.MAX_VALUE, skips: -5, openedAtMs: "x" };
    tell("snapshot", { atMs: 1, breakers: [...rows, { breaker: "ok", state: "open", ...odd }] });
    expect(view().rows.map(({ label }) => label)).toEqual(["ok"]);
    expect(view().rows[0]?.breaker).toMatchObject({ trafficShare: 1, tripProgress: 0, skips: 0 });
    expect(board.sources[0]?.untold).toBe(5);
  });

  test("names are safe to show and bounded, whatever they hold", () => {
    const { tell, view } = told();
    const names = ["x".repeat(10_000), "a\u001b[31m\nb\u202e", "", "__proto__"];
    tell("snapshot", { atMs: 1, breakers: names.map((breaker) => ({ breaker, state: "open" })) });
    expect(view().rows.map(({ label }) => label)).toEqual([
      "(no name)",
      "__proto__",
      "a[31m b",
      "x".repeat(256),
    ]);
  });

  test("times in the future break nothing", () => {
    const { board, tell, clock, view } = told();
    const atMs = 8_000_000_000_000_000;
    const event = { type: "circuit.open", v: 1, seq: 1, breaker: "payments", generation: 1, atMs };
    const open = { ...event, state: "open", from: "closed", incidentId: "i", retryAtMs: atMs };
    tell("circuit.open", open);
    const [row] = view().rows;
    expect(row?.standing).toBe("open");
    expect(row === undefined ? "" : outlook(row.breaker, clock.epochMs())).toBe(
      "next probe in over 999 d",
    );
    expect(board.incidents(clock.epochMs())).toMatchObject([{ openMs: 0 }]);
  });
});
