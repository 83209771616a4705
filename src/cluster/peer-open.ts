import type { Circuit } from "../core/circuit.ts";
import type { PeerOpen } from "../core/fleet.ts";
import type { Effect } from "./effect.ts";
import { LONGEST_NOTE } from "./wire.ts";

/** What the fleet passes on of a force that was given no reason. */
export const NO_REASON = "forced";
/** Ends of a forced open that are no further apart are one and the same to the fleet, whose clock is another. */
export const SAME_END_MS = 1_000;

/**
 * What a breaker is told of an open of the fleet. To one that is forced open already, an end that was read from the
 * fleet's clock and a reason that was cut or not given are the ones that stand: only what is another is told.
 */
export function peerOpenOf(
  { record, remainingMs, ageMs, afresh }: Extract<Effect, { do: "hold" }>,
  { period }: Circuit,
  nowMs: number,
): PeerOpen {
  const open = {
    forced: record.f === 1,
    remainingMs,
    note: record.fr === "" ? undefined : record.fr,
    origin: record.o,
    epoch: record.e,
    incidentId: record.i,
    ageMs,
    afresh,
  };
  if (!open.forced || afresh || period.state !== "forced_open") return open;
  const standsMs = Math.max(0, period.retryMs - nowMs);
  const isSameEnd = standsMs === remainingMs || Math.abs(standsMs - remainingMs) <= SAME_END_MS;
  const isSameNote = record.fr === NO_REASON || record.fr === period.note?.slice(0, LONGEST_NOTE);
  return {
    ...open,
    ...(isSameEnd ? { remainingMs: standsMs } : {}),
    ...(isSameNote ? { note: undefined } : {}),
  };
}
