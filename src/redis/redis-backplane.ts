import type { Backplane, BackplaneListener } from "../cluster/backplane.ts";
import { LONGEST_MESSAGE } from "../cluster/message.ts";
import type { Operation } from "../cluster/operation.ts";
import { Check } from "../events/check.ts";
import {
  type BackplaneSettings,
  backplaneSettings,
  type RedisBackplaneOptions,
} from "./backplane-options.ts";
import { redisDriver } from "./choose-driver.ts";
import { ClusterStore } from "./cluster-store.ts";
import { withDeadline } from "./deadline.ts";
import { MessageSeal, SEAL_LENGTH } from "./message-seal.ts";
import { type NamespaceKeys, namespaceKeys } from "./namespace-keys.ts";
import type { RedisClient } from "./redis-client.ts";
import type { RedisConnection, RedisDriver } from "./redis-driver.ts";

/**
 * The backplane of a cluster over Redis 6 or later, one server or a Redis Cluster. It opens two connections of its own,
 * with the server and the credentials of the client, which itself is not used and need not be connected. Each task
 * needs a backplane of its own.
 *
 * @throws {TypeError|RangeError} when the client is none that is known, or an option is unknown, of the wrong type or
 * outside its range
 * @example
 * const client = createClient({ url: "redis://127.0.0.1:6379" });
 * const cluster = joinCluster(registry, redisBackplane(client), { namespace: "shop" });
 */
export function redisBackplane(
  client: RedisClient,
  options: RedisBackplaneOptions = {},
): Backplane {
  const check = new Check("make Redis backplane");
  return new RedisBackplane(redisDriver(client, check), backplaneSettings(check, options));
}

/** Both connections, and on which kind of channel everybody speaks. */
interface Line {
  readonly commands: RedisConnection;
  readonly subscriber: RedisConnection;
  readonly sharded: boolean;
}

class RedisBackplane implements Backplane {
  readonly #driver: RedisDriver;
  readonly #settings: BackplaneSettings;
  #keys: NamespaceKeys;
  #store: ClusterStore;
  #seal: MessageSeal | null = null;
  #listener: BackplaneListener | null = null;
  #line: Line | null = null;
  #opened = new Set<RedisConnection>();
  /** Grows with each attempt: what an older one brings comes too late. */
  #attempt = 0;

  constructor(driver: RedisDriver, settings: BackplaneSettings) {
    this.#driver = driver;
    this.#settings = settings;
    this.#keys = namespaceKeys(settings.prefix, "default");
    this.#store = this.#storeOf(this.#keys);
  }

  connect(listener: BackplaneListener, namespace: string): Promise<void> {
    const { prefix, secret } = this.#settings;
    this.#listener = listener;
    this.#keys = namespaceKeys(prefix, namespace);
    this.#store = this.#storeOf(this.#keys);
    this.#seal = secret === null ? null : new MessageSeal(secret, this.#keys.channel);
    return this.reconnect();
  }

  async reconnect(): Promise<void> {
    this.#drop();
    const attempt = ++this.#attempt;
    const { connectMs } = this.#settings;
    try {
      const line = await withDeadline(this.#open(attempt), connectMs, "connect to Redis");
      if (attempt === this.#attempt) this.#line = line;
    } catch (error) {
      if (attempt === this.#attempt) {
        // What comes of it later comes too late.
        this.#attempt++;
        this.#drop();
      }
      throw error;
    }
  }

  async run(operation: Operation): Promise<unknown> {
    const { commands } = this.#connected();
    const { answer, messages } = await this.#store.run(commands.command, operation);
    // With a secret the script cannot sign; what gets lost between is read again by everybody.
    for (const message of messages) await this.publish(message);
    return answer;
  }

  async publish(text: string): Promise<void> {
    const { commands, sharded } = this.#connected();
    const { channel } = this.#keys;
    const message = this.#seal?.sign(text) ?? text;
    await commands.command(channel, [sharded ? "SPUBLISH" : "PUBLISH", channel, message]);
  }

  async close(): Promise<void> {
    this.#attempt++;
    this.#listener = null;
    this.#drop();
  }

  #storeOf(keys: NamespaceKeys): ClusterStore {
    return new ClusterStore(keys, this.#settings.secret === null ? "publish" : "return");
  }

  async #open(attempt: number): Promise<Line> {
    const commands = await this.#connection(attempt);
    const sharded = await this.#store.isSharded(commands.command);
    const subscriber = await this.#connection(attempt);
    await subscriber.subscribe(this.#keys.channel, sharded, (text) => this.#hear(attempt, text));
    return { commands, subscriber, sharded };
  }

  async #connection(attempt: number): Promise<RedisConnection> {
    const { connectMs } = this.#settings;
    const lost = () => this.#lose(attempt);
    const connection = this.#driver.connection({ connectMs, lost });
    // From its first moment on: what never comes has to be ended as well.
    this.#opened.add(connection);
    await connection.connect();
    if (attempt === this.#attempt) return connection;
    connection.destroy();
    throw new Error("Cannot connect to Redis: the attempt was given up");
  }

  #hear(attempt: number, text: string): void {
    if (attempt !== this.#attempt) return;
    // What is too long is not worth a look at its signature: the cluster counts it.
    const isTooLong = text.length > LONGEST_MESSAGE + SEAL_LENGTH;
    const message = this.#seal === null || isTooLong ? text : this.#seal.open(text);
    if (message === null) this.#listener?.forged();
    else this.#listener?.message(message);
  }

  /** One of the two is gone: without the other it is worth nothing. */
  #lose(attempt: number): void {
    if (attempt !== this.#attempt || this.#line === null) return;
    this.#attempt++;
    this.#drop();
    this.#listener?.lost();
  }

  #drop(): void {
    this.#line = null;
    const opened = this.#opened;
    this.#opened = new Set();
    for (const connection of opened) connection.destroy();
  }

  #connected(): Line {
    if (this.#line === null) throw new Error("Cannot ask Redis: there is no connection");
    return this.#line;
  }
}
