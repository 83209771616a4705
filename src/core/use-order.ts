import type { Circuit } from "./circuit.ts";
import type { CircuitBreaker } from "./circuit-breaker.ts";
import type { Layer } from "./option-layers.ts";
import type { Settings } from "./settings.ts";

/** A breaker of a registry, and its place in the order of use. */
export class Entry {
  readonly breaker: CircuitBreaker;
  readonly circuit: Circuit;
  /** What its name has of its own; null for nothing. */
  readonly own: Layer | null;
  /** What the registry gave it last. */
  settings: Settings;
  /** Calls of `get` that were answered with it. */
  gets = 1;
  /** Calls that were asked for beyond one for each `get`, when somebody last looked. */
  #surplus = 0;
  older: Entry | null = null;
  newer: Entry | null = null;

  constructor(breaker: CircuitBreaker, circuit: Circuit, own: Layer | null) {
    this.breaker = breaker;
    this.circuit = circuit;
    this.own = own;
    this.settings = circuit.settings;
  }

  /** Whether it was called since the last look by somebody who had not just asked the registry for it. */
  wasHeld(): boolean {
    const surplus = this.circuit.tally.asked - this.gets;
    const held = surplus > this.#surplus;
    this.#surplus = surplus;
    return held;
  }
}

/** Entries in the order of their last use: a list linked both ways, because no step of it allocates. */
export class UseOrder {
  oldest: Entry | null = null;
  #newest: Entry | null = null;

  add(entry: Entry): void {
    entry.older = this.#newest;
    if (this.#newest === null) this.oldest = entry;
    else this.#newest.newer = entry;
    this.#newest = entry;
  }

  /** Makes it the one that was used last. */
  use(entry: Entry): void {
    if (entry === this.#newest) return;
    this.remove(entry);
    this.add(entry);
  }

  remove(entry: Entry): void {
    const { older, newer } = entry;
    if (older === null) this.oldest = newer;
    else older.newer = newer;
    if (newer === null) this.#newest = older;
    else newer.older = older;
    entry.older = null;
    entry.newer = null;
  }
}
