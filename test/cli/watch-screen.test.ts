import { describe, expect, test } from "vitest";
import { PlainWatch } from "../../src/cli/watch/plain-watch.ts";
import { drawn, standingLines } from "../../src/cli/watch/screen.ts";
import { TerminalWatch } from "../../src/cli/watch/terminal-watch.ts";
import { clipped, fitted } from "../../src/cli/watch/text-width.ts";
import { told } from "../dashboard/told.ts";
import { fail, failTimes, succeed } from "../support/breaker.ts";

const STYLE = { columns: 110, rows: 24, colours: false, isUnicode: true };

/** A board in the middle of an outage, and live. */
async function outage() {
  const all = told();
  const [source] = all.board.sources;
  if (source === undefined) throw new Error("there is no source");
  source.status = { kind: "live" };
  const payments = all.breaker("payments");
  const search = all.breaker("search");
  all.breaker("mail", { failureThreshold: 9 });
  all.read();
  search.forceOpen("maintenance");
  await failTimes(payments, 5);
  all.clock.advance(4_000);
  for (let n = 0; n < 3; n++) await payments.execute(succeed);
  all.read();
  const draw = (style = {}, from = 0) =>
    drawn(all.board, from, { ...STYLE, ...style }, all.clock.epochMs()).lines;
  return { ...all, payments, source, draw };
}

describe("the screen", () => {
  test("shows breakers by urgency, incidents and the last events", async () => {
    const { draw } = await outage();
    const lines = draw();
    expect(lines[0]).toMatch(/^telltale watch api +live 00:00:04 UTC$/);
    expect(lines[1]).toBe("3 breakers, 1 open, 1 forced, 1 closed, 3 calls refused");
    expect(lines[2]).toBe("2 incidents, 2 still open, no recovery yet");
    expect(lines[5]).toMatch(/^OPEN +payments .*█ +3 {2}next probe in 6 s$/);
    expect(lines[6]).toMatch(/^FORCED +search .*▓ +0 {2}until it is reset$/);
    expect(lines[7]).toMatch(/^CLOSED +mail .*─ +0 *$/);
    expect(lines.at(-2)).toBe("00:00:04 WARN  payments: 1 call refused");
    expect(lines.at(-1)).toBe("q quits, arrows scroll");
    expect(lines).toHaveLength(24);
  });

  test("fits any size of terminal, and never wraps", async () => {
    const { draw } = await outage();
    for (const columns of [1, 10, 39, 69, 70, 89, 90, 200]) {
      for (const rows of [1, 3, 6, 10, 24, 60]) {
        const lines = draw({ columns, rows });
        expect(lines.length).toBeLessThanOrEqual(rows);
        if (columns < 39) continue;
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
      }
    }
  });

  test("says when what it shows is not of now, and fades it", async () => {
    const { draw, source, clock } = await outage();
    const nowMs = clock.epochMs();
    source.status = {
      ...{ kind: "lost", sinceMs: nowMs - 8_000, retryAtMs: nowMs + 3_000 },
      ...{ why: "connect ECONNREFUSED", isRefused: false },
    };
    expect(draw()[0]?.trimEnd()).toBe(
      " STALE since 23:59:56 UTC (8 s): connect ECONNREFUSED; next try in 3 s",
    );
    expect(draw({ colours: true })[0]).toContain("\u001b[97;41m");
    source.status = { kind: "silent", sinceMs: nowMs - 12_000 };
    expect(draw()[0]).toContain("STALE: nothing has come since 23:59:52 UTC (12 s)");
  });

  test("has colours only where they are wanted, and other than ASCII only where it is shown", async () => {
    const { draw, source } = await outage();
    expect(draw().join("\n")).not.toContain("\u001b");
    expect(draw({ colours: true }).join("\n")).toContain("\u001b[31mOPEN");
    source.status = { kind: "connecting" };
    expect(draw({ isUnicode: false })[0]?.trim()).toBe("connecting ~");
    const ascii = draw({ isUnicode: false }).join("\n");
    expect([...ascii].filter((character) => character > "~")).toEqual([]);
    expect(ascii).toMatch(/payments .*O {2}/);
  });

  test("says what is wrong with what it is told", async () => {
    const { draw, tell } = await outage();
    tell("circuit.open", { v: 7, type: "circuit.open" });
    tell("gap", { missed: 5 });
    expect(draw({ columns: 200 })[2]).toMatch(
      /; 1 times that events were missed; 1 events of a later version of telltale, not shown$/,
    );
  });

  test("names with control characters, wide characters and of any length keep the columns", () => {
    const { board, breaker, clock } = told();
    for (const name of ["a\u001b[31mb\nc", "決済サービス".repeat(20), "x".repeat(256), "e\u0301"]) {
      breaker(name).forceOpen(`${name}\u0007`);
    }
    const { lines } = drawn(board, 0, STYLE, clock.epochMs());
    expect([...lines.join("")].filter((character) => character < " ")).toEqual([]);
    for (const line of lines.slice(5, 9)) {
      // The columns behind the name begin at the same place.
      const [, before = ""] = /^(.*?)▓/.exec(line) ?? [];
      const wide = [...before].filter((character) => character > "\u2fff").length;
      const marks = [...before].filter((character) => character === "\u0301").length;
      expect(before.length + wide - marks).toBe(61);
    }
  });
});

