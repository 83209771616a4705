import { expect, test } from "vitest";
import { ProgressBar } from "../../src/cli/reading/progress-bar.ts";

function bar(isTTY: boolean, totalBytes: number | null) {
  const written: string[] = [];
  let nowMs = 0;
  const output = { isTTY, write: (text: string) => written.push(text) };
  const progress = new ProgressBar(output, totalBytes, () => nowMs);
  const read = (bytes: number, afterMs: number): void => {
    nowMs += afterMs;
    progress.add(bytes);
  };
  return { progress, read, written };
}

test("a progress bar tells share, size and speed, ten times a second at most", () => {
  const { progress, read, written } = bar(true, 400_000_000);
  read(1, 99);
  expect(written).toEqual([]);
  read(99_999_999, 401);
  read(1_000, 50);
  expect(written).toEqual([
    "\r\u001b[2Kreading [########......................]  25 %  100 MB, 200 MB/s",
  ]);
  progress.end();
  expect(written.at(-1)).toBe("\r\u001b[2K");
});

test("a progress bar of a pipe has no share", () => {
  const { read, written } = bar(true, null);
  read(50_000_000, 1_000);
  expect(written).toEqual(["\r\u001b[2Kreading  50 MB, 50 MB/s"]);
});

test("a progress bar writes nothing where there is no terminal", () => {
  const { progress, read, written } = bar(false, 100);
  read(50, 1_000);
  progress.end();
  expect(written).toEqual([]);
});
