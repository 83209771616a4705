import type { DegradedReason, Effect, Told } from "./effect.ts";
import { Link } from "./link.ts";
import { PROTOCOL_MAJOR, type Rejection, type WriteMessage } from "./message.ts";
import { Names } from "./names.ts";
import {
  type Answer,
  type Entry,
  isNext,
  isOld,
  type Operation,
  type Position,
} from "./operation.ts";
import { Peers } from "./peers.ts";
import { type Outcome, PendingOperations } from "./pending-operations.ts";
import { NOTHING } from "./record.ts";
import { Rejections } from "./rejections.ts";
import { ServerClock } from "./server-clock.ts";
import type { Slot } from "./slot.ts";
import { FUTURE_MS } from "./store-rules.ts";
import type { TaskSettings } from "./task-settings.ts";
import { readAnswer, readMessage } from "./wire.ts";

/** Records that are given back in one operation, and names that are read in one. */
const BATCH = 50;
/** The operations that are sent again until the store has taken them. */
const INTENDED: readonly Operation["do"][] = ["force", "open", "reset", "result"];

/**
 * One task of the cluster: a state machine without I/O. Each method is one input with the moment it came at, on the
 * monotonic clock; what is to be done about it is in `take`. The same class runs in the simulation, with time and
 * network of its own, and behind `joinCluster`.
 */
export class ClusterTask {
  readonly #settings: TaskSettings;
  /** The rules of the single names, with what happens to breakers here as inputs. */
  readonly names: Names;
  readonly #link: Link;
  readonly #peers: Peers;
  readonly #pending: PendingOperations;
  readonly #clock = new ServerClock();
  readonly #rejections = new Rejections();
  /** Keys whose newer epoch waits for a look at the store. */
  readonly #unconfirmed = new Set<string>();
  /** Keys that the store has lost. */
  readonly #lost = new Set<string>();
  #effects: Effect[] = [];
  #position: Position | null = null;
  #reading = false;
  #syncing = false;
  #retryMs = Number.POSITIVE_INFINITY;

  constructor(settings: TaskSettings, nowMs: number) {
    this.#settings = settings;
    this.#link = new Link(settings, nowMs);
    this.#peers = new Peers(settings.heartbeatMs);
    this.#pending = new PendingOperations(settings.deadlineMs);
    const link = this.#link;
    this.names = new Names({
      settings,
      get isReachable() {
        return link.isReachable;
      },
      serverMs: (atMs) => this.#clock.at(atMs),
      send: (operation, atMs, done) => this.#send(operation, atMs, done),
      push: (effect) => this.#effects.push(effect),
      retryLater: (atMs) => {
        const waitMs = settings.heartbeatMs * (0.5 + settings.random() / 2);
        this.#retryMs = Math.min(this.#retryMs, atMs + waitMs);
      },
      giveBack: (key) => this.#lost.add(key),
    });
  }

  /** What is to be done, in order; asked for after each input. */
  take(): readonly Effect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** When `wake` must be called next. */
  get wakeMs(): number {
    return Math.min(this.#link.dueMs, this.#pending.dueMs, this.#retryMs);
  }

  // What can be read

  get phase(): "joining" | "up" | "degraded" | "left" {
    return this.#link.phase;
  }

  get peers(): readonly string[] {
    return this.#peers.names;
  }

  /** Nothing is under way and nothing waits. */
  get isSettled(): boolean {
    return this.#pending.isIdle && this.names.waiting === 0;
  }

  get waiting(): number {
    return this.names.waiting;
  }

  get rejected(): Readonly<Record<Rejection, number>> {
    return this.#rejections.counts;
  }

  /** What is known of a name. */
  slot(key: string): Slot | undefined {
    return this.names.slots.peek(key);
  }

  incidentId(key: string): string | null {
    return this.#position === null ? null : this.names.incidentId(key, this.#position.n);
  }

  // What happens here

  start(nowMs: number): void {
    this.#link.start(nowMs);
    this.wake(nowMs);
  }

  /** There is a breaker of this name; one that is open already stays so by itself. */
  track(key: string, nowMs: number, isOpen = false): void {
    const isUnknown = this.names.slots.peek(key) === undefined;
    this.names.track(key, nowMs, isOpen);
    // Names beyond the limit were not remembered.
    if (isUnknown && this.#link.isReachable) this.#confirm(key, nowMs);
  }

  /** The breaker may follow the fleet again. */
  realign(key: string, nowMs: number): void {
    const slot = this.names.slots.peek(key);
    if (slot === undefined) return;
    slot.local = "free";
    this.names.align(slot, nowMs, true);
  }

  /** Asks for the right to do something for the fleet; whoever has it keeps it by asking again. */
  lease(
    key: string,
    { leaseMs, done }: { leaseMs: number; done: (given: boolean | null) => void },
    nowMs: number,
  ): void {
    if (!this.#link.isReachable) {
      done(null);
      return;
    }
    const { self: by } = this.#settings;
    const known = this.names.slots.peek(key)?.known ?? NOTHING;
    const base = { e: known.e, v: known.v };
    const open = { key, by, base, forMs: Math.ceil(leaseMs), note: "lease", incident: "" };
    const extend = known.o === by;
    this.#send({ do: "open", ...open, votes: null, extend }, nowMs, (answer, atMs) => {
      const record = answer?.record;
      const slot = this.names.slots.named(key);
      if (record !== undefined && slot !== null) this.names.learn(slot, record, atMs);
      done(answer === null ? null : record?.o === by && answer.outcome !== "refused");
    });
  }

