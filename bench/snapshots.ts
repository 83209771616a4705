import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setImmediate as turn } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import type { BreakerRegistry } from "../src/index.ts";
import type { StateStore } from "../src/state/index.ts";
import { collectGarbage } from "./measure.ts";
import type { Bench, Cell, Question } from "./question.ts";
import { BOOM, telltale } from "./subject.ts";

type State = typeof import("../src/state/index.ts");

/** `telltale/state` as it is published. */
async function state({ buildDir }: Bench): Promise<State> {
  return await import(pathToFileURL(join(buildDir, "state", "index.js")).href);
}

const BREAKERS = 10_000;
const ROUNDS = 9;

/** A registry whose breakers have counted, and a tenth of which are open. */
async function filled(bench: Bench): Promise<BreakerRegistry> {
  const { BreakerRegistry: Registry } = await telltale(bench);
  const registry = new Registry({ limit: BREAKERS });
  for (let n = 0; n < BREAKERS; n++) {
    const breaker = registry.get(`host-${n}.example.com`);
    for (let call = 0; call < 20; call++) breaker.recordSuccess();
    if (n % 10 === 0) for (let call = 0; call < 5; call++) breaker.recordFailure(BOOM);
  }
  return registry;
}

/** The middle of several rounds. */
async function median(measure: () => Promise<number> | number): Promise<number> {
  const figures: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await turn();
    figures.push(await measure());
  }
  return figures.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? Number.NaN;
}

/** How long the event loop was blocked at the most while something ran. */
async function longestBlock(work: Promise<unknown>): Promise<number> {
  let isOver = false;
  const ended = work.finally(() => {
    isOver = true;
  });
  let longestMs = 0;
  for (let sinceMs = performance.now(); !isOver; ) {
    await turn();
    const nowMs = performance.now();
    longestMs = Math.max(longestMs, nowMs - sinceMs);
    sinceMs = nowMs;
  }
  await ended;
  return longestMs;
}

/** A store that hands its rows over to somebody and keeps none, as one on a network does. */
function elsewhere({ createMemoryStore }: State): StateStore {
  const { capabilities } = createMemoryStore();
  const answer = async (): Promise<void> => {
    await turn();
  };
  return {
    name: "elsewhere",
    capabilities,
    async *load() {},
    write: answer,
    remove: answer,
    close: answer,
  };
}

async function blockOf(bench: Bench, make: (made: State) => StateStore): Promise<number> {
  const made = await state(bench);
  return median(async () => {
    const registry = await filled(bench);
    const kept = await made.persist(registry, make(made), { batchMs: 60_000 });
    // What making the breakers has left behind is not what is asked for.
    collectGarbage();
    await turn();
    const longestMs = await longestBlock(kept.flush());
    await kept.close();
    return longestMs;
  });
}

const cells: readonly Cell[] = [
  {
    id: "snapshots/serialize",
    label: "serialize() of all rows, one after the other",
    async measure(bench) {
      const registry = await filled(bench);
      return median(() => {
        const startMs = performance.now();
        let length = 0;
        for (const row of registry.serialize()) length += row.length;
        const tookMs = performance.now() - startMs;
        return length > 0 ? tookMs : Number.NaN;
      });
    },
  },
  {
    id: "snapshots/block",
    label: "longest block of the loop while persist writes them all to a store elsewhere",
    flags: ["--expose-gc"],
    targets: [{ kind: "absolute", atMost: 5 }],
    measure: (bench) => blockOf(bench, elsewhere),
  },
  {
    id: "snapshots/block-memory",
    label: "the same to the memory store, which keeps them all",
    flags: ["--expose-gc"],
    measure: (bench) => blockOf(bench, ({ createMemoryStore }) => createMemoryStore()),
  },
  {
    id: "snapshots/restore",
    label: "restore() of all rows as data",
    targets: [{ kind: "absolute", atMost: 50 }],
    async measure(bench) {
      const { BreakerRegistry: Registry } = await telltale(bench);
      const rows = [...(await filled(bench)).snapshot()];
      return median(() => {
        const registry = new Registry({ limit: BREAKERS });
        const startMs = performance.now();
        registry.restore(rows);
        return performance.now() - startMs;
      });
    },
  },
  {
    id: "snapshots/restore-text",
    label: "restore() of all rows as JSON text",
    async measure(bench) {
      const { BreakerRegistry: Registry } = await telltale(bench);
      const rows = [...(await filled(bench)).serialize()];
      return median(() => {
        const registry = new Registry({ limit: BREAKERS });
        const startMs = performance.now();
        registry.restore(rows);
        return performance.now() - startMs;
      });
    },
  },
];

export const snapshots: Question = {
  title: "10 000 breakers saved and restored, a tenth of them open",
  unit: "ms",
  note: "Blocks are the median of nine rounds. A store that keeps rows in memory adds the collector's work on them.",
  cells,
};
