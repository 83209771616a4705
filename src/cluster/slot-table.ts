import { NOTHING, nameOf } from "./record.ts";
import { Slot } from "./slot.ts";

/** The slots by key. Those without a breaker here are limited in number: anybody may name names. */
export class SlotTable {
  readonly #slots = new Map<string, Slot>();
  readonly #limit: number;
  #untracked = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  peek(key: string): Slot | undefined {
    return this.#slots.get(key);
  }

  /** For what others name: null when there are too many. */
  named(key: string): Slot | null {
    return this.#slots.get(key) ?? (this.#untracked >= this.#limit ? null : this.own(key));
  }

  /** For what happens here: made without a limit. */
  own(key: string): Slot {
    const known = this.#slots.get(key);
    if (known !== undefined) return known;
    const slot = new Slot(key);
    // Quota marks are handed on without a breaker.
    slot.tracked = nameOf(key).kind === "quota";
    this.#slots.set(key, slot);
    this.#untracked++;
    return slot;
  }

  /** There is a breaker of this name from now on; whether there was none. */
  track(slot: Slot): boolean {
    if (slot.tracked) return false;
    slot.tracked = true;
    this.#untracked--;
    return true;
  }

  /** Its breaker is gone; what the fleet knows of the name is not. */
  untrack(key: string): void {
    const slot = this.#slots.get(key);
    if (slot?.tracked !== true) return;
    slot.tracked = false;
    this.#untracked++;
    if (slot.known !== NOTHING || slot.intent !== null) return;
    this.#slots.delete(key);
    this.#untracked--;
  }

  [Symbol.iterator](): IterableIterator<Slot> {
    return this.#slots.values();
  }
}
