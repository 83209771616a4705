import type { BoardMessage } from "./board-message.ts";
import type { StreamStatus } from "./live-stream.ts";

/** Of a record whose last event is older than this, the present is that event, not now. */
const LIVE_MS = 60_000;
/** A clock that differs by less is taken for the same: part of it is the way here. */
const SAME_CLOCK_MS = 2_000;

/** One stream of a board: how it is doing, and what was wrong with what it told. */
export class BoardSource {
  readonly name: string;
  status: StreamStatus = { kind: "connecting" };
  /** How far its clock is ahead of the one here. */
  offsetMs = 0;
  /** The moment of the latest event; null before the first. */
  lastAtMs: number | null = null;
  /** Messages that could not be read. */
  damaged = 0;
  /** Events of a later version. */
  later = 0;
  /** Times that events were missed, or a process began anew. */
  gaps = 0;
  /** Breakers that the last snapshot left out, or could not tell. */
  untold = 0;
  /** It is a file, which may be of long ago. */
  isRecord = false;

  constructor(name: string) {
    this.name = name;
  }

  take(message: BoardMessage, nowMs: number): void {
    switch (message.kind) {
      case "event":
        this.lastAtMs = Math.max(this.lastAtMs ?? message.record.atMs, message.record.atMs);
        break;
      case "levels": {
        const offsetMs = message.atMs - nowMs;
        this.offsetMs = Math.abs(offsetMs) < SAME_CLOCK_MS ? 0 : offsetMs;
        this.untold = message.untold;
        break;
      }
      case "gap":
        this.gaps++;
        break;
      case "later":
        this.later++;
        break;
      case "damaged":
        this.damaged++;
    }
  }

  /** The present by its own clock; for an old record the moment of its last event. */
  presentMs(nowMs: number): number {
    const ownMs = nowMs + this.offsetMs;
    if (!this.isRecord || this.lastAtMs === null) return ownMs;
    return ownMs - this.lastAtMs < LIVE_MS ? ownMs : this.lastAtMs;
  }

  /** Of when it is what is known: the present, or when its stream was lost. */
  asOfMs(nowMs: number): number {
    return this.presentMs(nowMs - this.lostForMs(nowMs));
  }

  /** How long nobody has known how things stand; 0 while it is live. */
  lostForMs(nowMs: number): number {
    const { status } = this;
    if (status.kind === "live" || status.kind === "connecting") return 0;
    return Math.max(0, nowMs - status.sinceMs);
  }

  /** Whether what it told last may be relied on. */
  get isLive(): boolean {
    return this.status.kind === "live";
  }
}
