import type { BreakerStats, BreakerView } from "../core/breaker-view.ts";
import type { Check } from "../events/check.ts";
import { describeError } from "../events/describe-error.ts";
import type { ErrorInfo, Scalar } from "../events/field.ts";
import type { CircuitState } from "../events/vocabulary.ts";

/** What snapshots are made of: a breaker, several, or a function that gives the present ones. */
export type SnapshotSource = BreakerView | Iterable<BreakerView> | (() => Iterable<BreakerView>);

/** What a snapshot says of one breaker. */
export interface BreakerSnapshot {
  readonly breaker: string;
  /** Which process, as its bus names it; missing when it does not. */
  readonly instance?: string;
  /** The static key/values that are on its events; empty when there are none. */
  readonly attributes: Readonly<Record<string, Scalar>>;
  /** The effective state. */
  readonly state: CircuitState;
  readonly trafficShare: number;
  readonly tripProgress: number;
  readonly failureThreshold: number | null;
  readonly probesInFlight: number;
  /** When the present incident began, in epoch milliseconds; null when there is none. */
  readonly openedAtMs: number | null;
  /** While open: when a probe may run, in epoch milliseconds; null when that is unknown, and when not open. */
  readonly retryAtMs: number | null;
  readonly stats: BreakerStats;
}

/** The data of a `snapshot` message: how the breakers are when it is sent. */
export interface SnapshotMessage {
  readonly atMs: number;
  readonly breakers: readonly BreakerSnapshot[];
  /** Breakers beyond the 2 000th, which are left out. */
  readonly omitted: number;
  /** Breakers that could not be read. */
  readonly unreadable: number;
  /** Why the breakers could not be listed, if they could not. */
  readonly error?: ErrorInfo;
}

const LIMIT = 2_000;

/** @throws {TypeError} when the value is nothing that snapshots can be made of */
export function checkedSnapshotSource(check: Check, value: unknown): SnapshotSource | undefined {
  if (value === undefined || typeof value === "function") return value as SnapshotSource;
  const allowed = "a breaker, several, or a function that gives them";
  if (typeof value !== "object" || value === null) return check.type("breakers", allowed, value);
  if ("next" in value && typeof value.next === "function") {
    return check.type("breakers", "what can be gone through again, such as [...breakers]", value);
  }
  const isSource = Symbol.iterator in value || ("name" in value && "stats" in value);
  // What it iterates over is read one by one, and what is no breaker is counted as unreadable.
  return isSource ? (value as SnapshotSource) : check.type("breakers", allowed, value);
}

/** Commits and tells what time alone has brought about, so that a snapshot is of one moment. Never throws. */
export function catchUp(source: SnapshotSource): void {
  let left = LIMIT;
  try {
    for (const view of listOf(source)) {
      if (left-- === 0) return;
      view.catchUp?.();
    }
  } catch {
    // The snapshot says what cannot be listed, or read.
  }
}

/** Reads the breakers now. Never throws. */
export function takeSnapshot(source: SnapshotSource): SnapshotMessage {
  const breakers: BreakerSnapshot[] = [];
  let omitted = 0;
  let unreadable = 0;
  let error: ErrorInfo | undefined;
  try {
    for (const view of listOf(source)) {
      if (breakers.length === LIMIT) omitted++;
      else {
        const read = tryRead(view);
        if (read === null) unreadable++;
        else breakers.push(read);
      }
    }
  } catch (thrown) {
    error = describeError(thrown);
  }
  const told = { atMs: Date.now(), breakers, omitted, unreadable };
  return error === undefined ? told : { ...told, error };
}

/** Which process a breaker is of, as its bus names it. */
export function processOf({ bus }: BreakerView): { readonly instance?: string } {
  const instance: unknown = Reflect.get(bus, "instance");
  return typeof instance === "string" ? { instance } : {};
}

/** When an open breaker may be tried, in epoch milliseconds. */
export function retryAtMsOf({ state, retryAfterMs }: BreakerView): number | null {
  const isOpen = state === "open" || state === "forced_open";
  return isOpen && typeof retryAfterMs === "number" ? Math.round(Date.now() + retryAfterMs) : null;
}

/** The breakers that a source gives now. */
export function listOf(source: SnapshotSource): Iterable<BreakerView> {
  const given = typeof source === "function" ? source() : source;
  return Symbol.iterator in given ? given : [given];
}

function tryRead(view: BreakerView): BreakerSnapshot | null {
  try {
    const { name: breaker, state, trafficShare, tripProgress, failureThreshold } = view;
    const { probesInFlight, openedAtMs, stats, attributes } = view;
    if (typeof breaker !== "string" || typeof state !== "string") return null;
    const flow = { trafficShare, tripProgress, failureThreshold, probesInFlight };
    const retryAtMs = retryAtMsOf(view);
    return {
      breaker,
      ...processOf(view),
      attributes,
      state,
      ...flow,
      openedAtMs,
      retryAtMs,
      stats,
    };
  } catch {
    // Counted as unreadable; the next snapshot asks again.
    return null;
  }
}
