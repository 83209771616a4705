import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

// Each row of the list of traps is a test that is named after it, "trap 07: …".

const ROWS = 57;

const folder = join(import.meta.dirname, "..");
const named = new Set<number>();
for (const entry of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
  if (!entry.endsWith(".test.ts")) continue;
  const text = readFileSync(join(folder, entry), "utf8");
  for (const [, row] of text.matchAll(/["'`]trap (\d{1,2})\b/g)) named.add(Number(row));
}

test.each(Array.from({ length: ROWS }, (_, index) => index + 1))(
  "trap %i has a test of its name",
  (row) => {
    expect(named.has(row)).toBe(true);
  },
);