describe("the terminal", () => {
  function terminal(columns: number, rows: number) {
    const all = told();
    for (let n = 0; n < 50; n++) all.breaker(`b${String(n).padStart(2, "0")}`);
    all.snapshot();
    const output = { columns, rows, text: "", write: (text: string) => (output.text += text) };
    const watch = new TerminalWatch(all.board, output, { colours: false, isUnicode: true });
    const shown = () => {
      output.text = "";
      watch.show(all.clock.epochMs());
      return [...output.text.matchAll(/CLOSED +(b\d\d)/g)].map(([, name]) => name);
    };
    return { watch, output, shown };
  }

  test("scrolls by lines and pages, and no further than the ends", () => {
    const { watch, shown } = terminal(100, 24);
    watch.open();
    expect(shown()[0]).toBe("b00");
    const page = shown().length;
    const first = (key: string) => {
      expect(watch.press(key)).toBe(true);
      return shown()[0];
    };
    expect([first("j"), first("\u001b[B"), first("k"), first("\u001b[A"), first("k")]).toEqual([
      ...["b01", "b02", "b01", "b00", "b00"],
    ]);
    expect(first("\u001b[6~")).toBe(`b${String(page).padStart(2, "0")}`);
    expect(first("G")).toBe(`b${50 - page}`);
    expect(first("j")).toBe(`b${50 - page}`);
    expect(first("g")).toBe("b00");
    expect(first("x")).toBe("b00");
    expect(first("jj\u001b[Bk\u001bOB")).toBe("b03");
    expect(watch.press("jq")).toBe(false);
  });

  test("follows its size", () => {
    const { watch, output, shown } = terminal(100, 24);
    watch.open();
    const before = shown().length;
    output.rows = 40;
    expect(shown().length).toBe(before + 16);
    output.columns = 40;
    shown();
    for (const line of output.text.split("\r\n")) {
      const shown = line
        .split("\u001b[")
        .map((piece, at) => (at === 0 ? piece : piece.replace(/^[?\d;]*[A-Za-z]/, "")))
        .join("");
      expect(shown.length).toBeLessThanOrEqual(40);
    }
  });

  test.each(["q", "Q", "\u0003", "\u0004"])("%j asks to end", (key) => {
    expect(terminal(80, 24).watch.press(key)).toBe(false);
  });

  test("is given back as it was, once", () => {
    const { watch, output } = terminal(80, 24);
    watch.open();
    expect(output.text).toBe("\u001b[?1049h\u001b[?25l");
    output.text = "";
    watch.close();
    watch.close();
    watch.show(0);
    expect(output.text).toBe("\u001b[?25h\u001b[?1049l");
  });
});

