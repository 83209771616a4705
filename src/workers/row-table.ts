import type { StateRow } from "../state/store.ts";
import type { DurableStorage, SqlValue } from "./cloudflare.ts";

/** So many rows are read at once. */
const PAGE = 100;

/** Rows of text by key in the SQLite of a Durable Object, read and written at once: what it answers waits for the disk. */
export class RowTable {
  readonly #storage: DurableStorage;
  #made = false;

  constructor(storage: DurableStorage) {
    this.#storage = storage;
  }

  /** All of it, or nothing. */
  together<T>(body: () => T): T {
    return this.#storage.transactionSync(body);
  }

  get(key: string): string | undefined {
    return this.#rows("SELECT key, text FROM telltale_state WHERE key = ?", key)[0]?.[1];
  }

  /** The rows whose keys begin so, in their order. Rows may be written meanwhile. */
  *beginningWith(prefix: string): Generator<StateRow> {
    const query = `SELECT key, text FROM telltale_state WHERE key > ? ORDER BY key LIMIT ${PAGE}`;
    for (let after = prefix; ; ) {
      const page = this.#rows(query, after);
      for (const row of page) {
        if (!row[0].startsWith(prefix)) return;
        yield row;
        after = row[0];
      }
      if (page.length < PAGE) return;
    }
  }

  put(key: string, text: string): void {
    this.#run("INSERT OR REPLACE INTO telltale_state (key, text) VALUES (?, ?)", key, text);
  }

  delete(key: string): void {
    this.#run("DELETE FROM telltale_state WHERE key = ?", key);
  }

  /** The prefix ends in a character that has a next one. */
  deleteBeginningWith(prefix: string): void {
    const next = String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
    const end = `${prefix.slice(0, -1)}${next}`;
    this.#run("DELETE FROM telltale_state WHERE key >= ? AND key < ?", prefix, end);
  }

  #rows(query: string, key: string): StateRow[] {
    return this.#run(query, key).map((row): StateRow => {
      const { key, text }: { readonly key?: unknown; readonly text?: unknown } = row;
      return [String(key), String(text)];
    });
  }

  #run(query: string, ...values: SqlValue[]): object[] {
    const { sql } = this.#storage;
    if (!this.#made) {
      sql.exec(
        "CREATE TABLE IF NOT EXISTS telltale_state (key TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID",
      );
      this.#made = true;
    }
    return sql.exec(query, ...values).toArray();
  }
}
