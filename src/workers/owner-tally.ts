import type { EventOf } from "../events/event.ts";

type Fallback = EventOf<"owner.unreachable">["fallback"];
type SpendLoss = EventOf<"owner.spend_lost">["reason"];

/** What an isolate counts of its owner for the metrics, whether anybody hears the events or not. */
export class OwnerTally {
  /** Questions in vain, by what the isolate went on by. */
  readonly failures: Record<Fallback, number> = {
    cache: 0,
    snapshot: 0,
    closed: 0,
    refused: 0,
    unreserved: 0,
    none: 0,
  };
  readonly spendsLost: Record<SpendLoss, number> = { refused: 0, overflow: 0 };
  /** When the last of them was lost, on the wall clock; 0 before one. */
  spendLostAtMs = 0;

  spendLost(reason: SpendLoss, atMs: number): void {
    this.spendsLost[reason]++;
    this.spendLostAtMs = atMs;
  }
}
