import { NO_REASON } from "./peer-open.ts";
import type { Basis } from "./record.ts";

/** A breaker opened here, by its failures or by force; `untilMs` is on the monotonic clock, Infinity without an end. */
export interface HoldIntent {
  readonly want: "force" | "open";
  readonly base: Basis;
  readonly untilMs: number;
  readonly note: string;
  readonly incident: string;
}

/** An operator reset it here. */
interface ResetIntent {
  readonly want: "reset";
  readonly base: Basis;
  /** Why, as the operator said; empty when they did not. */
  readonly note: string;
  /** A later attempt: any newer epoch has made it needless. */
  readonly conditional: boolean;
  /** What happened here after the reset: it belongs to the epoch that the reset will begin. */
  readonly after: HoldIntent | null;
}

/** The probe of a lease ended. */
interface ResultIntent {
  readonly want: "result";
  readonly base: Basis;
  readonly ok: boolean;
  readonly forMs: number;
}

/** A probe without a lease succeeded while the store was out of reach: a lease is asked for, to say so. */
interface RecoveredIntent {
  readonly want: "recovered";
  readonly base: Basis;
}

/** What a task wants the cluster to know of one name. Only the newest is kept, so that an outage is bounded. */
export type Intent = HoldIntent | ResetIntent | ResultIntent | RecoveredIntent;

/** What is left to say when one intent follows another that was not heard yet. */
export function compose(older: Intent | null, newer: Intent): Intent {
  const isHold = newer.want === "force" || newer.want === "open";
  // A reset is not forgotten because something opened after it.
  if (older?.want === "reset" && isHold) return { ...older, after: newer };
  // Nor is what recovered after it worth a word: the reset says so already.
  if (older?.want === "reset" && newer.want !== "reset") return { ...older, after: null };
  const isUnsaid = newer.want === "force" && newer.note === NO_REASON;
  // Who gives no reason leaves the one that stands.
  return isUnsaid && older?.want === "force" ? { ...newer, note: older.note } : newer;
}

/** An intent that was sent in vain, to be sent again. */
export function again(intent: Intent): Intent {
  return intent.want === "reset" ? { ...intent, conditional: true } : intent;
}
