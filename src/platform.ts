import type { Clock } from "./core/clock.ts";

interface Host {
  readonly performance: { now(): number };
  readonly Date: { now(): number; parse(text: string): number };
  readonly AbortController: new () => AbortSource;
  setTimeout(callback: () => void, delayMs: number): unknown;
  clearTimeout(timer: unknown): void;
}

// The types of the host are not available here on purpose: core must compile without DOM and Node types.
// Every supported host (Node, Workers, Deno, Bun, browsers) has all of it.
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

/** What is used of an abort signal where the types of the host are not at hand. */
export interface PlainAbortSignal {
  readonly aborted: boolean;
  readonly reason?: unknown;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** The `AbortSignal` of the host, so that a signal from here can be given to `fetch` and the like. */
export type HostSignal = typeof globalThis extends {
  readonly AbortSignal: { readonly prototype: infer Signal extends PlainAbortSignal };
}
  ? Signal
  : PlainAbortSignal;

/** An `AbortController`, by what is used of it. */
export interface AbortSource {
  readonly signal: HostSignal;
  abort(reason?: unknown): void;
}

/** Makes an abort controller; not at module scope, where Workers refuse it. */
export const platformAbort = (): AbortSource => new host.AbortController();

/** The moment that a date names, in epoch milliseconds; NaN when it is no date. */
export const platformDate = (text: string): number => Date.parse(text);

/** Starts a timer and stops it. */
export interface Timers {
  /** Calls `callback` once, not before `delayMs` milliseconds are over, and returns what `stop` needs. */
  start(callback: () => void, delayMs: number): unknown;
  stop(timer: unknown): void;
}

/** The longest delay that timers of hosts take, in milliseconds; a longer one would fire at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 2;

/**
 * The timers of the host, looked up at each use: tests replace them. Hosts cut fractions off and may fire up to a
 * millisecond early; a breaker asked again that much too early would refuse again.
 */
export const platformTimers: Timers = {
  start: (callback, delayMs) => host.setTimeout(callback, Math.ceil(delayMs) + 1),
  stop: (timer) => host.clearTimeout(timer),
};

/** Timers that do not keep the process alive, where the host makes the difference. */
export const platformIdleTimers: Timers = {
  start: (callback, delayMs) => {
    const timer = platformTimers.start(callback, delayMs);
    // Node's timers are objects with `unref`, those of browsers and Workers are numbers.
    if (typeof timer === "object" && timer !== null && "unref" in timer) {
      if (typeof timer.unref === "function") timer.unref();
    }
    return timer;
  },
  stop: platformTimers.stop,
};
