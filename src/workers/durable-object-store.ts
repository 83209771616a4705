import { Check } from "../events/check.ts";
import type { StateRow, StateStore } from "../state/store.ts";
import { closedError, failedError } from "../state/store-error.ts";
import { checkedKeys, checkedRows } from "../state/store-rows.ts";
import type { DurableStorage } from "./cloudflare.ts";
import { RowTable } from "./row-table.ts";

const CAPABILITIES = Object.freeze({
  durable: true,
  consistent: true,
  atomic: true,
  mayOwnMoney: true,
});

/**
 * A store in the SQLite of a Durable Object, in a table of its own. It is the object's alone, so it may own money. A
 * write is resolved when its rows are on the disk.
 *
 * @param storage `ctx.storage` of a class that is listed in `new_sqlite_classes`
 * @throws {TypeError} when it is no such storage
 * @example
 * export class Counter extends DurableObject {
 *   readonly #store = createDurableObjectStore(this.ctx.storage);
 * }
 */
export function createDurableObjectStore(storage: DurableStorage): StateStore {
  checkedStorage(new Check("create Durable Object store"), storage);
  return new DurableObjectStore(storage);
}

/** @throws {TypeError} when it is no storage with SQLite */
export function checkedStorage(check: Check, storage: DurableStorage): DurableStorage {
  const { transactionSync, sync } = check.object("storage", storage);
  check.function("storage.sql.exec", check.object("storage.sql", storage.sql)["exec"]);
  check.function("storage.transactionSync", transactionSync);
  check.function("storage.sync", sync);
  return storage;
}

class DurableObjectStore implements StateStore {
  readonly name = "Durable Object";
  readonly capabilities = CAPABILITIES;
  readonly #storage: DurableStorage;
  readonly #table: RowTable;
  #closed = false;

  constructor(storage: DurableStorage) {
    this.#storage = storage;
    this.#table = new RowTable(storage);
  }

  async *load(keys?: Iterable<string>): AsyncGenerator<StateRow> {
    const action = this.#open("load from");
    const table = this.#table;
    const wanted = keys === undefined ? undefined : checkedKeys(new Check(action), keys);
    try {
      if (wanted === undefined) {
        yield* table.beginningWith("");
        return;
      }
      for (const key of wanted) {
        const text = table.get(key);
        if (text !== undefined) yield [key, text];
      }
    } catch (failure) {
      throw failedError(action, failure);
    }
  }

  async write(rows: Iterable<StateRow>): Promise<void> {
    const action = this.#open("write to");
    const checked = checkedRows(new Check(action), rows);
    await this.#change(action, () => {
      for (const [key, text] of checked) this.#table.put(key, text);
    });
  }

  async remove(keys: Iterable<string>): Promise<void> {
    const action = this.#open("remove from");
    const checked = checkedKeys(new Check(action), keys);
    await this.#change(action, () => {
      for (const key of checked) this.#table.delete(key);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#storage.sync();
  }

  #open(what: string): string {
    const action = `${what} ${this.name}`;
    if (this.#closed) throw closedError(action);
    return action;
  }

  async #change(action: string, change: () => void): Promise<void> {
    try {
      this.#table.together(change);
      await this.#storage.sync();
    } catch (failure) {
      throw failedError(action, failure);
    }
  }
}
