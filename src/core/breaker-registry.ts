import { Check, shown } from "../events/check.ts";
import { endWith } from "../events/end-signal.ts";
import type { EventPattern, Matching } from "../events/event.ts";
import {
  checkSubscription,
  createEventBus,
  type EventBus,
  type ListenOptions,
  LONGEST_SINK,
} from "../events/event-bus.ts";
import type { RemovalReason } from "../events/vocabulary.ts";
import type { BreakerSnapshot } from "./breaker-snapshot.ts";
import type { RegistryFollower, RegistryView } from "./breaker-view.ts";
import { Circuit } from "./circuit.ts";
import { breakerOf, type CircuitBreaker } from "./circuit-breaker.ts";
import { checkedChanges, type Reconfiguration, reconfigure } from "./reconfiguration.ts";
import { RegistryJournal } from "./registry-journal.ts";
import { type OwnLayer, RegistryLayers, rebased } from "./registry-layers.ts";
import {
  type BreakerOverrides,
  type BreakerRegistryOptions,
  type RegistryBounds,
  registryBounds,
} from "./registry-options.ts";
import { type RowCircuit, readRows } from "./registry-rows.ts";
import { restore } from "./restoration.ts";
import { type RestoreOptions, sourceOf } from "./restoring.ts";
import { checkedBus, checkName, type Settings } from "./settings.ts";
import { leastUsed } from "./sparing.ts";
import { Subscriptions } from "./subscriptions.ts";
import { takeSnapshot } from "./take-snapshot.ts";
import { Entry, UseOrder } from "./use-order.ts";

/** What became of the breakers of a registry since it was made; frozen. `added` is `evicted`, `deleted` and those there are. */
export interface RegistryStats {
  /** Breakers that it made and kept. */
  readonly added: number;
  /** Breakers that made room for others. */
  readonly evicted: number;
  /** Breakers that `delete` removed. */
  readonly deleted: number;
  /** Breakers that it made and did not keep, because none could make room. */
  readonly unkept: number;
}

/**
 * Breakers by name, made when they are first asked for, with shared options and one bus. It never holds more than
 * `limit`: a new name takes the place of the breaker that was used least recently, and those that are open, half
 * open, forced, disabled, failing or in use are spared. When none can make room, `get` answers with a breaker that the
 * registry does not keep: the call runs as if it were the first of its name, and `registry.full` says so. No call
 * fails for want of room.
 *
 * Ask `get` for each call rather than keep what it returned: a breaker that was removed goes on working, but apart:
 * its events are on a bus of its own and its series are gone.
 *
 * @example
 * const registry = new BreakerRegistry({ defaults: { failureThreshold: 5 }, limit: 500 });
 * registry.on("circuit.open", (event) => console.error(event.breaker, event.reason));
 * const host = new URL("http://127.0.0.1:8080/hook").host;
 * await registry.get(host).call(() => fetch("http://127.0.0.1:8080/hook"));
 */
export class BreakerRegistry implements RegistryView, Iterable<CircuitBreaker> {
  readonly #bounds: RegistryBounds;
  readonly #journal: RegistryJournal;
  readonly #entries = new Map<string, Entry>();
  readonly #order = new UseOrder();
  #layers: RegistryLayers;
  #evicted = 0;
  #deleted = 0;
  #added = 0;
  #unkept = 0;
  /** Of them, those since there was last room. */
  #unkeptInRow = 0;