  leave(): void {
    const { self: o } = this.#settings;
    if (this.#link.isReachable) {
      this.#push({ do: "publish", text: JSON.stringify({ p: PROTOCOL_MAJOR, k: "bye", o }) });
    }
    this.#link.leave();
    this.names.settleAll();
    this.#push({ do: "close" });
  }

  // What the backplane brings

  connected(nowMs: number): void {
    this.#link.connected(nowMs);
    this.wake(nowMs);
  }

  connectFailed(nowMs: number, fault?: unknown): void {
    this.#link.connectFailed(fault, nowMs);
  }

  /** A message could not be sent. Whether the task is heard, its own beats tell. */
  publishFailed(fault: unknown): void {
    this.#link.faults.failed("publish", fault);
  }

  lost(nowMs: number): void {
    const reason = this.#link.lost(nowMs);
    if (reason !== null) this.#degraded(reason);
    this.wake(nowMs);
  }

  /** An operation was answered; null when it failed, with `fault`. */
  answered(id: number, raw: unknown, nowMs: number, fault?: unknown): void {
    this.#pending.end(id, raw, nowMs, fault);
    this.#flush(nowMs);
  }

  /** A message came. Whatever it holds, it does not throw. */
  hear(text: unknown, nowMs: number): void {
    if (this.phase === "left") return;
    const message = readMessage(text);
    if (typeof message === "string") this.#reject(message);
    else if (message.k === "write") this.#hearWrite(message, nowMs);
    else if (message.o === this.#settings.self) {
      if (message.k === "beat" && this.#link.echo(message.c, nowMs)) this.#back(nowMs);
    } else if (message.k === "bye") {
      if (this.#peers.left(message.o)) this.#tell({ what: "peer left", peer: message.o });
    } else if (this.#peers.heard(message.o, nowMs)) {
      this.#tell({ what: "peer joined", peer: message.o });
    }
    this.#flush(nowMs);
  }

  /** A message came whose sender is not of the fleet. */
  forged(): void {
    if (this.phase !== "left") this.#reject("signature");
  }

  #hearWrite({ key, record, position }: WriteMessage, nowMs: number): void {
    // Before the first answer there is nothing to judge it by; everything is about to be read anyway.
    if (!this.#clock.isKnown) return;
    const limitMs = this.#clock.at(nowMs) + FUTURE_MS;
    if (record.e > limitMs || record.v > limitMs) {
      this.#reject("future");
      return;
    }
    const slot = this.names.slots.named(key);
    if (slot === null) {
      this.#reject("names");
      return;
    }
    const isNews = this.names.isNewer(record, slot.known);
    this.#follow(position, isNews, record.v, nowMs);
    const isOwnReset = record.o === this.#settings.self && slot.resetsHere;
    if (record.e > slot.known.e && !isOwnReset) this.#confirm(key, nowMs);
    else this.names.learn(slot, record, nowMs);
    this.names.submit(slot, nowMs);
  }

  /** Goes on with the history of the store, and reads everything when a part of it is missing. */
  #follow(position: Position, isNews: boolean, v: number, nowMs: number): void {
    const known = this.#position;
    if (known === null) return;
    if (isNext(known, position, v)) this.#position = position;
    // News of a history that is over: the store may not know it any more.
    else if (position.n !== known.n || (isNews && isOld(known, position))) this.#readAll(nowMs);
    else if (!isOld(known, position)) this.#link.reconcileSoon(nowMs);
  }

  // Time

  /** Does what is due. */
  wake(nowMs: number): void {
    this.#pending.expire(nowMs);
    if (this.#link.isUnheard && this.names.waiting === 0) this.#link.heardOut();
    const { connect, beat, sync, degraded } = this.#link.due(nowMs);
    if (degraded !== null) this.#degraded(degraded);
    if (connect !== null) this.#push({ do: connect });
    if (beat !== null) this.#push({ do: "publish", text: beat });
    if (sync) this.#sync(nowMs);
    if (this.#link.phase === "up") {
      for (const peer of this.#peers.expire(nowMs)) this.#tell({ what: "peer left", peer });
    }
    if (nowMs >= this.#retryMs) {
      this.#retryMs = Number.POSITIVE_INFINITY;
      this.#submitAll(nowMs);
    }
    this.#flush(nowMs);
  }

  #degraded(reason: DegradedReason): void {
    this.names.settleAll();
    this.#tell({ what: "degraded", reason, fault: this.#link.faults.newest });
  }

  /** Among the others again. */
  #back(nowMs: number): void {
    this.#peers.excuse(nowMs);
    const lostMs = this.#link.lostMs(nowMs);
    this.#tell({ what: "recovered", lostMs, waiting: this.names.waiting });
  }

  #submitAll(nowMs: number): void {
    for (const slot of this.names.slots) this.names.submit(slot, nowMs);
  }

