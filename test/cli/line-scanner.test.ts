import fc from "fast-check";
import { expect, test } from "vitest";
import { LineScanner } from "../../src/cli/reading/line-scanner.ts";

interface Scanned {
  readonly lines: (readonly [number, string])[];
  ignored: number;
  damaged: number;
  overlong: number;
}

/** What a scanner makes of bytes that come in pieces. */
function scanned(chunks: readonly Buffer[], isEvery = false): Scanned {
  const found: Scanned = { lines: [], ignored: 0, damaged: 0, overlong: 0 };
  const scanner = new LineScanner(
    {
      line: (text, number) => found.lines.push([number, text]),
      skipped(ignored, damaged, overlong) {
        found.ignored += ignored;
        found.damaged += damaged;
        found.overlong += overlong;
      },
    },
    isEvery,
  );
  for (const chunk of chunks) {
    // The bytes are the scanner's only for the call.
    const lent = Buffer.from(chunk);
    scanner.push(lent);
    lent.fill(0x58);
  }
  scanner.end();
  return found;
}

const whole = (text: string): Scanned => scanned([Buffer.from(text)]);

test("a scanner hands on lines that may hold an event, with their numbers, and counts the others", () => {
  const found = whole('text\n\n{"atMs":1}\r\n  \n{"a":1}\n{"cut":\n{\n}\n{"x":{"atMs":2}}');
  expect(found).toEqual({
    lines: [
      [3, '{"atMs":1}\r'],
      [9, '{"x":{"atMs":2}}'],
    ],
    ignored: 4,
    damaged: 1,
    overlong: 0,
  });
});

test("a scanner that is asked to hands on every line that is not empty, with its blanks", () => {
  const bytes = Buffer.from('\u{feff}a\tb\r\n\n \t\n\tc\t\n{"atMs":1}\n{"cut":\nlast');
  const lines = [
    [1, "a\tb"],
    [4, "\tc\t"],
    [5, '{"atMs":1}'],
    [6, '{"cut":'],
    [7, "last"],
  ];
  const nothing = { ignored: 0, damaged: 0, overlong: 0 };
  expect(scanned([bytes], true)).toEqual({ lines, ...nothing });
  const pieces = [...bytes].map((byte) => Buffer.of(byte));
  expect(scanned(pieces, true)).toEqual({ lines, ...nothing });
});

test("a scanner leaves out the mark at the beginning of a file, and a line that is too long", () => {
  const long = `{"atMs":1,"x":"${"é".repeat(600_000)}"}`;
  const found = whole(`\u{feff}{"atMs":1}\n${long}\n{"atMs":2}\n`);
  // A single chunk holds the long line whole, and it is read; in pieces it never is.
  expect(found.lines.map(([line]) => line)).toEqual([1, 2, 3]);
  expect(found.lines[0]?.[1]).toBe('{"atMs":1}');
  const bytes = Buffer.from(`${long}\n{"atMs":2}`);
  const pieces = [
    bytes.subarray(0, 700_000),
    bytes.subarray(700_000, 1_150_000),
    bytes.subarray(1_150_000),
  ];
  expect(scanned(pieces)).toEqual({
    lines: [[2, '{"atMs":2}']],
    ignored: 0,
    damaged: 0,
    overlong: 1,
  });
});

const piece = fc.constantFrom('{"atMs":1', "}", '"atMs"', "\n", "\r\n", "é", "x", "{", " ", "😀");

test("a scanner finds the same however the bytes are cut", () => {
  fc.assert(
    fc.property(fc.array(piece), fc.array(fc.nat(12)), (pieces, sizes) => {
      const bytes = Buffer.from(pieces.join(""));
      const chunks: Buffer[] = [];
      let at = 0;
      for (const size of sizes) {
        chunks.push(bytes.subarray(at, at + size));
        at += size;
      }
      chunks.push(bytes.subarray(at));
      expect(scanned(chunks)).toEqual(scanned([bytes]));
    }),
  );
});
