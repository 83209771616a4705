/** What belongs to the keys that were put last, up to a limit. */
export class RecentKeys<V> {
  readonly #most: number;
  /** The key put last comes last. */
  readonly #held = new Map<string, V>();

  constructor(most: number) {
    this.#most = most;
  }

  /** The key put last comes last. Keys may be deleted meanwhile. */
  [Symbol.iterator](): Iterator<[string, V]> {
    return this.#held[Symbol.iterator]();
  }

  get(key: string): V | undefined {
    return this.#held.get(key);
  }

  /** Puts a key last; returns what belonged to the one that goes for it, if one does. */
  put(key: string, value: V): V | undefined {
    const held = this.#held;
    held.delete(key);
    held.set(key, value);
    if (held.size <= this.#most) return undefined;
    for (const [oldest, gone] of held) {
      held.delete(oldest);
      return gone;
    }
    return undefined;
  }

  delete(key: string): void {
    this.#held.delete(key);
  }
}
