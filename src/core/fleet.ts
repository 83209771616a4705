import type { CloseReason } from "../events/vocabulary.ts";

/** What a breaker tells the cluster of an open of its own. */
export interface OwnOpen {
  readonly forced: boolean;
  /** Infinity without an end. */
  readonly forMs: number;
  readonly note: string;
  readonly incidentId: string;
}

/**
 * The cluster as one breaker sees it. Everything is answered from memory and nothing throws: no call waits for a
 * store, and none fails because of one.
 */
export interface Fleet {
  /** The id of an incident that begins now, the same in tasks that trip together; null for one of its own. */
  incidentId(): string | null;
  /** Whether the next call may probe: one task of the fleet does at a time. */
  mayProbe(): boolean;
  opened(open: OwnOpen): void;
  closed(reason: Exclude<CloseReason, "peer">, note: string | undefined): void;
  enabled(): void;
}

/** Who decided, and in which epoch. */
export interface PeerOrigin {
  readonly origin: string;
  readonly epoch: number;
}

/** An open that another task decided. */
export interface PeerOpen extends PeerOrigin {
  readonly forced: boolean;
  /** Until a probe may run; Infinity without an end. */
  readonly remainingMs: number;
  readonly note: string | undefined;
  /** Empty when the peer named none. */
  readonly incidentId: string;
  /** How long the incident has lasted. */
  readonly ageMs: number;
  /** It belongs to a new epoch: what was counted here is void. */
  readonly afresh: boolean;
}

/** A close that another task decided. */
export interface PeerClose extends PeerOrigin {
  readonly note: string | undefined;
  /** A reset: also a breaker that is closed begins anew. */
  readonly afresh: boolean;
}
