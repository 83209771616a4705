import { type Check, hasMethods } from "../events/check.ts";
import { ioredisClusterDriver, ioredisDriver } from "./ioredis-driver.ts";
import { nodeRedisClusterDriver, nodeRedisDriver } from "./node-redis-driver.ts";

/** What is used of a client that tells what happens to it. */
interface Telling {
  on(event: string, listener: (...told: unknown[]) => void): unknown;
}

/** A client of `redis` (node-redis 5 or 6), by what is used of it. */
export interface NodeRedisClient extends Telling {
  readonly options?: object | undefined;
  duplicate(overrides?: object): NodeRedisClient;
  connect(): Promise<unknown>;
  destroy(): void;
  sendCommand(args: readonly string[]): Promise<unknown>;
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>;
  sSubscribe(channel: string, listener: (message: string) => void): Promise<unknown>;
}

/** A cluster client of `redis` (node-redis 5 or 6), by what is used of it. */
export interface NodeRedisClusterClient extends Telling {
  duplicate(overrides?: object): NodeRedisClusterClient;
  connect(): Promise<unknown>;
  destroy(): void;
  getSlotRandomNode(slot: number): unknown;
  sendCommand(firstKey: string, isReadonly: boolean, args: string[]): Promise<unknown>;
  sSubscribe(channel: string, listener: (message: string) => void): Promise<unknown>;
}

/** A client of `ioredis` (5 or 6), of one server or of sentinels, by what is used of it. */
export interface IoredisClient extends Telling {
  readonly isCluster: boolean;
  readonly stream?: { destroy(): unknown };
  duplicate(overrides?: object): IoredisClient;
  connect(): Promise<unknown>;
  disconnect(): void;
  call(command: string, ...args: string[]): Promise<unknown>;
  subscribe(channel: string): Promise<unknown>;
  ssubscribe(channel: string): Promise<unknown>;
}

/** A `Redis.Cluster` of `ioredis` (5 or 6), by what is used of it. */
export interface IoredisClusterClient extends Telling {
  readonly isCluster: boolean;
  duplicate(nodes?: never[], overrides?: object): IoredisClusterClient;
  connect(): Promise<unknown>;
  disconnect(): void;
  nodes(role?: "all"): readonly { readonly stream?: { destroy(): unknown } }[];
  call(command: string, ...args: string[]): Promise<unknown>;
  ssubscribe(channel: string): Promise<unknown>;
}

/** A Redis client: of `redis` or of `ioredis`, for one server or for a Redis Cluster. */
export type RedisClient =
  | NodeRedisClient
  | NodeRedisClusterClient
  | IoredisClient
  | IoredisClusterClient;

/** A connection of our own, to the server of the user's client with its credentials; it never reconnects by itself. */
export interface RedisConnection {
  /** Resolves when commands can be sent. */
  connect(): Promise<unknown>;
  /** Runs a command on the server that has the key. */
  command(key: string, args: readonly string[]): Promise<unknown>;
  /** Listens to a channel; `sharded` is the kind of channel. */
  subscribe(
    channel: string,
    sharded: boolean,
    listener: (message: string) => void,
  ): Promise<unknown>;
  /** Ends it at once, whatever is under way, also while it connects. */
  destroy(): void;
}

/** How connections are made. */
interface ConnectionOptions {
  /** After so many milliseconds an attempt to connect has failed. */
  readonly connectMs: number;
  /** Called when the connection has ended by itself, once or several times. */
  readonly lost: () => void;
}

/** The seam to a client: the same few things from each of them. */
export interface RedisDriver {
  /** Runs a command on the user's own client. */
  command(key: string, args: readonly string[]): Promise<unknown>;
  /** Makes a connection of our own, which is not connected yet. */
  connection(options: ConnectionOptions): RedisConnection;
}

const ALLOWED = "a client of redis or ioredis, or a cluster client of either";

/** @throws {TypeError} when it is no client that is known */
export function redisDriver(client: RedisClient, check: Check): RedisDriver {
  const given: unknown = client;
  if (hasMethods(given, ["call", "duplicate", "connect", "disconnect", "ssubscribe", "on"])) {
    // The methods are there, and `isCluster` tells ioredis' two kinds apart.
    const known = given as IoredisClient | IoredisClusterClient;
    return known.isCluster
      ? ioredisClusterDriver(known as IoredisClusterClient)
      : ioredisDriver(known as IoredisClient);
  }
  if (!hasMethods(given, ["sendCommand", "duplicate", "connect", "destroy", "sSubscribe", "on"])) {
    return check.type("client", ALLOWED, given);
  }
  // The methods are there; only the cluster client knows slots.
  if (hasMethods(given, ["getSlotRandomNode"])) {
    return nodeRedisClusterDriver(given as NodeRedisClusterClient);
  }
  // A client of sentinels takes other arguments.
  if (hasMethods(given, ["acquire"])) return check.type("client", ALLOWED, given);
  return nodeRedisDriver(given as NodeRedisClient);
}
