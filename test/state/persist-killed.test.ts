import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BreakerRegistry, type BreakerSnapshot } from "../../src/index.ts";
import { createFileStore, persist } from "../../src/state/index.ts";
import { bundleScript, NODES } from "../support/bundled-script.ts";
import { rowsOf } from "./store-suite.ts";

const folder = mkdtempSync(join(tmpdir(), "telltale-persist-killed-"));
const script = join(folder, "script.mjs");

// Trips, says so when the store has it, and then does what it is asked for.
const SCRIPT = `
  import { writeSync } from "node:fs";
  import { BreakerRegistry } from "./index.ts";
  import { createFileStore, persist } from "./state/index.ts";
  const [path, ending] = process.argv.slice(2);
  const registry = new BreakerRegistry({ defaults: { cooldownMs: 3_600_000 } });
  const state = await persist(registry, createFileStore(path), { batchMs: 600_000 });
  const breaker = registry.get("payments");
  if (breaker.state === "closed") for (let n = 0; n < 5; n++) breaker.recordFailure();
  await state.flush();
  for (let n = 0; n < 7; n++) await breaker.execute(() => "value");
  // Nothing of ours keeps the process alive.
  if (ending === "close") process.once("SIGTERM", () => void state.close().then(() => process.exit(0)));
  if (ending !== "end") setInterval(() => {}, 1_000);
  writeSync(1, "ready\\n");
`;

beforeAll(() => bundleScript(script, SCRIPT));
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs a process until it says that it is ready, and ends it. */
async function processEnded(args: readonly string[], signal: NodeJS.Signals | null) {
  const [node = process.execPath] = NODES;
  const child = spawn(node, [script, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  child.stdout.setEncoding("utf8").on("data", () => {
    if (signal !== null) child.kill(signal);
  });
  return await new Promise<number | null>((resolve) => child.on("close", resolve));
}

const rowOf = async (path: string): Promise<BreakerSnapshot> =>
  JSON.parse((await rowsOf(createFileStore(path)))["breaker:payments"] ?? "null");

test("persist() has the trip of a process that is killed; the next goes on with its incident", async () => {
  const path = join(folder, "killed", "state");
  expect(await processEnded([path, "kill"], "SIGKILL")).toBeNull();
  const row = await rowOf(path);
  expect(row).toMatchObject({ state: "open", counts: { trips: { error: 1 } } });
  expect(row.counts.skips).toBeUndefined();
  const registry = new BreakerRegistry();
  const state = await persist(registry, createFileStore(path));
  expect(registry.peek("payments")?.state).toBe("open");
  expect(registry.peek("payments")?.openedAtMs).toBe(row.incident?.startedAtMs);
  await state.close();
}, 120_000);

test("close() in a process that is asked to end has the counters, too, over several processes", async () => {
  const path = join(folder, "closed", "state");
  expect(await processEnded([path, "close"], "SIGTERM")).toBe(0);
  expect((await rowOf(path)).counts.skips).toEqual({ open: 7 });
  expect(await processEnded([path, "close"], "SIGTERM")).toBe(0);
  const row = await rowOf(path);
  expect(row.counts).toMatchObject({ skips: { open: 14 }, trips: { error: 1 } });
  expect(row.incident?.skips).toBe(14);
}, 120_000);

test("persist() keeps no process alive", async () => {
  const path = join(folder, "ended", "state");
  expect(await processEnded([path, "end"], null)).toBe(0);
}, 120_000);
