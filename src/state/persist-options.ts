import { BreakerRegistry } from "../core/breaker-registry.ts";
import type { Clock } from "../core/clock.ts";
import { Check } from "../events/check.ts";
import { LONGEST_TIMER_MS, platformClock, platformIdleTimers, type Timers } from "../platform.ts";
import type { StateStore } from "./store.ts";

/** What can be kept beside breakers: an `ExhaustionRegistry`, a `CreditLedger`, or anything of this form. */
export interface StatePart {
  /** The whole of it as plain data for JSON. */
  snapshot(): unknown;
  /** @throws when the snapshot, or its JSON text, cannot be used; nothing of it is then */
  restore(snapshot: unknown): void;
  /** Another number than before means that there is something to write; without it, that is found out by comparing. */
  readonly changes?: number;
  /** False while what was there before is not known: it is not written then. */
  readonly known?: boolean;
  /** Says that what was there before could not be read. What has this owns money. */
  markUnknown?(): void;
  /** Says that there was nothing before. */
  markKnown?(): void;
}

/** Options of {@link persist}. Unknown keys are refused. */
export interface PersistOptions {
  /**
   * What is kept beside the breakers, by name: 1 to 64 letters, digits, `-` and `_`. A ledger needs a store that may own
   * money.
   * @default nothing
   */
  readonly parts?: Readonly<Record<string, StatePart>>;
  /**
   * How long counters may wait until they are written, in milliseconds: what a process that is killed may lose.
   * Changes of state do not wait.
   * @default 5_000
   */
  readonly batchMs?: number;
  /**
   * How long the store may take for a load or a write before it counts as failed, in milliseconds.
   * @default 10_000
   */
  readonly timeoutMs?: number;
  /**
   * The wait before a store that failed is tried again, in milliseconds; it doubles with each failure up to 32 times.
   * @default 1_000
   */
  readonly retryMs?: number;
  /**
   * Put before every key, so that several processes can share a store: each needs its own, since the last write of a
   * row holds. At most 128 characters.
   * @default ""
   */
  readonly prefix?: string;
  /**
   * Where the time comes from.
   * @default the platform's clocks
   */
  readonly clock?: Clock;
  /**
   * What waits, in place of the platform's timers: for tests.
   * @default the platform's timers, which do not keep a process alive
   */
  readonly timers?: Timers;
}

/** The options, checked and complete. */
export type PersistSettings = Required<PersistOptions>;

const KNOWN = ["parts", "batchMs", "timeoutMs", "retryMs", "prefix", "clock", "timers"] as const;
const DEFAULTS = Object.freeze({ batchMs: 5_000, timeoutMs: 10_000, retryMs: 1_000 });
const PART_NAME = /^[\w-]{1,64}$/;
const LONGEST_PREFIX = 128;
const CHECK = new Check("persist state");

/** @throws {TypeError|RangeError} naming the argument that cannot be used */
export function persistSettings(
  registry: unknown,
  store: StateStore,
  options: PersistOptions,
): PersistSettings {
  if (!(registry instanceof BreakerRegistry)) {
    CHECK.type("registry", "a BreakerRegistry", registry);
  }
  checkStore(store);
  CHECK.keys(CHECK.object("options", options), KNOWN);
  const { parts = {}, prefix = "", clock = platformClock, timers = platformIdleTimers } = options;
  const given = { ...DEFAULTS, ...options };
  CHECK.object("parts", parts);
  for (const [name, part] of Object.entries(parts)) checkPart(name, part, store);
  if (prefix !== "") CHECK.text("prefix", prefix, LONGEST_PREFIX);
  CHECK.object("clock", clock);
  CHECK.function("clock.monotonicMs", clock.monotonicMs);
  CHECK.function("clock.epochMs", clock.epochMs);
  CHECK.object("timers", timers);
  CHECK.function("timers.start", timers.start);
  CHECK.function("timers.stop", timers.stop);
  return {
    parts: { ...parts },
    batchMs: waitMs("batchMs", given.batchMs),
    timeoutMs: waitMs("timeoutMs", given.timeoutMs),
    retryMs: waitMs("retryMs", given.retryMs),
    prefix,
    clock,
    timers,
  };
}

function checkStore(store: StateStore): void {
  const given = CHECK.object("store", store);
  for (const method of ["load", "write", "remove", "close"] as const) {
    CHECK.function(`store.${method}`, given[method]);
  }
  CHECK.object("store.capabilities", given["capabilities"]);
}

function checkPart(name: string, part: StatePart, store: StateStore): void {
  const field = `parts.${name}`;
  if (!PART_NAME.test(name)) {
    CHECK.range("parts", "named by 1 to 64 letters, digits, - and _", name);
  }
  CHECK.object(field, part);
  CHECK.function(`${field}.snapshot`, part.snapshot);
  CHECK.function(`${field}.restore`, part.restore);
  if (part.markUnknown !== undefined && !store.capabilities.mayOwnMoney) {
    const allowed = `kept in a store that may own money, which ${store.name} may not`;
    CHECK.type(field, allowed, part);
  }
}

/** A time that timers can wait, with all its doublings. */
function waitMs(field: string, value: number): number {
  CHECK.positiveMs(field, value);
  const longest = Math.floor(LONGEST_TIMER_MS / 32);
  return value > longest ? CHECK.range(field, `at most ${longest} milliseconds`, value) : value;
}
