import { Check } from "../events/check.ts";
import type { StateRow, StateStore, StoreCapabilities } from "./store.ts";
import { closedError, StoreError } from "./store-error.ts";
import { checkedKeys, checkedRows } from "./store-rows.ts";

/** Options of {@link createMemoryStore}. */
export interface MemoryStoreOptions {
  /**
   * How many rows it holds at the most; a write beyond is refused.
   * @default 100 000
   */
  readonly maxRows?: number;
  /**
   * Where the rows are held: a store that is given the map of another one finds its rows, as one that is opened after
   * it.
   * @default a new map
   */
  readonly rows?: Map<string, string>;
  /**
   * What it says of itself: for tests of what relies on it.
   * @default durable false, consistent true, atomic true, mayOwnMoney false
   */
  readonly capabilities?: Partial<StoreCapabilities>;
}

const CAPABILITIES: StoreCapabilities = Object.freeze({
  durable: false,
  consistent: true,
  atomic: true,
  mayOwnMoney: false,
});
const NAME = "memory";
const LOAD = new Check(`load from ${NAME}`);
const WRITE = new Check(`write to ${NAME}`);
const REMOVE = new Check(`remove from ${NAME}`);

/**
 * A store in this process: for tests, and to hand state from one registry to another. What it holds dies with the
 * process, so nothing that owns money takes it.
 *
 * @throws {TypeError|RangeError} naming the option that cannot be used
 * @example
 * const store = createMemoryStore();
 * await store.write([["breaker:payments", "{}"]]);
 */
export function createMemoryStore(options: MemoryStoreOptions = {}): StateStore {
  const check = new Check("create memory store");
  check.keys(check.object("options", options), ["maxRows", "rows", "capabilities"]);
  const { maxRows = 100_000, rows = new Map<string, string>(), capabilities = {} } = options;
  check.positiveInteger("maxRows", maxRows);
  if (!(rows instanceof Map)) check.type("rows", "a Map", rows);
  const said = check.keys(
    check.object("capabilities", capabilities),
    Object.keys(CAPABILITIES),
    "capabilities.",
  );
  for (const [key, value] of Object.entries(said)) check.flag(`capabilities.${key}`, value);
  let closed = false;
  const open = (action: string): void => {
    if (closed) throw closedError(action);
  };
  return Object.freeze({
    name: NAME,
    capabilities: Object.freeze({ ...CAPABILITIES, ...capabilities }),
    async *load(keys?: Iterable<string>): AsyncGenerator<StateRow> {
      open("load from memory");
      const wanted = keys === undefined ? rows.keys() : checkedKeys(LOAD, keys);
      for (const key of [...wanted]) {
        const text = rows.get(key);
        if (text !== undefined) yield [key, text];
      }
    },
    async write(given: Iterable<StateRow>): Promise<void> {
      open("write to memory");
      const checked = checkedRows(WRITE, given);
      const more = [...checked.keys()].filter((key) => !rows.has(key)).length;
      if (rows.size + more > maxRows) {
        const reason = `it holds at most ${maxRows} rows`;
        throw new StoreError({ action: "write to memory", code: "ERR_STORE_FULL", reason });
      }
      for (const [key, text] of checked) rows.set(key, text);
    },
    async remove(keys: Iterable<string>): Promise<void> {
      open("remove from memory");
      for (const key of checkedKeys(REMOVE, keys)) rows.delete(key);
    },
    async close(): Promise<void> {
      closed = true;
    },
  });
}
