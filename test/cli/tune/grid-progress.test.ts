import { expect, test } from "vitest";
import { GridProgress } from "../../../src/cli/tune/grid-progress.ts";

function progress(isTTY: boolean) {
  const written: string[] = [];
  let nowMs = 0;
  const output = { isTTY, write: (text: string) => written.push(text) };
  const shown = new GridProgress(output, 135, () => nowMs);
  const done = (settings: number, afterMs: number): void => {
    nowMs += afterMs;
    shown.show(settings);
  };
  return { shown, done, written };
}

test("the progress of a grid tells how many settings are done, ten times a second at most", () => {
  const { shown, done, written } = progress(true);
  done(1, 0);
  done(2, 50);
  done(40, 60);
  expect(written).toEqual([
    "\r\u001b[2Kreplaying  1 of 135 settings",
    "\r\u001b[2Kreplaying  40 of 135 settings",
  ]);
  shown.end();
  expect(written.at(-1)).toBe("\r\u001b[2K");
});

test("the progress of a grid writes nothing where there is no terminal", () => {
  const { shown, done, written } = progress(false);
  done(1, 0);
  shown.end();
  expect(written).toEqual([]);
});
