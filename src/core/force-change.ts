import type { Circuit } from "./circuit.ts";
import type { PeerOrigin } from "./fleet.ts";

/** What the fleet passes on of a force that was given no reason. */
export const NO_REASON = "forced";
/** The most that the fleet passes on of a reason, in characters. */
export const LONGEST_SHARED_NOTE = 256;
/** Ends of a forced open that are no further apart are one and the same to the fleet, whose clock is another. */
export const SAME_SHARED_END_MS = 1_000;
const SAME_END_MS = 1;

/** What a breaker that is forced open already may be told. */
export interface Force {
  readonly note: string | undefined;
  /** Infinity without an end. */
  readonly forMs: number;
  /** Who decided it, when another task did. */
  readonly peer?: PeerOrigin;
}

/**
 * Gives a forced open its new end and its new reason, and tells it when one of them is another than before; without a
 * reason, the one of before stands. No state changes. False, and nothing is done, when it is not forced open.
 */
export function changeForce(
  circuit: Circuit,
  { note, forMs, peer }: Force,
  nowMs: number,
): boolean {
  const { period, journal } = circuit;
  if (period.state !== "forced_open") return false;
  const { retryMs, note: previousNote } = period;
  const endMs = nowMs + forMs;
  // An end that is over is over, however long ago. NaN when there was no end and is none.
  const movedMs = Math.abs(endMs - Math.max(retryMs, nowMs));
  const isMoved = peer === undefined ? movedMs >= SAME_END_MS : movedMs > SAME_SHARED_END_MS;
  if (isMoved || peer !== undefined) period.retryMs = endMs;
  // A peer tells a reason as the fleet passes it on.
  const known =
    peer === undefined ? previousNote : (previousNote ?? NO_REASON).slice(0, LONGEST_SHARED_NOTE);
  const isOther = note !== undefined && note !== known;
  if (isOther) period.note = note;
  if ((isMoved || isOther) && journal?.hears("circuit.force_changed") === true) {
    const atMs = circuit.wallMs();
    const isEndless = forMs === Number.POSITIVE_INFINITY;
    const wasEndless = retryMs === Number.POSITIVE_INFINITY;
    journal.control("circuit.force_changed", {
      ...(period.note === undefined ? {} : { note: period.note }),
      ...(previousNote === undefined ? {} : { previousNote }),
      cooldownMs: isEndless ? null : forMs,
      retryAtMs: isEndless ? null : atMs + forMs,
      previousRetryAtMs: wasEndless ? null : atMs + Math.round(retryMs - nowMs),
      ...peer,
    });
  }
  if (peer === undefined) {
    circuit.tellFleet({ forced: true, forMs, note: period.note ?? NO_REASON });
  }
  return true;
}
