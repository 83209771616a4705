/** One row of state: a name, and what is kept under it. */
export type StateRow = readonly [key: string, text: string];

/** What a store promises of the rows whose write it acknowledged. */
export interface StoreCapabilities {
  /** They outlive the process, also one that is killed. */
  readonly durable: boolean;
  /** Whoever reads after the acknowledgement sees them, wherever. Without it a read may be a minute old. */
  readonly consistent: boolean;
  /** The rows of one `write` are kept together or not at all. Without it, each by itself. */
  readonly atomic: boolean;
  /**
   * Whether what was spent may have its only home here: durable, consistent, atomic, and nobody overwrites what another
   * has written. What owns money refuses a store without it.
   */
  readonly mayOwnMoney: boolean;
}

/**
 * A place where state outlives a process: rows of text by key. Every method may fail; none may be asked to do more than
 * these. Keys have 1 to 1024 bytes in UTF-8, texts at most 1 MiB, so that what fits into one store fits into all.
 *
 * Writes of one store take effect in the order in which they were begun. Whoever is told that a write failed knows
 * nothing of its rows: each is as before or as written, and whole.
 *
 * @example
 * await store.write([["breaker:payments", breaker.serialize()]]);
 * for await (const [key, text] of store.load()) console.log(key, text.length);
 */
export interface StateStore {
  /** What it is called in events and errors, such as `file "/var/lib/shop/state"`. */
  readonly name: string;
  readonly capabilities: StoreCapabilities;
  /**
   * The rows of these keys, or all of them, in any order; keys without a row are left out. Rows that are written
   * meanwhile may be among them.
   */
  load(keys?: Iterable<string>): AsyncIterable<StateRow>;
  /** Keeps rows in place of those of the same keys. Resolves when they are kept, as the capabilities say. */
  write(rows: Iterable<StateRow>): Promise<void>;
  /** Removes rows; keys without one are passed over. */
  remove(keys: Iterable<string>): Promise<void>;
  /** Waits for the writes that were begun; from then on everything is refused. */
  close(): Promise<void>;
}
