import type { Circuit } from "./circuit.ts";
import type { Opening } from "./facts.ts";
import { noted } from "./noted.ts";

/** An open that somebody decided. */
export interface Forced extends Pick<Opening, "note" | "thrown" | "peer"> {
  /** Infinity without an end. */
  readonly forMs: number;
}

/** A repeated call comes a little later: what ends so much later ends at the same moment. */
const SAME_END_MS = 1;

/**
 * Gives a forced open its new end and its new reason, and tells it when one of them is another than before; without a
 * reason, the one of before stands. No state changes. False, and nothing is done, when it is not forced open.
 */
export function changeForce(
  circuit: Circuit,
  { note, forMs, peer }: Forced,
  nowMs: number,
): boolean {
  const { period } = circuit;
  if (period.state !== "forced_open") return false;
  const { retryMs, note: previousNote } = period;
  // An end that is over is over, however long ago. NaN when there was no end and is none.
  const isMoved = Math.abs(forMs - Math.max(0, retryMs - nowMs)) >= SAME_END_MS;
  const stands = note ?? previousNote;
  if (!isMoved && stands === previousNote) return true;
  if (isMoved) period.retryMs = nowMs + forMs;
  period.note = stands;
  circuit.journal?.report("circuit.force_changed", () => {
    const atMs = circuit.wallMs();
    const after = (ms: number, fromMs = 0) => (Number.isFinite(ms) ? fromMs + ms : null);
    return {
      ...noted(stands),
      previousNote: previousNote ?? null,
      cooldownMs: after(forMs),
      retryAtMs: after(forMs, atMs),
      previousRetryAtMs: after(Math.round(retryMs - nowMs), atMs),
      ...peer,
    };
  });
  return true;
}
