import type { Clock } from "./core/clock.ts";

interface Host {
  readonly performance: { now(): number };
  readonly Date: { now(): number };
}

// The types of the host are not available here on purpose: core must compile without DOM and Node types.
// Every supported host (Node, Workers, Deno, Bun, browsers) has these two.
const host = globalThis as unknown as Host;

// `performance` is a lazy accessor on the global object of Node; looking it up each time costs 20 ns.
const { performance } = host;

/** How long the distance between the two clocks is trusted before it is measured again. */
const WALL_TRUST_MS = 1000;

let wallOffsetMs = 0;
let wallReadMs = Number.NEGATIVE_INFINITY;

/** The clock of the host: `performance.now()` for decisions, `Date.now()` for the moments that events carry. */
export const platformClock: Clock = {
  monotonicMs: () => performance.now(),
  epochMs: () => Date.now(),
};

/**
 * The wall clock at a moment of the monotonic one. Reading the wall clock costs as much as a guarded call, so it is
 * read once a second; a step of the wall clock shows within that second.
 */
export function platformEpochAt(nowMs: number): number {
  if (!(nowMs - wallReadMs < WALL_TRUST_MS && nowMs >= wallReadMs)) {
    wallOffsetMs = Date.now() - nowMs;
    wallReadMs = nowMs;
  }
  return Math.floor(wallOffsetMs + nowMs);
}

/** The random source of the host, a number in [0, 1). */
export const platformRandom = (): number => Math.random();
