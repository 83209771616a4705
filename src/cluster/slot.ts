import type { Intent } from "./intent.ts";
import { type Basis, type ClusterRecord, NOTHING } from "./record.ts";

/** An intent on its way. */
export interface Flight {
  readonly intent: Intent;
  /** A newer epoch has made it needless. */
  cancelled: boolean;
  /** What is known to have come of it, before its answer. */
  done: boolean;
  readonly tickets: readonly number[];
}

/** The right to probe for the fleet. */
export interface Token extends Basis {
  /** On the monotonic clock; reckoned from when it was asked for, hence never later than the store's. */
  readonly untilMs: number;
}

/** What a task keeps of one name. */
export class Slot {
  readonly key: string;
  /** There is a breaker of this name here. */
  tracked = false;
  /** The newest record that the store has shown. */
  known: ClusterRecord = NOTHING;
  /** The record that the breaker was last brought in line with. */
  adopted: ClusterRecord = NOTHING;
  /** What the breaker is doing. */
  local: "free" | "open" | "forced" = "free";
  waiting: Intent | null = null;
  flight: Flight | null = null;
  tickets: number[] = [];
  token: Token | null = null;
  /** A lease has been asked for. */
  asking = false;
  /** It opened by itself and too few have agreed. */
  alone = false;
  /** Grows whenever evidence gathered so far has lost its force. */
  fence = 0;
  /** Incidents begun here since `known` changed. */
  incidents = 0;
  /** The version of the last record of ours that was told. */
  announced = 0;
  /** When a task on its own may probe. */
  soloProbeMs: number | null = null;

  constructor(key: string) {
    this.key = key;
  }

  /** The newest intent that still counts. */
  get intent(): Intent | null {
    return this.waiting ?? (this.flight?.cancelled === false ? this.flight.intent : null);
  }

  /** Whether a reset of ours may still be unheard. */
  get resetsHere(): boolean {
    return (
      this.waiting?.want === "reset" ||
      (this.flight?.intent.want === "reset" && !this.flight.cancelled)
    );
  }
}

/**
 * What was wanted after a reset of ours, now that the reset has begun an epoch: it builds on that. A further reset does
 * as well, or its second attempt would take the epoch of the first reset for a newer one.
 */
export function rebased(wanted: Intent, { e, v }: Basis): Intent {
  const isOfTheEpoch = wanted.want === "force" || wanted.want === "open" || wanted.want === "reset";
  return isOfTheEpoch ? { ...wanted, base: { e, v } } : wanted;
}
