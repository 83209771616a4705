import type { BreakerRegistry } from "../core/breaker-registry.ts";
import { isSnapshotError } from "../core/snapshot-error.ts";
import { Check } from "../events/check.ts";
import type { Measures } from "../events/measurement.ts";
import { STATE_CHANGES } from "../events/vocabulary.ts";
import { KeptPart } from "./kept-part.ts";
import { partOf } from "./part-rows.ts";
import type { PersistSettings } from "./persist-options.ts";
import type { StateRow, StateStore } from "./store.ts";
import { StoreHealth, type StoreOperation } from "./store-health.ts";
import { storeMeasures } from "./store-measures.ts";
import { checkedRows } from "./store-rows.ts";
import { Turns } from "./turns.ts";
import { UnsavedBreakers } from "./unsaved-breakers.ts";

const BREAKERS = "breaker:";
const PARTS = "part:";
const LONGEST_SOURCE = 64;
const MOST_ROWS = 250;
const CHECK = new Check("keep a row");

/** Told of at once; what else changes waits for the next batch. */
const CHANGES = [...STATE_CHANGES, "circuit.force_changed"] as const;

/** What is written of the parts in one go. */
interface PartWrites {
  readonly rows: readonly StateRow[];
  /** Keys of rows that they no longer have. */
  readonly stale: readonly string[];
  readonly kept: readonly (() => void)[];
}

/**
 * Keeps a registry and its parts in a store: one load first, then one write at a time. What waits is remembered by
 * name and written as it is when its turn comes, so that a slow store costs no more memory than a fast one.
 */
export class StateKeeper {
  readonly #registry: BreakerRegistry;
  readonly #store: StateStore;
  readonly #settings: PersistSettings;
  readonly #unsaved: UnsavedBreakers;
  readonly #health: StoreHealth;
  readonly #parts: readonly KeptPart[];
  readonly #offs: (() => void)[] = [];
  readonly #resting: (() => void)[] = [];
  #loaded = false;
  #closed = false;
  #writing = false;
  #again = false;
  #batchTimer: unknown = null;
  #retryTimer: unknown = null;

  constructor(registry: BreakerRegistry, store: StateStore, settings: PersistSettings) {
    this.#registry = registry;
    this.#store = store;
    this.#settings = settings;
    this.#unsaved = new UnsavedBreakers(registry);
    const { clock, retryMs, parts } = settings;
    const waiting = () => this.#unsaved.size;
    this.#health = new StoreHealth(store, registry.bus, { clock, retryMs, waiting });
    const { atomic } = store.capabilities;
    this.#parts = Object.entries(parts).map(([name, part]) => new KeptPart(name, part, !atomic));
  }

  /** Whether everything that the store had has been read. */
  get loaded(): boolean {
    return this.#loaded;
  }

