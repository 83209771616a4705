import { Check } from "../events/check.ts";
import { DurableFile } from "./durable-file.ts";
import { nodeHost } from "./node-host.ts";
import type { StateRow, StateStore } from "./store.ts";
import { closedError } from "./store-error.ts";
import { checkedKeys, checkedRows } from "./store-rows.ts";

/** Options of {@link createFileStore}. */
export interface FileStoreOptions {
  /**
   * How large the file may be, in bytes; a write beyond is refused, and so is a file that is larger.
   * @default 67 108 864, 64 MiB
   */
  readonly maxBytes?: number;
}

const CAPABILITIES = Object.freeze({
  durable: true,
  consistent: true,
  atomic: true,
  mayOwnMoney: true,
});

/** Rows that are to be kept, null for those that are to go, and whoever waits for it. */
interface Batch {
  readonly changes: Map<string, string | null>;
  readonly waiting: { resolve(): void; reject(failure: unknown): void }[];
}

/**
 * A store in one file, for one process: a second one that writes to the same file is noticed and refused. Each write is
 * a new file that takes the place of the old one when it is on the disk, so that a crash leaves the one or the other,
 * and what was acknowledged is there. Writes that wait for one another go together. The cost of a write is that of the
 * whole file: 10 000 breakers are 3 MB.
 *
 * The file can be read by its owner alone. A file that is damaged is left as it is, and everything refused until it is
 * moved away: what it held is unknown, not nothing.
 *
 * @param path Where the file is, or is to be; its folder is made when it is missing.
 * @throws {TypeError|RangeError} naming the argument that cannot be used, or on a host without files
 * @example
 * const store = createFileStore("/var/lib/shop/breakers");
 */
export function createFileStore(path: string, options: FileStoreOptions = {}): StateStore {
  const check = new Check("create file store");
  check.text("path", path, 4096);
  check.keys(check.object("options", options), ["maxBytes"]);
  const { maxBytes = 67_108_864 } = options;
  check.positiveInteger("maxBytes", maxBytes);
  return new FileStore(new DurableFile(nodeHost(), { path, maxBytes }), path);
}

class FileStore implements StateStore {
  readonly name: string;
  readonly capabilities = CAPABILITIES;
  readonly #file: DurableFile;
  /** What the next file is to have; null when nobody waits for one. */
  #next: Batch | null = null;
  /** Ends when nothing is left to be written. */
  #writing: Promise<void> | null = null;
  #closed = false;

  constructor(file: DurableFile, path: string) {
    this.#file = file;
    this.name = `file "${path}"`;
  }

  async *load(keys?: Iterable<string>): AsyncGenerator<StateRow> {
    const action = this.#open("load from");
    const rows = await this.#file.rows();
    const wanted = keys === undefined ? rows.keys() : checkedKeys(new Check(action), keys);
    for (const key of wanted) {
      const text = rows.get(key);
      if (text !== undefined) yield [key, text];
    }
  }

  async write(rows: Iterable<StateRow>): Promise<void> {
    const check = new Check(this.#open("write to"));
    await this.#change(checkedRows(check, rows));
  }

  async remove(keys: Iterable<string>): Promise<void> {
    const check = new Check(this.#open("remove from"));
    await this.#change(new Map([...checkedKeys(check, keys)].map((key) => [key, null])));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#writing;
  }

  #open(what: string): string {
    const action = `${what} ${this.name}`;
    if (this.#closed) throw closedError(action);
    return action;
  }

  async #change(changes: ReadonlyMap<string, string | null>): Promise<void> {
    if (changes.size === 0) return;
    this.#next ??= { changes: new Map(), waiting: [] };
    const batch = this.#next;
    for (const [key, text] of changes) batch.changes.set(key, text);
    await new Promise<void>((resolve, reject) => {
      batch.waiting.push({ resolve, reject });
      this.#writing ??= this.#writeAll();
    });
  }

  async #writeAll(): Promise<void> {
    for (let batch = this.#next; batch !== null; batch = this.#next) {
      this.#next = null;
      try {
        await this.#file.change(batch.changes);
        for (const { resolve } of batch.waiting) resolve();
      } catch (failure) {
        for (const { reject } of batch.waiting) reject(failure);
      }
    }
    this.#writing = null;
  }
}