  /**
   * @throws {TypeError} when an option is unknown or of the wrong type, also one of `defaults` and `overrides`
   * @throws {RangeError} when one is outside its range
   */
  constructor(options: BreakerRegistryOptions = {}) {
    const check = new Check("create registry");
    this.#bounds = registryBounds(check, options);
    this.#layers = RegistryLayers.of(check, options);
    const { bus, instance } = options;
    this.#journal = new RegistryJournal(
      bus === undefined
        ? createEventBus(instance === undefined ? {} : { instance })
        : checkedBus(check, bus),
    );
  }

  /**
   * The breaker of a name, made when there is none. `overrides` are for the breaker that this call makes: where there
   * is one already they are not looked at, so that asking costs the same with and without; `reconfigure` changes it.
   *
   * @throws {TypeError|RangeError} when the name is no string of 1 to 256 characters, or the overrides of a new breaker
   * are not valid
   */
  get(name: string, overrides?: BreakerOverrides): CircuitBreaker {
    const entry = this.#entries.get(name);
    if (entry === undefined) return this.#make(name, overrides);
    entry.gets++;
    this.#order.use(entry);
    return entry.breaker;
  }

  /** The breaker of a name if there is one; does not count as a use. */
  peek(name: string): CircuitBreaker | undefined {
    return this.#entries.get(name)?.breaker;
  }

  /** Whether there is a breaker of that name; does not count as a use. */
  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /** Removes a breaker, whatever it is in the middle of; whether there was one. A call still under way ends as it would. */
  delete(name: string): boolean {
    const entry = this.#entries.get(name);
    if (entry === undefined) return false;
    this.#deleted++;
    this.#takeOut(entry);
    this.#tellRemoved(entry, "deleted");
    return true;
  }

  /**
   * Changes options while the breakers work: the defaults of all, or with a name those of one, also before it is made
   * and after it was removed. All or nothing: on bad input no breaker has changed. Each breaker changes as
   * {@link CircuitBreaker.reconfigure} says.
   *
   * @throws {TypeError} when an option is unknown, of the wrong type, or one of `bus`, `clock` and `random`
   * @throws {RangeError} when an option is outside its range, or more names than `limit` have options of their own
   * @example
   * registry.reconfigure({ cooldownMs: 30_000 });
   * registry.reconfigure("payments", { failureThreshold: 10 });
   * registry.reconfigure("payments", null); // takes back what was set for the name
   */
  reconfigure(options: Reconfiguration): void;
  reconfigure(name: string, options: Reconfiguration | null): void;
  reconfigure(...changed: [options: unknown] | [name: string, options: unknown]): void {
    if (changed.length === 1 && typeof changed[0] !== "string") this.#changeDefaults(changed[0]);
    else this.#changeOne(changed[0], changed[1]);
  }

  /**
   * Listens to the events of all breakers, and to those of the registry and its bus.
   * @returns a function that unsubscribes
   * @throws {TypeError} when no event has that name
   */
  on<P extends EventPattern>(
    type: P,
    listener: (event: Matching<P>) => void,
    options?: ListenOptions,
  ): () => void {
    checkSubscription(type, listener, options);
    const { signal, ...passed }: ListenOptions = options ?? {};
    if (signal?.aborted === true) return () => {};
    // Here, because a bus of the user's making need not know signals.
    return endWith(signal, this.bus.on(type, listener, passed));
  }

  /**
   * Tells of the breakers there are, at once, and from then on of each that comes or goes. What a follower throws later
   * is reported as `bus.listener_failed` and disturbs nobody.
   * @returns a function that ends it, without telling of removals
   * @throws whatever `added` throws for a breaker that is there; nothing is followed then
   */
  follow(
    follower: RegistryFollower<CircuitBreaker>,
    options?: Pick<ListenOptions, "sink">,
  ): () => void {
    const check = new Check("follow registry");
    check.object("follower", follower);
    check.function("follower.added", follower.added);
    check.function("follower.removed", follower.removed);
    const { sink = "listener" } =
      options === undefined ? {} : check.keys(check.object("options", options), ["sink"]);
    const end = this.#journal.follow(follower, check.text("sink", sink, LONGEST_SINK));
    try {
      // A follower may ask the registry for further breakers, of which it is told like everybody.
      for (const breaker of [...this]) {
        if (this.peek(breaker.name) === breaker) follower.added(breaker);
      }
    } catch (thrown) {
      end();
      throw thrown;
    }
    return end;
  }

  /**
   * The snapshots of the breakers, one row each, taken as they are asked for: whoever lets the event loop have its turn
   * between rows never blocks it, however many there are.
   */
  *snapshot(): IterableIterator<BreakerSnapshot> {
    for (const { circuit } of this.#entries.values()) yield takeSnapshot(circuit);
  }

  /** The same rows as JSON text. */
  *serialize(): IterableIterator<string> {
    for (const row of this.snapshot()) yield JSON.stringify(row);
  }

  /**
   * Goes on where snapshots, or their JSON texts, were taken: each breaker as {@link CircuitBreaker.restore} says, and
   * made when there is none. All or nothing: when a row cannot be used, or there is no room for all of them, nothing has
   * changed. No breaker makes room for one that is restored.
   *
   * @returns the number of rows
   * @throws {SnapshotError} whose path begins with the row, such as `rows[3].state`; `state.rejected` says so too
   * @example
   * const rows = [...registry.serialize()];
   * new BreakerRegistry().restore(rows, { source: "disk" });
   */
  restore(rows: Iterable<unknown>, options?: RestoreOptions): number {
    const check = new Check("restore registry");
    const source = sourceOf(check, options);
    const read = readRows(check, rows, {
      size: this.size,
      limit: this.limit,
      circuitOf: (name) => this.#circuitOf(check, name),
      rejected: (fault) => {
        const atMs = new Circuit("registry", this.#layers.shared).wallMs();
        this.#journal.rejected({ source, ...fault }, atMs);
      },
    });
    for (const { circuit: made, own, restored } of read) {
      // Somebody who was told of the breaker before may have asked for this one.
      let entry = this.#entries.get(made.name);
      if (entry === undefined) {
        entry = this.#enter(made, own?.layer ?? null);
        this.#tellAdded(entry, own ?? { layer: null, failed: null });
      }
      restore(entry.circuit, restored, source);
    }
    return read.length;
  }

  /**
   * A new registry with the breakers of the rows, as `restore` makes them.
   * @throws {SnapshotError|TypeError|RangeError} as `restore` and the constructor do
   */
  static deserialize(rows: Iterable<unknown>, options?: BreakerRegistryOptions): BreakerRegistry {
    const registry = new BreakerRegistry(options);
    registry.restore(rows);
    return registry;
  }

  /** The breakers, in the order in which they were made. */
  *[Symbol.iterator](): IterableIterator<CircuitBreaker> {
    for (const { breaker } of this.#entries.values()) yield breaker;
  }

  /** Breakers that it holds. */
  get size(): number {
    return this.#entries.size;
  }

  /** The most breakers that it holds. */
  get limit(): number {
    return this.#bounds.limit;
  }

  get bus(): EventBus {
    return this.#journal.bus;
  }

  get stats(): RegistryStats {
    return Object.freeze({
      added: this.#added,
      evicted: this.#evicted,
      deleted: this.#deleted,
      unkept: this.#unkept,
    });
  }

  get #room() {
    return { size: this.size, limit: this.limit };
  }

  #make(name: string, overrides: BreakerOverrides | undefined): CircuitBreaker {
    const check = new Check(
      typeof name === "string" ? `get breaker ${shown(name)}` : "get breaker",
    );
    checkName(check, name);
    const own = this.#layers.ownOf(check, name, overrides);
    const settings = this.#layers.settingsOf(check, name, own.layer);
    // `optionsFor` is the user's code, and may have asked for the same name.
    const made = this.#entries.get(name);
    if (made !== undefined) return made.breaker;
    const isFull = this.size >= this.limit;
    const victim = isFull ? leastUsed(this.#order, this.size, this.#bounds.spareMs) : null;
    if (isFull && victim === null) return this.#unkeptBreaker(name, settings);
    if (victim !== null) this.#takeOut(victim);
    const entry = this.#enter(new Circuit(name, settings, this.bus), own.layer);
    if (victim !== null) {
      this.#evicted++;
      this.#tellRemoved(victim, "evicted");
    }
    this.#tellAdded(entry, own);
    return entry.breaker;
  }

  #tellAdded(entry: Entry, { failed }: OwnLayer): void {
    this.#journal.added(entry, this.#room);
    if (failed === null) return;
    entry.circuit.callbackFailed("optionsFor", failed.thrown);
    entry.circuit.deliver();
  }

  #enter(circuit: Circuit, own: Entry["own"]): Entry {
    if (circuit.journal !== null) circuit.journal.subscriptions = new Subscriptions();
    const entry = new Entry(breakerOf(circuit), circuit, own);
    this.#entries.set(circuit.name, entry);
    this.#order.add(entry);
    this.#added++;
    this.#unkeptInRow = 0;
    return entry;
  }

  /** A breaker of its own, which nobody else will be given. */
  #unkeptBreaker(name: string, settings: Settings): CircuitBreaker {
    const circuit = new Circuit(name, settings);
    const breaker = breakerOf(circuit);
    this.#unkept++;
    const unkept = ++this.#unkeptInRow;
    const { limit } = this;
    // One line per call would fill the disk of a host whose registry is full.
    if (Number.isInteger(Math.log2(unkept))) {
      this.#journal.full({ name, atMs: circuit.wallMs(), unkept, limit });
    }
    return breaker;
  }

  #takeOut(entry: Entry): void {
    this.#entries.delete(entry.circuit.name);
    this.#order.remove(entry);
  }

  #tellRemoved(entry: Entry, reason: RemovalReason): void {
    const { circuit } = entry;
    const refusals = circuit.journal?.subscriptions?.end() ?? [];
    circuit.leaveBus();
    this.#journal.removed(entry, reason, this.#room);
    for (const thrown of refusals) {
      this.#journal.failed(thrown, "registry.removed", { sink: "bus", atMs: circuit.wallMs() });
    }
  }

  #circuitOf(check: Check, name: string): RowCircuit {
    const known = this.#entries.get(name);
    if (known !== undefined) return { circuit: known.circuit, own: null };
    const own = this.#layers.ownOf(check, name, undefined);
    const settings = this.#layers.settingsOf(check, name, own.layer);
    return { circuit: new Circuit(name, settings, this.bus), own };
  }

  #changeDefaults(options: unknown): void {
    const check = new Check("reconfigure registry");
    const changes = checkedChanges(check, options);
    this.#apply(check, this.#layers.withDefaults(check, changes), [...this.#entries.values()]);
  }

  #changeOne(name: unknown, options: unknown): void {
    const check = new Check(
      typeof name === "string" ? `reconfigure breaker ${shown(name)}` : "reconfigure breaker",
    );
    const checked = checkName(check, name);
    const changes = options === null ? null : checkedChanges(check, options);
    const layers = this.#layers.withLive(check, checked, changes);
    if (layers.liveNames > this.limit && layers.liveNames > this.#layers.liveNames) {
      check.range("names with options of their own", `at most ${this.limit}`, layers.liveNames);
    }
    const entry = this.#entries.get(checked);
    this.#apply(check, layers, entry === undefined ? [] : [entry]);
  }

  /** Works everything out before it changes anything, and changes everything before it tells anybody. */
  #apply(check: Check, layers: RegistryLayers, entries: readonly Entry[]): void {
    const changes = entries.map((entry) => {
      const now = layers.settingsOf(check, entry.circuit.name, entry.own);
      const settings = rebased(check, entry.circuit.settings, { before: entry.settings, now });
      return { entry, now, settings };
    });
    this.#layers = layers;
    for (const { entry, now, settings } of changes) {
      entry.settings = now;
      reconfigure(entry.circuit, settings);
    }
    for (const { entry } of changes) entry.circuit.deliver();
  }
}