  /** What exporters of metrics read. */
  get measures(): Measures {
    return storeMeasures(this.#health);
  }

  /** Resolves when the store was read, or at the first sign that this will take its time. */
  start(): Promise<void> {
    for (const type of CHANGES) {
      this.#offs.push(
        this.#registry.on(
          type,
          ({ breaker }) => {
            this.#unsaved.add(breaker);
            this.#wake(false);
          },
          { sink: "state" },
        ),
      );
    }
    this.#offs.push(
      this.#registry.follow(
        { added: () => {}, removed: ({ name }) => this.#unsaved.remove(name) },
        { sink: "state" },
      ),
    );
    return new Promise((begun) => {
      void this.#load(begun).then(begun);
    });
  }

  /** Writes everything that has changed; whether the store has it all. */
  async flush(): Promise<boolean> {
    if (!this.#loaded) return false;
    await this.#lookAtAll();
    this.#wake(true);
    const { timers, timeoutMs } = this.#settings;
    let timer: unknown;
    const tooLate = new Promise<void>((resolve) => {
      timer = timers.start(resolve, timeoutMs);
    });
    await Promise.race([this.#rest(), tooLate]);
    timers.stop(timer);
    return !this.#writing && !this.#health.isFailing && this.#unsaved.size === 0;
  }

  /** The last write; then nothing is listened to, and no timer runs. */
  async close(): Promise<boolean> {
    const kept = await this.flush();
    this.#closed = true;
    const { timers } = this.#settings;
    timers.stop(this.#batchTimer);
    timers.stop(this.#retryTimer);
    for (const off of this.#offs.splice(0)) off();
    return kept;
  }

  async #load(begun: () => void): Promise<void> {
    while (!this.#closed) {
      try {
        await this.#timed("load", () => this.#loadRows(), begun);
        this.#health.worked("load");
        this.#loaded = true;
        this.#beginBatch();
        this.#wake(true);
        return;
      } catch (error) {
        this.#health.failed("load", error);
        begun();
        await this.#sleep();
      }
    }
  }

  async #loadRows(): Promise<void> {
    const { prefix } = this.#settings;
    const turns = new Turns();
    for (const part of this.#parts) part.breakLoad();
    for await (const [key, text] of this.#store.load()) {
      if (this.#closed) return;
      if (key.startsWith(prefix)) this.#take(key.slice(prefix.length), text);
      if (turns.isOverAfter(text.length)) await turns.next();
    }
    for (const part of this.#parts) {
      const fault = part.endLoad();
      if (fault !== null) this.#health.rejected(`${prefix}${PARTS}${part.name}`, fault);
    }
  }

  /** One row, its key without the prefix. One that cannot be used is told, and the others are. */
  #take(key: string, text: string): void {
    if (key.startsWith(BREAKERS)) this.#restore(key.slice(BREAKERS.length), text);
    else if (key.startsWith(PARTS)) {
      const piece = partOf(key.slice(PARTS.length));
      this.#parts.find(({ name }) => name === piece?.name)?.load(piece?.n ?? 0, text);
    }
  }

  #restore(name: string, text: string): void {
    const source = this.#store.name.slice(0, LONGEST_SOURCE);
    let row: unknown = text;
    try {
      row = JSON.parse(text);
      // A row that was put under another key is not of this breaker.
      if (Reflect.get(Object(row), "name") !== name) throw new TypeError("of another breaker");
    } catch {
      const key = `${this.#settings.prefix}${BREAKERS}${name}`;
      this.#health.rejected(key, { code: "ERR_SNAPSHOT_FORM", path: "name" });
      return;
    }
    try {
      this.#registry.restore([row], { source });
    } catch (error) {
      // The registry has told why.
      if (isSnapshotError(error)) this.#health.countRejected(error.code);
      return;
    }
    const breaker = this.#registry.peek(name);
    if (breaker !== undefined) this.#unsaved.isSaved(breaker);
  }

  #beginBatch(): void {
    const { timers, batchMs } = this.#settings;
    if (this.#closed) return;
    this.#batchTimer = timers.start(() => {
      void this.#lookAtAll().then(() => {
        this.#wake(false);
        this.#beginBatch();
      });
    }, batchMs);
  }

  /** Finds what has changed without an event. */
  async #lookAtAll(): Promise<void> {
    const turns = new Turns();
    for (const breaker of this.#registry) {
      this.#unsaved.look(breaker);
      if (turns.isOverAfter(0)) await turns.next();
    }
  }

  /** Writes what there is to write, now or after what is being written; after a failure it waits for its time. */
  #wake(inAnyCase: boolean): void {
    this.#again = true;
    if (this.#writing || !this.#loaded || this.#closed) return;
    if (this.#health.isFailing && !inAnyCase) return;
    this.#writing = true;
    this.#settings.timers.stop(this.#retryTimer);
    void this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    // Whoever woke it may be in the middle of a delivery.
    await null;
    let failed = false;
    while (this.#again && !failed && !this.#closed) {
      this.#again = false;
      failed = !(await this.#writeOnce());
    }
    this.#writing = false;
    if (failed && !this.#closed) {
      this.#retryTimer = this.#settings.timers.start(() => this.#wake(true), this.#health.waitMs);
    }
    for (const resolve of this.#resting.splice(0)) resolve();
  }

  async #writeOnce(): Promise<boolean> {
    const { names, gone } = this.#unsaved.take();
    const { prefix } = this.#settings;
    try {
      let changes = await this.#writeBreakers(names);
      const { rows, stale, kept } = this.#partWrites();
      // The rows of a part belong together.
      if (rows.length > 0) await this.#write(rows);
      const keys = [...[...gone].map((name) => `${BREAKERS}${name}`), ...stale];
      if (keys.length > 0) {
        const removed = keys.map((key) => `${prefix}${key}`);
        await this.#timed("write", () => this.#store.remove(removed));
      }
      changes += rows.length + keys.length;
      if (changes > 0) this.#health.worked("write");
      for (const keep of kept) keep();
      return true;
    } catch (error) {
      this.#unsaved.giveBack(names, gone);
      this.#health.failed("write", error);
      return false;
    }
  }

  /**
   * Writes the rows of breakers, a few at a time: stores look at all rows of a write in one step, and rows that wait for
   * others are memory that the collector has to walk through. How many were written.
   */
  async #writeBreakers(names: Iterable<string>): Promise<number> {
    const turns = new Turns();
    let rows: StateRow[] = [];
    let written = 0;
    for (const name of names) {
      if (rows.length === MOST_ROWS) {
        await this.#write(rows);
        written += rows.length;
        rows = [];
      }
      const key = `${BREAKERS}${name}`;
      const text = this.#asked(key, () => this.#unsaved.rowOf(name));
      if (text !== null) this.#addRow(rows, key, text);
      if (turns.isOverAfter(text?.length ?? 0)) await turns.next();
    }
    if (rows.length > 0) await this.#write(rows);
    return written + rows.length;
  }

  #write(rows: readonly StateRow[]): Promise<void> {
    return this.#timed("write", () => this.#store.write(rows));
  }

  /** The rows of the parts as of now. */
  #partWrites(): PartWrites {
    const rows: StateRow[] = [];
    const stale: string[] = [];
    const kept: (() => void)[] = [];
    for (const part of this.#parts) {
      const key = `${PARTS}${part.name}`;
      const write = this.#asked(key, () => part.write(this.#settings.clock.epochMs()));
      if (write === null) continue;
      if ("code" in write) this.#health.rejected(`${this.#settings.prefix}${key}`, write);
      else {
        for (const [piece, text] of write.rows) this.#addRow(rows, `${PARTS}${piece}`, text);
        stale.push(...write.stale.map((piece) => `${PARTS}${piece}`));
        kept.push(write.kept);
      }
    }
    return { rows, stale, kept };
  }

  /** Asks for what is to be written; a part or a rule of the user's making may throw instead. */
  #asked<T>(key: string, answer: () => T | null): T | null {
    try {
      return answer();
    } catch {
      const fault = { code: "ERR_SNAPSHOT_FORM", path: "" };
      this.#health.rejected(`${this.#settings.prefix}${key}`, fault);
      return null;
    }
  }

  /** Leaves out a row that no store could keep: it must not keep the others from being written. */
  #addRow(rows: StateRow[], key: string, text: string): void {
    const row: StateRow = [`${this.#settings.prefix}${key}`, text];
    try {
      checkedRows(CHECK, [row]);
    } catch {
      this.#health.rejected(row[0], { code: "ERR_SNAPSHOT_SIZE", path: "" });
      return;
    }
    this.#health.accepted(row[0]);
    rows.push(row);
  }

  /** One that takes too long has failed, and is waited for all the same: no second one begins beside it. */
  async #timed(
    operation: StoreOperation,
    work: () => Promise<void>,
    isLate?: () => void,
  ): Promise<void> {
    const { timers, timeoutMs } = this.#settings;
    const timer = timers.start(() => {
      const late = new Error(
        `${this.#store.name} did not answer a ${operation} in ${timeoutMs} ms`,
      );
      late.name = "TimeoutError";
      this.#health.failed(operation, late);
      isLate?.();
    }, timeoutMs);
    try {
      await work();
    } finally {
      timers.stop(timer);
    }
  }

  #sleep(): Promise<void> {
    return new Promise((resolve) => {
      this.#retryTimer = this.#settings.timers.start(resolve, this.#health.waitMs);
    });
  }

  /** Resolves when nothing is being written. */
  #rest(): Promise<void> {
    return this.#writing
      ? new Promise((resolve) => this.#resting.push(resolve))
      : Promise.resolve();
  }
}
