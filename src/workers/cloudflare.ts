// What is used of Cloudflare's own types, by its shape: nothing of theirs is imported.

/** What SQLite of a Durable Object keeps in a column, as far as it is used here. */
export type SqlValue = string | number | null;

/** The SQLite of a Durable Object. */
export interface SqlStorage {
  exec(query: string, ...values: SqlValue[]): { toArray(): object[] };
}

/** The storage of a Durable Object whose class is listed in `new_sqlite_classes`. */
export interface DurableStorage {
  readonly sql: SqlStorage;
  transactionSync<T>(body: () => T): T;
  /** Resolves when everything that was written is on the disk. */
  sync(): Promise<void>;
  setAlarm(atMs: number): Promise<void>;
}

/** What a Durable Object is constructed with. */
export interface DurableContext {
  readonly storage: DurableStorage;
  readonly id: { toString(): string; readonly name?: string | undefined };
  waitUntil(promise: Promise<unknown>): void;
  /** Ends the object at once; the next request makes it anew, from its storage. */
  abort(reason?: string): void;
}

/** A KV namespace. */
export interface KvNamespace {
  get(key: string): Promise<string | null>;
  put(key: string, value: string): Promise<void>;
  delete(key: string): Promise<void>;
  list(options: { readonly prefix: string; readonly cursor?: string | null }): Promise<KvList>;
}

/** A page of the names in a KV namespace. */
export interface KvList {
  readonly keys: readonly { readonly name: string }[];
  readonly list_complete: boolean;
  readonly cursor?: string;
}

/** What keeps a Worker running after its response: the third argument of its handler. */
export interface Lifetime {
  waitUntil(promise: Promise<unknown>): void;
}
