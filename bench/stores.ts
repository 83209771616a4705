import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { pathToFileURL } from "node:url";
import type { StateRow, StateStore } from "../src/state/index.ts";
import { quantile } from "./measure.ts";
import type { Bench, Question } from "./question.ts";

const ROWS = 10_000;
/** A row as a breaker makes it. */
const TEXT = JSON.stringify({ kind: "telltale.breaker", v: 1, padding: "x".repeat(250) });
const rows = Array.from({ length: ROWS }, (_, n): StateRow => [`breaker:${n}`, TEXT]);

type State = typeof import("../src/state/index.ts");

/** Runs something with a store in a file of its own. */
async function withStore<T>(
  { buildDir }: Bench,
  body: (open: () => StateStore) => Promise<T>,
): Promise<T> {
  const { createFileStore }: State = await import(
    pathToFileURL(join(buildDir, "state", "index.js")).href
  );
  const folder = await mkdtemp(join(tmpdir(), "telltale-bench-"));
  try {
    return await body(() => createFileStore(join(folder, "state")));
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function loadAll(store: StateStore): Promise<void> {
  let loaded = 0;
  for await (const _ of store.load()) loaded++;
  if (loaded !== ROWS) throw new Error(`${loaded} rows came back`);
}

/** The lower quartile of how long something takes, in milliseconds. */
async function msOf({ effort }: Bench, once: () => Promise<void>): Promise<number> {
  await once();
  const figures: number[] = [];
  const untilMs = performance.now() + 5 * effort.measureMs;
  do {
    const startMs = performance.now();
    await once();
    figures.push(performance.now() - startMs);
  } while (performance.now() < untilMs);
  return quantile(figures, 0.25);
}

/** The longest time that the event loop had no turn, in milliseconds. */
async function longestBlock(once: () => Promise<void>): Promise<number> {
  let longestMs = 0;
  let lastMs = performance.now();
  let isOver = false;
  const turn = (): void => {
    const nowMs = performance.now();
    longestMs = Math.max(longestMs, nowMs - lastMs);
    lastMs = nowMs;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  await once();
  isOver = true;
  return longestMs;
}

/** The least of several, because whatever else the machine does only adds. */
async function leastBlock(once: () => Promise<void>): Promise<number> {
  await once();
  const blocks: number[] = [];
  for (let n = 0; n < 10; n++) blocks.push(await longestBlock(once));
  return Math.min(...blocks);
}

/** What a file with many rows costs. */
export const fileStore: Question = {
  title: "10 000 rows of breakers in a file",
  unit: "ms",
  note: "A write is the whole file, on the disk: written, synced, renamed, its folder synced. A block is how long nothing else had its turn.",
  cells: [
    {
      id: "file/write",
      label: "write one row",
      measure: (bench) =>
        withStore(bench, async (open) => {
          const store = open();
          await store.write(rows);
          return msOf(bench, () => store.write([["breaker:1", TEXT]]));
        }),
    },
    {
      id: "file/write-block",
      label: "longest block of it",
      targets: [{ kind: "absolute", atMost: 5 }],
      measure: (bench) =>
        withStore(bench, async (open) => {
          const store = open();
          await store.write(rows);
          return leastBlock(() => store.write([["breaker:1", TEXT]]));
        }),
    },
    {
      id: "file/load",
      label: "load all",
      measure: (bench) =>
        withStore(bench, async (open) => {
          await open().write(rows);
          return msOf(bench, () => loadAll(open()));
        }),
    },
    {
      id: "file/load-block",
      label: "longest block of it",
      targets: [{ kind: "absolute", atMost: 5 }],
      measure: (bench) =>
        withStore(bench, async (open) => {
          await open().write(rows);
          return leastBlock(() => loadAll(open()));
        }),
    },
  ],
};
