import type { BreakerView } from "../core/breaker-view.ts";
import type { Labels } from "./metric-reading.ts";
import type { RecoveryWatch } from "./recovery-watch.ts";
import type { RegistryFeed } from "./registry-feed.ts";

/** What a group knows of a breaker, also while it is detached. */
export interface Member {
  readonly view: BreakerView;
  readonly name: string;
  readonly label: string;
  /** Attachments that show it: calls of the exporter that have not ended, and the feed of its registry. */
  holds: number;
  /** Of them, those for which the group listens to the breaker itself. */
  listeners: number;
  /** Whether it is listened to for the times of its calls: from the first hold that wants it until the last ends. */
  timed: boolean;
  /** The registry through which it came, which listens for it while nobody else does. */
  feed: RegistryFeed | null;
  recovery: RecoveryWatch | null;
  /** The labels of its call durations by outcome; made when the first is observed. */
  callLabels: ReadonlyMap<string, Labels> | null;
  readonly offs: (() => void)[];
}
