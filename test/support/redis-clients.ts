import { Redis as Ioredis, Cluster as IoredisCluster } from "ioredis";
import { createClient, createCluster } from "redis";
import type { RedisClient } from "../../src/redis/index.ts";

/** Makes a client that is not connected: the backplane connects duplicates of it. */
export type MakeClient = (at: {
  /** 127.0.0.1 when missing. */
  readonly host?: string;
  readonly port: number;
  readonly url: string;
}) => RedisClient;

const ready = <T extends RedisClient>(client: T): T => {
  // What a client tells of itself is no matter here.
  client.on("error", () => {});
  return client;
};

/** One client of each library, for one server. */
export const CLIENTS: readonly (readonly [name: string, make: MakeClient])[] = [
  ["node-redis", ({ url }) => ready(createClient({ url }))],
  ["ioredis", ({ url }) => ready(new Ioredis(url, { lazyConnect: true }))],
];

/** One client of each library, for a Redis Cluster. */
export const CLUSTER_CLIENTS: typeof CLIENTS = [
  ["node-redis", ({ url }) => ready(createCluster({ rootNodes: [{ url }] }))],
  [
    "ioredis",
    ({ host = "127.0.0.1", port }) =>
      ready(new IoredisCluster([{ host, port }], { lazyConnect: true })),
  ],
];
