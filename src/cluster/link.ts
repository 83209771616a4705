import type { DegradedReason } from "./effect.ts";
import { Faults } from "./faults.ts";
import { PROTOCOL_MAJOR } from "./message.ts";
import type { TaskSettings } from "./task-settings.ts";

/** Intervals without an echo or an answer after which a task knows that it is on its own. */
const PATIENCE = 3;
/** Beats back to which an echo is taken for one. */
const RECENT_BEATS = 8;
const NEVER = Number.POSITIVE_INFINITY;

/** What a moment asks of a task. */
export interface Duties {
  connect: "connect" | "reconnect" | null;
  /** The text of a beat. */
  beat: string | null;
  sync: boolean;
  degraded: DegradedReason | null;
}

/**
 * Whether a task can be heard and can hear. The store's answers prove one half; the task's own beats, which must come
 * back to it, prove the other: no client library notices by itself that a connection has stalled.
 */
export class Link {
  readonly #settings: TaskSettings;
  /** What the backplane failed with since it was last connected. */
  readonly faults = new Faults();
  #phase: "joining" | "up" | "degraded" | "left" = "joining";
  #connecting = false;
  #connected = false;
  #synced = false;
  #echoed = false;
  #beats = 0;
  #beatMs = NEVER;
  #syncMs = NEVER;
  #reconnectMs = NEVER;
  #heardMs: number;
  #failingMs: number | null = null;
  /** Since when the store takes no writes; it may still answer readings: a replica, a full memory. */
  #unheardMs: number | null = null;
  #degradedMs = 0;
  #triedMs = 0;

  constructor(settings: TaskSettings, nowMs: number) {
    this.#settings = settings;
    this.#heardMs = nowMs;
  }

  get phase(): "joining" | "up" | "degraded" | "left" {
    return this.#phase;
  }

  /** Whether operations can be run: everything was read since the last connection. */
  get isReachable(): boolean {
    return this.#synced && this.#phase !== "left";
  }

  get patienceMs(): number {
    return this.#settings.heartbeatMs * PATIENCE;
  }

  start(nowMs: number): void {
    this.#reconnectMs = nowMs;
    this.#heardMs = nowMs;
  }

