import { RecentKeys } from "./recent-keys.ts";

/** Keys whose last denial is remembered, at the most. */
const MOST_KEYS = 1_000;

/**
 * Which keys the dependency denied for good: a call that began before the denial may end after it, and must not bring
 * back what was denied. Nothing is held of the calls themselves, some of which never end.
 */
export class Denials {
  /** The number of each key's last denial. */
  readonly #last = new RecentKeys<number>(MOST_KEYS);
  #count = 0;
  /** Denials up to this number may have been of any key. */
  #forgotten = 0;

  /** Denials so far: what `denies` asks for of a call's beginning. */
  get count(): number {
    return this.#count;
  }

  add(key: string): void {
    this.#count++;
    this.#forgotten = this.#last.put(key, this.#count) ?? this.#forgotten;
  }

  /** Whether the key was denied after so many denials, or may have been. */
  denies(key: string, count: number): boolean {
    return count < this.#forgotten || (this.#last.get(key) ?? 0) > count;
  }
}
