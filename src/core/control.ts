import type { Check } from "../events/check.ts";
import type { Circuit } from "./circuit.ts";
import type { PeerClose, PeerOpen } from "./fleet.ts";
import type { Forced } from "./force-change.ts";
import { commitOverdue } from "./overdue-trip.ts";

import { settleIdle } from "./traffic.ts";

/** Holds the breaker open. Inside an incident, the incident goes on; what is forced already, stays so. */
export function forceOpen(circuit: Circuit, forced: Forced, nowMs: number): void {
  commitTime(circuit, nowMs);
  circuit.force(forced, nowMs);
  circuit.deliver();
}

/** Closes the breaker and ends the incident; without one, clears the counts. */
export function reset(circuit: Circuit, note: string | undefined, nowMs: number): void {
  commitTime(circuit, nowMs);
  if (circuit.incident === null) {
    circuit.startAfresh();
    circuit.fleet?.closed("reset", note);
  } else circuit.close("reset", { note }, nowMs);
  circuit.deliver();
}

/** Lets every call pass, measured; an open breaker is closed first. */
export function disable(circuit: Circuit, nowMs: number): void {
  if (circuit.period.state === "disabled") return;
  commitTime(circuit, nowMs);
  if (circuit.period.state !== "closed") circuit.close("disabled", { note: undefined }, nowMs);
  circuit.disable(nowMs);
  circuit.deliver();
}

/** Puts a disabled breaker back to work, closed and with no failures counted. */
export function enable(circuit: Circuit, nowMs: number): void {
  if (circuit.period.state !== "disabled") return;
  commitTime(circuit, nowMs);
  circuit.enable(nowMs);
  circuit.deliver();
}

/** Commits what time alone has brought about, and nothing else. */
export function catchUp(circuit: Circuit, nowMs: number): void {
  commitTime(circuit, nowMs);
  circuit.deliver();
}

/** Does as another task of the fleet has decided, without telling the fleet. */
export function openByPeer(circuit: Circuit, peer: PeerOpen, nowMs: number): void {
  commitTime(circuit, nowMs);
  circuit.openByPeer(peer, nowMs);
  circuit.deliver();
}

/** Closes as another task of the fleet has decided; after a reset also what was counted here is gone. */
export function closeByPeer(circuit: Circuit, peer: PeerClose, nowMs: number): void {
  commitTime(circuit, nowMs);
  circuit.closeByPeer(peer, nowMs);
  circuit.deliver();
}

/** Commits what time alone has brought: ended leases, trips by overdue calls, idle steps of degradation. */
export function commitTime(circuit: Circuit, nowMs: number): void {
  circuit.endLeases(nowMs);
  commitOverdue(circuit, nowMs);
  if (circuit.period.state === "closed") settleIdle(circuit, circuit.period, nowMs);
}

const LONGEST_NOTE = 512;

/** The reason that an operator gave, checked. */
export function noteOf(check: Check, reason: unknown): string | undefined {
  return reason === undefined ? undefined : check.text("reason", reason, LONGEST_NOTE);
}