  connected(nowMs: number): void {
    this.#connecting = false;
    if (this.#phase === "left") return;
    this.#connected = true;
    this.faults.clear();
    this.#reconnectMs = NEVER;
    this.#heardMs = nowMs;
    this.#echoed = false;
    this.#beatMs = nowMs;
    this.#syncMs = nowMs;
  }

  connectFailed(fault: unknown, nowMs: number): void {
    this.#connecting = false;
    this.faults.failed("connect", fault);
    this.#reconnectMs = nowMs + this.#jittered(this.#settings.heartbeatMs);
  }

  /** The reconciliation has come: true when the task is back among the others. */
  synced(nowMs: number): boolean {
    if (!this.#connected) return false;
    this.#synced = true;
    this.#syncMs = nowMs + this.#jittered(this.#settings.reconcileMs);
    return this.#settle();
  }

  /** A beat of its own came back; true when the task is back among the others. */
  echo(count: number, nowMs: number): boolean {
    // An old beat, or one that was never sent, proves nothing.
    if (!this.#connected || count > this.#beats || count <= this.#beats - RECENT_BEATS) {
      return false;
    }
    this.#heardMs = nowMs;
    this.faults.worked("publish");
    this.#echoed = true;
    return this.#settle();
  }

  #settle(): boolean {
    if (this.#phase === "joining" && this.#synced) this.#phase = "up";
    if (this.#phase !== "degraded" || !this.#synced || !this.#echoed) return false;
    this.#phase = "up";
    return true;
  }

  /** How long the task was on its own. */
  lostMs(nowMs: number): number {
    return Math.max(0, nowMs - this.#degradedMs);
  }

  /** An operation was answered; `writes` when it was one that says what was decided here. */
  answered(writes: boolean): void {
    this.#failingMs = null;
    this.faults.worked("read");
    if (writes) this.heardOut();
  }

  /** Whether writes have failed since one was answered. */
  get isUnheard(): boolean {
    return this.#unheardMs !== null;
  }

  /** Nothing waits to be written any more, or a write was taken. */
  heardOut(): void {
    this.#unheardMs = null;
    this.faults.worked("write");
  }

  failed(writes: boolean, fault: unknown, nowMs: number): void {
    if (!this.#connected) return;
    this.faults.failed(writes ? "write" : "read", fault);
    this.#failingMs ??= nowMs;
    if (writes) this.#unheardMs ??= nowMs;
    this.#syncMs = Math.min(this.#syncMs, nowMs + this.#jittered(this.#settings.heartbeatMs));
  }

  /** Something may have been missed: everything is read soon, not all tasks in the same moment. */
  reconcileSoon(nowMs: number): void {
    if (this.#connected)
      this.#syncMs = Math.min(this.#syncMs, nowMs + this.#settings.random() * 50);
  }

  /** The subscription is gone. */
  lost(nowMs: number): DegradedReason | null {
    return this.#connected ? this.#degrade("lost", nowMs) : null;
  }

  leave(): void {
    this.#phase = "left";
    this.#connected = false;
    this.#beatMs = NEVER;
    this.#syncMs = NEVER;
    this.#reconnectMs = NEVER;
  }

  /** What is due by now. */
  due(nowMs: number): Duties {
    const duties: Duties = { connect: null, beat: null, sync: false, degraded: null };
    if (this.#phase === "left") return duties;
    const silentMs = nowMs - this.#heardMs;
    if (this.#phase !== "degraded" || this.#connected) {
      if (nowMs >= this.#outOfPatienceMs) {
        duties.degraded = this.#degrade("unreachable", nowMs);
      } else if (silentMs >= this.patienceMs) {
        duties.degraded = this.#degrade(this.#connected ? "silent" : "unreachable", nowMs);
      }
    }
    if (nowMs >= this.#reconnectMs || this.#isStuck(nowMs)) {
      duties.connect = this.#triedMs === 0 ? "connect" : "reconnect";
      this.#triedMs = Math.max(nowMs, Number.MIN_VALUE);
      this.#connecting = true;
      this.#reconnectMs = NEVER;
    }
    if (this.#connected && nowMs >= this.#beatMs) {
      this.#beats++;
      this.#beatMs = nowMs + this.#settings.heartbeatMs;
      const { self: o } = this.#settings;
      duties.beat = JSON.stringify({ p: PROTOCOL_MAJOR, k: "beat", o, c: this.#beats });
    }
    if (this.#connected && nowMs >= this.#syncMs) {
      duties.sync = true;
      this.#syncMs = nowMs + this.#jittered(this.#settings.reconcileMs);
    }
    return duties;
  }

  /** When answers have been missing for too long. */
  get #outOfPatienceMs(): number {
    const sinceMs = Math.min(this.#failingMs ?? NEVER, this.#unheardMs ?? NEVER);
    return sinceMs + this.patienceMs;
  }

  /** A connection that neither comes nor fails is given up. */
  #isStuck(nowMs: number): boolean {
    return this.#connecting && nowMs - this.#triedMs >= this.#stuckMs;
  }

  get #stuckMs(): number {
    return this.patienceMs * 2;
  }

  /** Null when it was so already. */
  #degrade(reason: DegradedReason, nowMs: number): DegradedReason | null {
    this.#connected = false;
    this.#synced = false;
    this.#echoed = false;
    this.#failingMs = null;
    this.#unheardMs = null;
    this.#beatMs = NEVER;
    this.#syncMs = NEVER;
    if (!this.#connecting) this.#reconnectMs = nowMs;
    this.#heardMs = nowMs;
    if (this.#phase === "degraded") return null;
    this.#phase = "degraded";
    this.#degradedMs = nowMs;
    return reason;
  }

  /** When `due` has something next. */
  get dueMs(): number {
    if (this.#phase === "left") return NEVER;
    const watches = this.#phase !== "degraded" || this.#connected;
    const silentMs = watches ? this.#heardMs + this.patienceMs : NEVER;
    const failingMs = watches ? this.#outOfPatienceMs : NEVER;
    const stuckMs = this.#connecting ? this.#triedMs + this.#stuckMs : NEVER;
    const connection = Math.min(silentMs, failingMs, stuckMs, this.#reconnectMs);
    return Math.min(connection, this.#beatMs, this.#syncMs);
  }

  #jittered(ms: number): number {
    return ms * (0.8 + 0.4 * this.#settings.random());
  }
}
