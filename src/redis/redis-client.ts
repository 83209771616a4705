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
