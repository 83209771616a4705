import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { callsTo, simulate } from "../cli/tune/simulated.ts";
import { NODES } from "../support/bundled-script.ts";
import { recordedNight } from "../support/recorded-outage.ts";

const run = promisify(execFile);
const BUILD = fileURLToPath(new URL("../../scripts/build-cli.ts", import.meta.url));

let directory: string;
let bin: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "telltale-bundle-"));
  const file = join(directory, "dist", "main.mjs");
  await run(process.execPath, [BUILD, file]);
  // As npm installs it: a link in another directory.
  bin = join(directory, "telltale");
  await symlink(file, bin);
});
afterAll(() => rm(directory, { recursive: true }));

test.each(NODES)("the bundled command line runs the demo with %s", async (node) => {
  const { stdout } = await run(node, [bin, "demo", "--exit", "--speed", "5", "--out", directory]);
  expect(stdout).toMatch(/^All [\d ]+ calls are accounted for\.$/m);
});

test.each(NODES)(
  "the bundled command line reports as a page with %s, without esbuild",
  async (node) => {
    const log = join(directory, "app.log");
    await writeFile(log, (await recordedNight()).map((line) => `${line.trimEnd()}\n`).join(""));
    const { stdout } = await run(node, [bin, "report", log, "--format", "html"], {
      cwd: directory,
      maxBuffer: 16_000_000,
    });
    expect(stdout).toContain("<h1>Incident report</h1>");
    expect(stdout.length).toBeGreaterThan(500_000);
  },
);

test.each(NODES)("the bundled command line tunes with %s on several threads", async (node) => {
  const calls = callsTo((atMs) => ({ durationMs: 5, isError: atMs > 9_000 && atMs < 20_000 }), {
    ...{ perSecond: 20, forMs: 30_000, seed: 1 },
  });
  const { lines } = await simulate(calls, { cooldownMs: 2_000 }, { slowMs: 100 });
  const log = join(directory, "calls.ndjson");
  await writeFile(log, lines.join("\n"));
  const { stdout } = await run(node, [bin, "tune", log, "--threads", "2", "--format", "html"], {
    cwd: directory,
    maxBuffer: 16_000_000,
  });
  expect(stdout).toContain("<h1>Settings of payments</h1>");
  expect(stdout.length).toBeGreaterThan(500_000);
});

test.each(NODES)(
  "the bundled command line serves the live page with %s, without esbuild",
  async (node) => {
    const file = join(directory, "events.ndjson");
    await writeFile(file, "");
    const child = spawn(node, [bin, "dashboard", file], { cwd: directory });
    const [told] = await once(child.stdout, "data");
    const [, address = ""] = /Dashboard (\S+)/.exec(String(told)) ?? [];
    const page = await (await fetch(address)).text();
    child.kill();
    expect((await once(child, "close"))[0]).toBe(0);
    expect(page).toContain("<title>Breakers</title>");
    expect(page.length).toBeGreaterThan(50_000);
  },
);

test("the bundle comes with the licences of what is in it", async () => {
  const licences = await readFile(join(directory, "dist", "THIRD-PARTY-LICENSES.txt"), "utf8");
  for (const name of [
    "preact",
    "pino",
    "prom-client",
    "@opentelemetry/sdk-metrics",
    "echarts",
    "mustache",
  ]) {
    expect(licences.split("\n")).toContain(name);
  }
});
