import type { Basis, ClusterRecord } from "./record.ts";

/** Where in the history of the namespace somebody is. Equal positions mean that nothing was written in between. */
export interface Position {
  /** Names the data of the store: another one after they were lost. */
  readonly n: string;
  /** Counts the writes. */
  readonly g: number;
  /** The version of the last write, which tells a history from one that was rolled back and written on. */
  readonly lv: number;
}

/** Whether a write that ended at `position`, of version `v`, was the one after `known`. */
export function isNext(known: Position, { n, g, lv }: Position, v: number): boolean {
  return n === known.n && g === known.g + 1 && lv === v;
}

/** Whether a write was one of those before. */
export function isOld(known: Position, { n, g }: Position): boolean {
  return n === known.n && g <= known.g;
}

interface OperationOn {
  readonly key: string;
  /** The task that asks. */
  readonly by: string;
  /** What the task knew when its evidence was begun: the fence. */
  readonly base: Basis;
}

/** Several tasks must agree before failures open the fleet. */
export interface Quorum {
  /** How many tasks. */
  readonly quorum: number;
  /** Within which time, in milliseconds of the store's clock. */
  readonly withinMs: number;
}

/** Holds the breaker open until a reset, or for a time. Refused as stale when the epoch has moved on. */
export interface ForceOperation extends OperationOn {
  readonly do: "force";
  /** 0 when it has no end. */
  readonly forMs: number;
  readonly note: string;
  readonly incident: string;
}

/** Begins a new epoch. The epoch stays when everything else of the record is cleared. */
export interface ResetOperation extends OperationOn {
  readonly do: "reset";
  /** Only if no newer epoch has begun: for one that is submitted later than it was asked for. */
  readonly conditional: boolean;
  /** Why, for the audit. */
  readonly why?: string;
}

/** Opens after failures, for a time. Never extends a window that is open; ignored while a probe runs. */
export interface OpenOperation extends OperationOn {
  readonly do: "open";
  readonly forMs: number;
  readonly note: string;
  readonly incident: string;
  /** Null when the word of one task is enough. */
  readonly votes: Quorum | null;
  /** A longer window may take the place of a shorter one: of quotas, whose end is a fact. */
  readonly extend: boolean;
}

/** Asks for the one lease to probe: given when the window is over, or the lease before it. */
export interface ProbeOperation extends OperationOn {
  readonly do: "probe";
  readonly leaseMs: number;
}

/** Says how the probe of a lease ended; changes nothing when the token is not the current one. */
export interface ResultOperation extends OperationOn {
  readonly do: "result";
  readonly token: Basis;
  readonly ok: boolean;
  /** How long it stays open after a failed probe. */
  readonly forMs: number;
}

/** A key with its record. */
export type Entry = readonly [key: string, record: ClusterRecord];

/** Gives records back to a store that lost them: each is taken if it is newer than what is there. */
export interface MergeOperation {
  readonly do: "merge";
  readonly by: string;
  readonly entries: readonly Entry[];
}

/** Reads the records of some keys. */
interface ReadOperation {
  readonly do: "read";
  readonly by: string;
  readonly keys: readonly string[];
}

/** Reads everything, unless nothing was written since `position`. */
interface SyncOperation {
  readonly do: "sync";
  readonly by: string;
  /** Null to read everything. */
  readonly position: Position | null;
}

/** What a task asks of the store: each is one script, which reads, decides, writes and publishes at once. */
export type Operation =
  | ForceOperation
  | ResetOperation
  | OpenOperation
  | ProbeOperation
  | ResultOperation
  | MergeOperation
  | ReadOperation
  | SyncOperation;

/**
 * What became of an operation. `written`: a new record. `held`: it was so already, nothing written. `stale`: the
 * evidence is of an older epoch, or the token is not current. `refused`: not now. `future`: its numbers are too far
 * ahead. `voted`: counted, the quorum is not reached. `listed`: entries were read. `unchanged`: the position is
 * current.
 */
export const OUTCOMES = [
  "written",
  "held",
  "stale",
  "refused",
  "future",
  "voted",
  "listed",
  "unchanged",
] as const;
export type StoreOutcome = (typeof OUTCOMES)[number];

/** What the store answers: plain data, safe for JSON. */
export interface Answer {
  readonly outcome: StoreOutcome;
  /** The store's clock. */
  readonly at: number;
  readonly position: Position;
  /** The record of the key after the operation; missing where an operation has no key. */
  readonly record?: ClusterRecord;
  /** What was read. */
  readonly entries?: readonly Entry[];
}
