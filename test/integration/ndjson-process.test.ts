import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { foldIncidents } from "../../src/report/index.ts";
import { bundleScript, NODES } from "../support/bundled-script.ts";

const run = promisify(execFile);
const EVENTS = 2_000;
const folder = mkdtempSync(join(tmpdir(), "telltale-recording-"));
const script = join(folder, "script.mjs");

const SCRIPT = `
  import { CircuitBreaker } from "./index.ts";
  import { recordEvents } from "./exporters/ndjson.ts";
  const [path, options, ending] = process.argv.slice(2);
  const breaker = new CircuitBreaker("payments");
  const detach = recordEvents(breaker.bus, path, JSON.parse(options));
  for (let n = 0; n < ${EVENTS / 2}; n++) {
    breaker.forceOpen();
    breaker.reset();
  }
  breaker.forceOpen();
  for (let n = 0; n < 100; n++) breaker.admit();
  if (ending === "kill") process.kill(process.pid, "SIGKILL");
  if (ending === "throw") throw new Error("unforeseen");
  if (ending === "exit") process.exit(0);
`;

beforeAll(() => bundleScript(script, SCRIPT));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
async function recording(node: string, options: object, ending: string): Promise<string[]> {
  const path = join(folder, `${files++}.ndjson`);
  const args = [script, path, JSON.stringify(options), ending];
  await run(node, args).catch(() => {});
  return readFileSync(path, "utf8").split("\n").slice(0, -1);
}

describe.each(NODES)("a recording of a process (%s)", (node) => {
  test("that is killed has every line that was written, whole", async () => {
    const lines = await recording(node, {}, "kill");
    // The transitions, and the refused calls that the sampling had written by then.
    expect(lines).toHaveLength(EVENTS + 1 + 7);
    const { input, incidents } = foldIncidents(lines);
    expect(input).toMatchObject({ damaged: 0, ignored: 0 });
    expect(incidents.at(-1)).toMatchObject({ closedAtMs: null, skips: 64, gaps: 0 });
  });

  test.each(["exit", "throw", "end"])(
    "that ends by %s has what was held back, too",
    async (ending) => {
      for (const options of [{}, { bufferBytes: 100_000 }]) {
        const lines = await recording(node, options, ending);
        const { input, incidents } = foldIncidents(lines);
        expect(input).toMatchObject({ damaged: 0, ignored: 0 });
        expect(incidents).toHaveLength(EVENTS / 2 + 1);
        expect(incidents.at(-1)).toMatchObject({ closedAtMs: null, skips: 100, gaps: 0 });
      }
    },
  );
});
