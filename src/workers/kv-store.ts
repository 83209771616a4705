import type { Clock } from "../core/clock.ts";
import { Check } from "../events/check.ts";
import { platformClock, platformTimers, type Timers } from "../platform.ts";
import type { StateRow, StateStore } from "../state/store.ts";
import { closedError, failedError } from "../state/store-error.ts";
import { checkedKeys, checkedRows } from "../state/store-rows.ts";
import type { KvNamespace } from "./cloudflare.ts";
import { kvName, kvRow, kvValue } from "./kv-rows.ts";
import { PacedWrites } from "./paced-writes.ts";

/** Options of {@link createKvStore}. */
export interface KvStoreOptions {
  /**
   * What the names of its rows begin with in the namespace; at most 64 bytes.
   * @default "telltale:"
   */
  readonly prefix?: string;
  /**
   * The time from one write of a key to the next, in milliseconds: KV takes one a second. Who writes a key sooner
   * waits; of several that wait the last is written.
   * @default 1000
   */
  readonly writeIntervalMs?: number;
  readonly clock?: Pick<Clock, "monotonicMs">;
  readonly timers?: Timers;
}

const CAPABILITIES = Object.freeze({
  durable: true,
  consistent: false,
  atomic: false,
  mayOwnMoney: false,
});
const KNOWN = ["prefix", "writeIntervalMs", "clock", "timers"];
/** Reads under way at once: a Worker has six connections. */
const READS = 6;
/** What every snapshot of a ledger begins with. */
const LEDGER = '{"kind":"telltale.credit-ledger"';

/**
 * A store in Cloudflare KV: a cache for warm starts. What was written is seen elsewhere after a minute or more, and two
 * writers overwrite each other. So it holds snapshots of breakers, whose age is told when they are used, and refuses
 * ledgers.
 *
 * @param namespace The binding of the KV namespace.
 * @throws {TypeError|RangeError} naming the argument that cannot be used
 * @example
 * const warm = createKvStore(env.STATE);
 * await warm.write([["openai", snapshot]]);
 */
export function createKvStore(namespace: KvNamespace, options: KvStoreOptions = {}): StateStore {
  const check = new Check("create KV store");
  const binding = check.object("namespace", namespace);
  for (const method of ["get", "put", "delete", "list"]) {
    check.function(`namespace.${method}`, binding[method]);
  }
  check.keys(check.object("options", options), KNOWN);
  const {
    prefix = "telltale:",
    writeIntervalMs = 1_000,
    clock = platformClock,
    timers = platformTimers,
  } = options;
  check.text("prefix", prefix, 64);
  if (!/^[\x21-\x7e]*$/.test(prefix)) check.range("prefix", "printable ASCII", prefix);
  check.positiveMs("writeIntervalMs", writeIntervalMs);
  check.function("clock.monotonicMs", check.object("clock", clock)["monotonicMs"]);
  const { start, stop } = check.object("timers", timers);
  check.function("timers.start", start);
  check.function("timers.stop", stop);
  const writes = new PacedWrites({ intervalMs: writeIntervalMs, clock, timers });
  return new KvStore(namespace, { prefix, writes });
}

class KvStore implements StateStore {
  readonly name = "KV";
  readonly capabilities = CAPABILITIES;
  readonly #namespace: KvNamespace;
  readonly #prefix: string;
  readonly #writes: PacedWrites;
  #closed = false;

  constructor(
    namespace: KvNamespace,
    { prefix, writes }: { readonly prefix: string; readonly writes: PacedWrites },
  ) {
    this.#namespace = namespace;
    this.#prefix = prefix;
    this.#writes = writes;
  }

  async *load(keys?: Iterable<string>): AsyncGenerator<StateRow> {
    const action = this.#open("load from");
    if (keys === undefined) {
      yield* this.#loadAll(action);
      return;
    }
    const names = [...checkedKeys(new Check(action), keys)].map((key) => kvName(this.#prefix, key));
    yield* this.#read(action, await Promise.all(names));
  }

  async write(rows: Iterable<StateRow>): Promise<void> {
    const action = this.#open("write to");
    const check = new Check(action);
    const checked = checkedRows(check, rows);
    for (const [key, text] of checked) {
      if (text.startsWith(LEDGER)) check.type(`row "${key}"`, "no ledger: KV loses spends", text);
    }
    await this.#change(action, checked);
  }

  async remove(keys: Iterable<string>): Promise<void> {
    const action = this.#open("remove from");
    const checked = checkedKeys(new Check(action), keys);
    await this.#change(action, new Map([...checked].map((key) => [key, null])));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#writes.ended();
  }

  #open(what: string): string {
    const action = `${what} ${this.name}`;
    if (this.#closed) throw closedError(action);
    return action;
  }

  async *#loadAll(action: string): AsyncGenerator<StateRow> {
    const prefix = this.#prefix;
    for (let cursor: string | undefined; ; ) {
      const page = await this.#namespace
        .list(cursor === undefined ? { prefix } : { prefix, cursor })
        .catch((failure: unknown) => {
          throw failedError(action, failure);
        });
      const names = page.keys.map(({ name }) => name);
      yield* this.#read(action, names);
      if (page.list_complete || page.cursor === undefined) return;
      cursor = page.cursor;
    }
  }

  async *#read(action: string, names: readonly string[]): AsyncGenerator<StateRow> {
    for (let from = 0; from < names.length; from += READS) {
      const values = await Promise.all(
        names.slice(from, from + READS).map((name) => this.#namespace.get(name)),
      ).catch((failure: unknown) => {
        throw failedError(action, failure);
      });
      for (const value of values) if (value !== null) yield kvRow(action, value);
    }
  }

  async #change(action: string, rows: ReadonlyMap<string, string | null>): Promise<void> {
    await Promise.all(
      [...rows].map(([key, text]) =>
        this.#writes.write(key, text, async (latest) => {
          const name = await kvName(this.#prefix, key);
          if (latest === null) await this.#namespace.delete(name);
          else await this.#namespace.put(name, kvValue([key, latest]));
        }),
      ),
    ).catch((failure: unknown) => {
      throw failedError(action, failure);
    });
  }
}
