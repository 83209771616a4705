import { Check } from "../events/check.ts";
import type { StateRow, StateStore, StoreCapabilities } from "../state/store.ts";
import { closedError, failedError } from "../state/store-error.ts";
import { checkedKeys, checkedRows } from "../state/store-rows.ts";
import { prefixOf } from "./backplane-options.ts";
import { redisDriver } from "./choose-driver.ts";
import { escaped } from "./namespace-keys.ts";
import type { RedisClient } from "./redis-client.ts";
import type { RedisDriver } from "./redis-driver.ts";

/** Options of {@link createRedisStore}. Unknown keys are refused. */
export interface RedisStoreOptions {
  /**
   * The key in Redis begins with it: `telltale:state:{default}`.
   * @default "telltale"
   */
  readonly prefix?: string;
  /**
   * Which state it is: stores of one name have the same rows, in whatever process. 1 to 128 characters.
   * @default "default"
   */
  readonly name?: string;
}

/**
 * One server, or one slot of a cluster, has all rows: what one command writes is there as a whole. Not for money: a
 * server that restarts, or fails over, may lose what it acknowledged, and other processes may write the same rows.
 */
const CAPABILITIES: StoreCapabilities = Object.freeze({
  durable: true,
  consistent: true,
  atomic: true,
  mayOwnMoney: false,
});
const PAGE = "500";
const LONGEST_NAME = 128;
const LOAD = new Check("load from Redis");
const WRITE = new Check("write to Redis");
const REMOVE = new Check("remove from Redis");

/**
 * A store in Redis 6 or later, one server or a Redis Cluster: a hash with a field for each row. It uses the client as it
 * is, which has to be connected and stays so. Rows outlive the process; whether they outlive the server is a matter of
 * its configuration.
 *
 * @throws {TypeError|RangeError} when the client is none that is known, or an option is unknown, of the wrong type or
 * outside its range
 * @example
 * const client = await createClient({ url: "redis://127.0.0.1:6379" }).connect();
 * const state = await persist(registry, createRedisStore(client, { name: "shop/api-1" }));
 */
export function createRedisStore(client: RedisClient, options: RedisStoreOptions = {}): StateStore {
  const check = new Check("create Redis store");
  check.keys(check.object("options", options), ["prefix", "name"]);
  const { prefix = "telltale", name = "default" } = options;
  const own = escaped(check.text("name", name, LONGEST_NAME));
  const key = `${prefixOf(check, prefix)}:state:{${own}}`;
  return new RedisStore(redisDriver(client, check), key);
}

class RedisStore implements StateStore {
  readonly name: string;
  readonly capabilities = CAPABILITIES;
  readonly #driver: RedisDriver;
  readonly #key: string;
  /** What was begun last: writes take effect in turn, whatever connections the client has. */
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(driver: RedisDriver, key: string) {
    this.#driver = driver;
    this.#key = key;
    this.name = `redis "${key}"`;
  }

  async *load(keys?: Iterable<string>): AsyncGenerator<StateRow> {
    const action = `load from ${this.name}`;
    if (this.#closed) throw closedError(action);
    if (keys === undefined) yield* this.#scan(action);
    else yield* this.#get(action, [...checkedKeys(LOAD, keys)]);
  }

  async write(rows: Iterable<StateRow>): Promise<void> {
    const fields = [...checkedRows(WRITE, rows)].flat();
    await this.#inTurn("write to", fields, ["HSET", this.#key, ...fields]);
  }

  async remove(keys: Iterable<string>): Promise<void> {
    const fields = [...checkedKeys(REMOVE, keys)];
    await this.#inTurn("remove from", fields, ["HDEL", this.#key, ...fields]);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#last;
  }

  async #inTurn(
    action: string,
    fields: readonly string[],
    command: readonly string[],
  ): Promise<void> {
    if (this.#closed) throw closedError(`${action} ${this.name}`);
    if (fields.length === 0) return;
    const done = this.#last.then(() => this.#ask(`${action} ${this.name}`, command));
    this.#last = done.catch(() => {});
    await done;
  }

  async #ask(action: string, command: readonly string[]): Promise<unknown> {
    try {
      return await this.#driver.command(this.#key, command);
    } catch (error) {
      throw failedError(action, error);
    }
  }

  /** Page by page; a hash that grows meanwhile may name a field twice. */
  async *#scan(action: string): AsyncGenerator<StateRow> {
    const seen = new Set<string>();
    let cursor = "0";
    do {
      const reply = await this.#ask(action, ["HSCAN", this.#key, cursor, "COUNT", PAGE]);
      const [next, fields] = listOf(action, reply);
      cursor = String(next);
      const flat = listOf(action, fields);
      for (let n = 0; n + 1 < flat.length; n += 2) {
        const key = String(flat[n]);
        if (seen.has(key)) continue;
        seen.add(key);
        yield [key, String(flat[n + 1])];
      }
    } while (cursor !== "0");
  }

  async *#get(action: string, keys: readonly string[]): AsyncGenerator<StateRow> {
    for (let from = 0; from < keys.length; from += Number(PAGE)) {
      const page = keys.slice(from, from + Number(PAGE));
      const texts = listOf(action, await this.#ask(action, ["HMGET", this.#key, ...page]));
      for (const [n, key] of page.entries()) {
        const text = texts[n];
        if (text !== null && text !== undefined) yield [key, String(text)];
      }
    }
  }
}

/** A reply that has to be a list: a client may be set to make others of them. */
function listOf(action: string, reply: unknown): readonly unknown[] {
  if (Array.isArray(reply)) return reply;
  throw failedError(action, new TypeError("the client does not answer with plain lists"));
}
