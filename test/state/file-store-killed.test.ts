import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createFileStore } from "../../src/state/index.ts";
import { bundleScript, NODES } from "../support/bundled-script.ts";
import { rowsOf } from "./store-suite.ts";

const ROUNDS = 12;
const KEYS = ["breaker:a", "breaker:b", "ledger"];
const folder = mkdtempSync(join(tmpdir(), "telltale-killed-"));
const script = join(folder, "script.mjs");

// Writes the number n to several rows at once, says it when the write was acknowledged, and goes on until it is killed.
const SCRIPT = `
  import { writeSync } from "node:fs";
  import { createFileStore } from "./state/index.ts";
  const [path, from] = process.argv.slice(2);
  const store = createFileStore(path);
  const filler = "x".repeat(20_000);
  for (let n = Number(from); ; n++) {
    const rows = ${JSON.stringify(KEYS)}.map((key) => [key, n + ":" + filler]);
    // Begun together with a row of its own, which goes with it or after it.
    const other = store.write([["other", String(n)]]);
    await store.write(rows);
    await other;
    writeSync(1, n + "\\n");
  }
`;

beforeAll(() => bundleScript(script, SCRIPT));
afterAll(() => rmSync(folder, { recursive: true }));

/** Lets the process write until it has acknowledged so many numbers, kills it, and answers the last of them. */
async function killedAfter(node: string, args: readonly string[], acknowledged: number) {
  const child = spawn(node, [script, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
    if (said.split("\n").length > acknowledged) child.kill("SIGKILL");
  });
  await new Promise((resolve) => child.on("close", resolve));
  return Number(said.trim().split("\n").at(-1));
}

describe.each(NODES)("a file store of a process that is killed (%s)", (node) => {
  test("has every row whole, and none that was acknowledged is lost", async () => {
    const path = join(folder, node.replaceAll("/", "-"), "state");
    let from = 1;
    for (let round = 1; round <= ROUNDS; round++) {
      const last = await killedAfter(node, [path, `${from}`], 1 + (round % 5));
      const rows = await rowsOf(createFileStore(path));
      const numbers = KEYS.map((key) => Number(rows[key]?.split(":")[0]));
      const [first = Number.NaN] = numbers;
      // Rows of one write are together, and at most the write after the last acknowledged one is there, too.
      expect(numbers).toEqual(KEYS.map(() => first));
      expect([last, last + 1]).toContain(first);
      expect([last, last + 1]).toContain(Number(rows["other"]));
      for (const key of KEYS) expect(rows[key]).toHaveLength(`${first}:`.length + 20_000);
      from = first + 1;
    }
    const store = createFileStore(path);
    await store.write([["after", "1"]]);
    expect(readdirSync(join(path, ".."))).toEqual(["state"]);
  });
});
