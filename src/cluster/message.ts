import type { Position } from "./operation.ts";
import type { ClusterRecord } from "./record.ts";

/** The major version of the protocol: in every message, every key and the channel's name. */
export const PROTOCOL_MAJOR = 1;
/** The longest message that is looked at, in characters. */
export const LONGEST_MESSAGE = 4096;

/** The store wrote a record. Published by the script that wrote it. */
export interface WriteMessage {
  readonly p: typeof PROTOCOL_MAJOR;
  readonly k: "write";
  readonly position: Position;
  readonly key: string;
  readonly record: ClusterRecord;
  /** A reset: the incident is over, whatever it was. */
  readonly recovered?: true;
}

/** A task is there. Its own comes back to it when both directions work. */
interface BeatMessage {
  readonly p: typeof PROTOCOL_MAJOR;
  readonly k: "beat";
  readonly o: string;
  /** Counts the beats of the task. */
  readonly c: number;
}

/** A task leaves. */
interface ByeMessage {
  readonly p: typeof PROTOCOL_MAJOR;
  readonly k: "bye";
  readonly o: string;
}

/** What travels on the channel, as JSON. */
export type ClusterMessage = WriteMessage | BeatMessage | ByeMessage;

/** Why something that came in was dropped. */
export const REJECTIONS = [
  "oversized",
  "malformed",
  "version",
  "future",
  "names",
  "answer",
  "signature",
] as const;
export type Rejection = (typeof REJECTIONS)[number];
