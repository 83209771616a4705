import { RecentKeys } from "./recent-keys.ts";

/** Keys with calls under way that are known, at the most. */
const MOST_KEYS = 10_000;

/** What is known of the calls of one key that are under way. */
export interface Watched {
  calls: number;
  /** How often the key was denied since the first of them began; Infinity when nobody knows any more. */
  denials: number;
}

/**
 * Which keys the dependency denied for good while a call of theirs was under way: one that began before the denial may
 * end after it, and must not bring back what was denied. Denials of other keys, which strangers can bring about, change
 * nothing. Nothing is held of the calls themselves, some of which never end.
 */
export class Denials {
  /** The key whose last call began last comes last. */
  readonly #watched = new RecentKeys<Watched>(MOST_KEYS);

  /** A call begins: its key was denied in the meantime if `denials` is another number when it ends. */
  begin(key: string): Watched {
    const watched = this.#watched.get(key) ?? { calls: 0, denials: 0 };
    watched.calls++;
    const gone = this.#watched.put(key, watched);
    if (gone !== undefined) gone.denials = Number.POSITIVE_INFINITY;
    return watched;
  }

  end(key: string, watched: Watched): void {
    watched.calls--;
    if (watched.calls === 0 && this.#watched.get(key) === watched) this.#watched.delete(key);
  }

  add(key: string): void {
    const watched = this.#watched.get(key);
    if (watched !== undefined) watched.denials++;
  }
}