describe("line by line", () => {
  test("each event is a line, once, and how a stream is doing when that changes", async () => {
    const { board, breaker, clock, source } = { ...(await outage()), breaker: null };
    const lines: string[] = [];
    const plain = new PlainWatch(board, (line) => lines.push(line));
    plain.show(clock.epochMs());
    expect(breaker).toBeNull();
    expect(lines[0]).toBe(
      "2026-01-01T00:00:00.000Z ERROR search: OPEN: forced: maintenance; no probe is due",
    );
    expect(lines.filter((line) => line.includes("OPEN: error"))).toHaveLength(1);
    const count = lines.length;
    plain.show(clock.epochMs());
    expect(lines).toHaveLength(count);
    const lost = { kind: "lost", retryAtMs: clock.epochMs() + 1_000 } as const;
    source.status = { ...lost, sinceMs: clock.epochMs(), why: "gone", isRefused: false };
    plain.show(clock.epochMs());
    source.status = { ...lost, sinceMs: clock.epochMs(), why: "gone again", isRefused: false };
    plain.show(clock.epochMs());
    source.status = { kind: "live" };
    plain.show(clock.epochMs());
    expect(lines.slice(count)).toEqual([
      "2026-01-01T00:00:04.000Z WARN  STALE since 00:00:04 UTC (0 s): gone; next try in 1 s",
      "2026-01-01T00:00:04.000Z INFO  live again",
    ]);
  });

  test("breakers that are not well when it begins are told, though no event does", () => {
    const { board, tell, clock } = told();
    const lines: string[] = [];
    const rows = [
      { breaker: "payments", state: "open", openedAtMs: 1 },
      { breaker: "search", state: "closed" },
    ];
    tell("snapshot", { atMs: clock.epochMs(), breakers: rows });
    new PlainWatch(board, (line) => lines.push(line)).show(clock.epochMs());
    expect(lines).toEqual([
      "2026-01-01T00:00:00.000Z INFO  payments stands OPEN, next probe at an unknown time",
    ]);
  });

  test("events that come faster than they are kept are counted", async () => {
    const { board, breaker, clock } = told();
    const lines: string[] = [];
    const plain = new PlainWatch(board, (line) => lines.push(line));
    const payments = breaker("payments");
    for (let n = 0; n < 1_500; n++) payments.recordFailure(new Error("x"));
    for (let n = 0; n < 1_500; n++) await payments.execute(fail);
    plain.show(clock.epochMs());
    expect(lines[0]).toMatch(/WARN {2}\d+ events came too fast$/);
    expect(lines).toHaveLength(1_001);
  });
});

test("--once prints every breaker with what comes next", async () => {
  const { board, clock } = await outage();
  const lines = standingLines(board, STYLE, clock.epochMs());
  expect(lines).toEqual([
    "3 breakers, 1 open, 1 forced, 1 closed, 3 calls refused",
    "OPEN       payments: 3 refused, incident of 4 s, next probe in 6 s",
    "FORCED     search: 0 refused, incident of 4 s, until it is reset",
    "CLOSED     mail: 0 refused",
  ]);
});

test.each([
  ["short", 8, "short   "],
  ["exactly8", 8, "exactly8"],
  ["much too long", 8, "much to…"],
  ["決済決済", 8, "決済決済"],
  ["決済決済済", 8, "決済決… "],
  ["e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301e\u0301"],
  ["x", 0, ""],
])("%j in %i columns", (text, columns, expected) => {
  expect(fitted(text, columns)).toBe(expected);
  expect(clipped(text, columns).columns).toBeLessThanOrEqual(columns);
});
