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

/** The clock of the host: `performance.now()` for decisions, `Date.now()` for the moments that events carry. */
export const platformClock: Clock = {
  monotonicMs: () => performance.now(),
  epochMs: () => Date.now(),
};

/** The random source of the host, a number in [0, 1). */
export const platformRandom = (): number => Math.random();
