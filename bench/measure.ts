import { performance } from "node:perf_hooks";
import { setImmediate } from "node:timers/promises";
import type { Effort } from "./question.ts";

/** Makes `count` calls one after the other and returns how many of them ended as they should. */
export type Batch = (count: number) => Promise<number>;

/** Awaits each call. `good` reads the result, which also keeps the engine from leaving the work out. */
export function awaitEach<R>(once: () => Promise<R>, good: (result: R) => boolean): Batch {
  return async (count) => {
    let checksum = 0;
    for (let n = 0; n < count; n++) if (good(await once())) checksum++;
    return checksum;
  };
}

/** Awaits each call, all of which must reject. */
export function catchEach(once: () => Promise<unknown>, good: (thrown: unknown) => boolean): Batch {
  return async (count) => {
    let checksum = 0;
    for (let n = 0; n < count; n++) {
      try {
        await once();
      } catch (thrown) {
        if (good(thrown)) checksum++;
      }
    }
    return checksum;
  };
}

/** Awaits each call between two readings of the clock. */
export function clockEach<R>(once: () => Promise<R>, good: (result: R) => boolean): Batch {
  return async (count) => {
    let checksum = 0;
    for (let n = 0; n < count; n++) {
      const startMs = performance.now();
      const result = await once();
      if (performance.now() - startMs >= 0 && good(result)) checksum++;
    }
    return checksum;
  };
}

const BATCH_MS = 4;
const NS_PER_MS = 1_000_000;

/** Nanoseconds per call: the lower quartile of many short batches, because others use the machine too. */
export async function nsPerCall(batch: Batch, { warmUpMs, measureMs }: Effort): Promise<number> {
  let count = 1;
  const warmUntilMs = performance.now() + warmUpMs;
  do {
    const tookMs = await timed(batch, count);
    if (tookMs < BATCH_MS / 2) count *= 2;
    else count = Math.max(1, Math.round((count * BATCH_MS) / tookMs));
  } while (performance.now() < warmUntilMs);
  const figures: number[] = [];
  const untilMs = performance.now() + measureMs;
  do figures.push(((await timed(batch, count)) * NS_PER_MS) / count);
  while (performance.now() < untilMs || figures.length < 4);
  return quantile(figures, 0.25);
}

/**
 * How much longer a call of `guarded` takes than one of `bare`, in per cent: the median over pairs of short batches made
 * by turns, each pair in the other order than the one before.
 */
export async function addedPercent(
  bare: Batch,
  guarded: Batch,
  { warmUpMs, measureMs }: Effort,
): Promise<number> {
  let count = 1;
  const warmUntilMs = performance.now() + 2 * warmUpMs;
  do {
    const tookMs = (await timed(bare, count)) + (await timed(guarded, count));
    count = Math.max(1, Math.round((count * 2 * BATCH_MS) / tookMs));
  } while (performance.now() < warmUntilMs);
  const figures: number[] = [];
  const untilMs = performance.now() + 2 * measureMs;
  do {
    const bareFirst = figures.length % 2 === 0;
    const first = await timed(bareFirst ? bare : guarded, count);
    const second = await timed(bareFirst ? guarded : bare, count);
    figures.push(bareFirst ? second / first : first / second);
  } while (performance.now() < untilMs || figures.length < 4);
  return (quantile(figures, 0.5) - 1) * 100;
}

async function timed(batch: Batch, count: number): Promise<number> {
  const startMs = performance.now();
  const checksum = await batch(count);
  const tookMs = performance.now() - startMs;
  if (checksum !== count) throw new Error(`${checksum} of ${count} calls ended as they should`);
  // A loop of promises alone never lets timers run, and some peers live by them.
  await setImmediate();
  return tookMs;
}

/** The flags under which `bytesPerCall` sees every byte: a young generation too large to be collected meanwhile. */
export const ALLOCATION_FLAGS: readonly string[] = [
  "--expose-gc",
  "--min-semi-space-size=512",
  "--max-semi-space-size=512",
];

/** Bytes allocated per call. */
export async function bytesPerCall(batch: Batch): Promise<number> {
  const calls = 20_000;
  // Optimised code allocates less: long enough for every part to be optimised.
  for (let n = 0; n < 20; n++) await timed(batch, calls);
  const figures: number[] = [];
  for (let n = 0; n < 7; n++) {
    collectGarbage();
    const before = process.memoryUsage().heapUsed;
    await batch(calls);
    figures.push((process.memoryUsage().heapUsed - before) / calls);
  }
  return quantile(figures, 0.5);
}

/** Bytes that each of the things made by `make` keeps alive. */
export function bytesEach(names: readonly string[], make: (name: string) => unknown): number {
  const kept: unknown[] = new Array(names.length).fill(null);
  // The first ones pay for code and maps that all share.
  const first = names.slice(0, 100).map((name) => make(`first ${name}`));
  const before = held();
  for (const [index, name] of names.entries()) kept[index] = make(name);
  const bytes = (held() - before) / names.length;
  if (kept.length + first.length < names.length) throw new Error("not everything was kept");
  return bytes;
}

function held(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Collects everything that is garbage now. */
export function collectGarbage(): void {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error("Cannot measure memory: start Node with --expose-gc");
  gc();
  gc();
}

/** The value below which a share of the figures lies; 0.5 is the median. */
export function quantile(figures: readonly number[], share: number): number {
  const sorted = figures.toSorted((a, b) => a - b);
  const position = (sorted.length - 1) * share;
  const below = sorted[Math.floor(position)] ?? Number.NaN;
  const above = sorted[Math.ceil(position)] ?? Number.NaN;
  return below + (above - below) * (position - Math.floor(position));
}