  // The store

  #send(
    operation: Operation,
    nowMs: number,
    done: (answer: Answer | null, nowMs: number) => void,
  ): void {
    const whenAnswered = ({ raw, fault, sentMs }: Outcome, atMs: number): void => {
      const read = raw === null ? null : readAnswer(raw);
      if (raw !== null && (read === null || read.dropped > 0)) this.#reject("answer");
      const writes = INTENDED.includes(operation.do);
      if (read === null) this.#link.failed(writes, fault, atMs);
      else {
        this.#link.answered(writes);
        this.#clock.learn(read.answer.at, sentMs, atMs);
        const { n } = read.answer.position;
        if (this.#position !== null && this.#position.n !== n) this.#readAll(atMs);
      }
      done(read?.answer ?? null, atMs);
    };
    this.#push(this.#pending.begin(operation, nowMs, whenAnswered));
  }

  #sync(nowMs: number): void {
    if (this.#syncing) return;
    this.#syncing = true;
    // After a silence the position is no proof: whatever was heard of late may have been lost with its sender.
    const position = this.#link.isReachable ? this.#position : null;
    const { self: by } = this.#settings;
    this.#send({ do: "sync", by, position }, nowMs, (answer, atMs) => {
      this.#syncing = false;
      if (answer === null) return;
      if (answer.entries !== undefined) {
        this.#position = answer.position;
        this.names.list(answer.entries, true, atMs);
      }
      if (this.#link.synced(atMs)) this.#back(atMs);
      this.#submitAll(atMs);
    });
  }

  /** Looks at the store before anything is believed. */
  #confirm(key: string, nowMs: number): void {
    this.#unconfirmed.add(key);
    this.#read(nowMs);
  }

  #read(nowMs: number): void {
    if (this.#reading || this.#unconfirmed.size === 0 || !this.#link.isReachable) return;
    const keys = [...this.#unconfirmed].slice(0, BATCH);
    for (const key of keys) this.#unconfirmed.delete(key);
    this.#reading = true;
    const { self: by } = this.#settings;
    this.#send({ do: "read", by, keys }, nowMs, (answer, atMs) => {
      this.#reading = false;
      if (answer?.entries !== undefined) {
        this.names.list(answer.entries, false, atMs);
        return;
      }
      // The messages were counted as heard: only a whole reading makes up for what they could not show.
      this.#readAll(atMs);
    });
  }

  /** Sends what the inputs have brought about: reads, and records that the store has lost. */
  #flush(nowMs: number): void {
    this.#read(nowMs);
    if (this.#lost.size === 0 || !this.#link.isReachable) return;
    const keys = [...this.#lost].slice(0, BATCH);
    const entries: Entry[] = [];
    for (const key of keys) {
      this.#lost.delete(key);
      const slot = this.names.slots.peek(key);
      if (slot !== undefined) entries.push([key, slot.known]);
    }
    const { self: by } = this.#settings;
    this.#send({ do: "merge", by, entries }, nowMs, (answer, atMs) => {
      if (answer === null) this.#readAll(atMs);
    });
    this.#flush(nowMs);
  }

  #readAll(nowMs: number): void {
    this.#position = null;
    this.#link.reconcileSoon(nowMs);
  }

  #reject(reason: Rejection): void {
    const count = this.#rejections.add(reason);
    if (count !== null) this.#tell({ what: "rejected", reason, count });
  }

  #tell(told: Told): void {
    this.#push({ do: "tell", told });
  }

  #push(effect: Effect): void {
    this.#effects.push(effect);
  }
}
