import { createClient, createCluster } from "redis";
import type { Answer, Operation } from "../../cluster/operation.ts";
import { type ClusterRecord, keyOf, NOTHING } from "../../cluster/record.ts";
import { readAnswer } from "../../cluster/wire.ts";
import { Check } from "../../events/check.ts";
import { redisDriver } from "../../redis/choose-driver.ts";
import { ClusterStore } from "../../redis/cluster-store.ts";
import { withDeadline } from "../../redis/deadline.ts";
import { MessageSeal } from "../../redis/message-seal.ts";
import { type NamespaceKeys, namespaceKeys } from "../../redis/namespace-keys.ts";
import type { NodeRedisClient, NodeRedisClusterClient } from "../../redis/redis-client.ts";
import type { RedisDriver } from "../../redis/redis-driver.ts";
import type { Place } from "./given-operation.ts";

/** How long Redis may take to be there, and to answer. */
const DEADLINE_MS = 5_000;
/** What one URL of a Redis Cluster leads to, unless its node happens to have the keys. */
const OF_A_CLUSTER = "it is a node of a Redis Cluster: name two of its nodes, separated by a comma";

/** One line of the audit stream. */
export interface AuditEntry {
  readonly atMs: number;
  readonly did: string;
  readonly key: string;
  readonly by: string;
  readonly why: string;
  readonly epoch: number;
}

/** What an operator wants of one breaker. */
export interface Wish {
  readonly name: string;
  readonly by: string;
  readonly why: string;
}

/** Redis did not do what it was asked to; the message says what and why, without a password. */
export class OperatorError extends Error {
  override readonly name = "OperatorError";
}

type Client = NodeRedisClient | NodeRedisClusterClient;

/** Somebody who reads and changes what a cluster shares, without being a task of it. */
export class Operator {
  readonly #client: Client;
  readonly #driver: RedisDriver;
  readonly #keys: NamespaceKeys;
  readonly #seal: MessageSeal | null;
  readonly #store: ClusterStore;
  readonly #where: string;

  private constructor(client: Client, { urls, prefix, namespace, secret }: Place) {
    this.#client = client;
    this.#driver = redisDriver(client, new Check("operate cluster"));
    this.#keys = namespaceKeys(prefix, namespace);
    this.#seal = secret === undefined ? null : new MessageSeal(secret, this.#keys.channel);
    this.#store = new ClusterStore(this.#keys, this.#seal === null ? "publish" : "return");
    this.#where = urls.map(withoutPassword).join(", ");
  }

  /** @throws {OperatorError} when Redis cannot be reached */
  static async connect(place: Place): Promise<Operator> {
    const client = makeClient(place.urls);
    // What it tells comes back as the failure of a command as well.
    client.on("error", () => {});
    const operator = new Operator(client, place);
    try {
      await withDeadline(client.connect(), DEADLINE_MS, "connect to Redis");
    } catch (error) {
      operator.close();
      throw operator.#failed("reach", error);
    }
    return operator;
  }

  close(): void {
    try {
      this.#client.destroy();
    } catch {
      // There is nothing left to end.
    }
  }

  /** Every record of the namespace. */
  async all(by: string): Promise<Answer> {
    return this.#run({ do: "sync", by, position: null });
  }

  /** Holds a breaker open in every task; 0 is without an end. */
  async forceOpen({ name, by, why }: Wish, forMs: number): Promise<Answer> {
    const key = keyOf("breaker", name);
    const { e, v } = await this.#record(key, by);
    const incident = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 10)}`;
    return this.#run({ do: "force", key, by, base: { e, v }, forMs, note: why, incident });
  }

  /** Closes a breaker in every task. */
  async reset({ name, by, why }: Wish): Promise<Answer> {
    const key = keyOf("breaker", name);
    const { e, v } = await this.#record(key, by);
    return this.#run({ do: "reset", key, by, base: { e, v }, conditional: false, note: why });
  }

  /** Who forced or reset what, the newest first. */
  async audit(limit: number): Promise<readonly AuditEntry[]> {
    const { audit } = this.#keys;
    const rows = await this.#asked("read", () =>
      this.#driver.command(audit, ["XREVRANGE", audit, "+", "-", "COUNT", String(limit)]),
    );
    return Array.isArray(rows) ? rows.map(auditEntry) : [];
  }

  async #record(key: string, by: string): Promise<ClusterRecord> {
    const { entries = [] } = await this.#run({ do: "read", by, keys: [key] });
    return entries.find(([known]) => known === key)?.[1] ?? NOTHING;
  }

  async #run(operation: Operation): Promise<Answer> {
    const { command } = this.#driver;
    const { answer, messages } = await this.#asked("use", () =>
      this.#store.run(command, operation),
    );
    const read = readAnswer(answer);
    if (read === null) throw this.#failed("use", new Error("it answers what no cluster does"));
    for (const message of messages) await this.#publish(message);
    return read.answer;
  }

  /** With a secret the script cannot sign what it tells: that is for us to do. */
  async #publish(message: string): Promise<void> {
    const { channel } = this.#keys;
    const { command } = this.#driver;
    const text = this.#seal?.sign(message) ?? message;
    await this.#asked("publish to", async () => {
      const verb = (await this.#store.isSharded(command)) ? "SPUBLISH" : "PUBLISH";
      return command(channel, [verb, channel, text]);
    });
  }

  async #asked<T>(action: string, ask: () => Promise<T>): Promise<T> {
    try {
      return await withDeadline(ask(), DEADLINE_MS, `${action} Redis`);
    } catch (error) {
      throw this.#failed(action, error);
    }
  }

  #failed(action: string, error: unknown): OperatorError {
    return new OperatorError(`Cannot ${action} Redis at ${this.#where}: ${reasonOf(error)}`);
  }
}

/** It must fail, not try for ever: whoever waits is a person. */
function makeClient(urls: readonly string[]): Client {
  const socket = { connectTimeout: DEADLINE_MS, reconnectStrategy: false } as const;
  const [url = ""] = urls;
  const plain = { socket, disableOfflineQueue: true };
  return urls.length === 1
    ? createClient({ url, ...plain })
    : createCluster({ rootNodes: urls.map((one) => ({ url: one })), defaults: plain });
}

function withoutPassword(url: string): string {
  const { protocol, host } = new URL(url);
  return `${protocol}//${host}`;
}

/** Clients wrap what the network said, once or several times. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  if (!(error instanceof Error)) return String(error);
  if (error.message === "" && error.cause !== undefined) return reasonOf(error.cause);
  const reason = error.message === "" ? error.name : error.message;
  return reason.startsWith("MOVED ") ? `${reason}; ${OF_A_CLUSTER}` : reason;
}

function auditEntry(row: unknown): AuditEntry {
  const [, flat]: unknown[] = Array.isArray(row) ? row : [];
  const list: unknown[] = Array.isArray(flat) ? flat : [];
  const field = (name: string): string => {
    const at = list.findIndex((item, n) => n % 2 === 0 && String(item) === name);
    return at < 0 ? "" : String(list[at + 1]);
  };
  return {
    atMs: Number(field("at")),
    did: field("do"),
    key: field("key"),
    by: field("by"),
    why: field("why"),
    epoch: Number(field("e")),
  };
}
