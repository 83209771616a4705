import { expect, test } from "vitest";
import { Terminal } from "../../src/cli/demo/terminal.ts";

const AT_MS = Date.UTC(2026, 0, 2, 14, 3, 7);
const STATUS = {
  atMs: AT_MS,
  tone: "bad",
  label: "OPEN",
  text: "skipped 12 since 14:03:05",
} as const;
const HAPPENED = {
  atMs: AT_MS,
  tone: "good",
  label: "CLOSED",
  text: "payments: MTTR 2 s",
} as const;

function terminal(isTTY: boolean, env: Record<string, string> = {}, columns = 80) {
  const output = {
    isTTY,
    columns,
    text: "",
    write(text: string) {
      output.text += text;
    },
  };
  return { output, terminal: new Terminal(output, env) };
}

/** What a terminal would show: a carriage return and an erase start the line anew. */
function shown(text: string): readonly string[] {
  return text
    .split("\n")
    .map((line) => line.slice(line.lastIndexOf("\u001b[2K") + 1).replace("[2K", ""));
}

test("status() redraws one line in place on a terminal", () => {
  const { output, terminal: to } = terminal(true, { NO_COLOR: "1" });
  to.status(STATUS);
  to.status({ ...STATUS, text: "skipped 13" });
  expect(output.text).not.toContain("\n");
  expect(shown(output.text)).toEqual(["14:03:07  OPEN        skipped 13"]);
});

test("entry() goes above the status line", () => {
  const { output, terminal: to } = terminal(true, { NO_COLOR: "1" });
  to.status(STATUS);
  to.entry(HAPPENED);
  expect(shown(output.text)).toEqual([
    "14:03:07  CLOSED      payments: MTTR 2 s",
    "14:03:07  OPEN        skipped 12 since 14:03:05",
  ]);
});

test("endStatus() takes the status line away", () => {
  const { output, terminal: to } = terminal(true, { NO_COLOR: "1" });
  to.status(STATUS);
  to.endStatus();
  to.line("over");
  expect(shown(output.text)).toEqual(["over", ""]);
});

test("status() never fills the last column, so that the line does not wrap", () => {
  const { output, terminal: to } = terminal(true, { NO_COLOR: "1" }, 44);
  to.status({ ...STATUS, text: "x".repeat(100) });
  expect(shown(output.text)[0]).toHaveLength(43);
});

test("entry() colours the label on a terminal only, and never with NO_COLOR", () => {
  const coloured = terminal(true);
  coloured.terminal.entry(HAPPENED);
  expect(coloured.output.text).toContain("\u001b[32mCLOSED");
  for (const { output, terminal: to } of [
    terminal(false),
    terminal(true, { NO_COLOR: "1" }),
    terminal(true, { TERM: "dumb" }),
  ]) {
    to.entry(HAPPENED);
    expect(output.text).toBe("14:03:07  CLOSED      payments: MTTR 2 s\n");
  }
});

test("entry() colours when NO_COLOR is empty", () => {
  const { output, terminal: to } = terminal(true, { NO_COLOR: "" });
  to.entry(HAPPENED);
  expect(output.text).toContain("\u001b[32m");
});
