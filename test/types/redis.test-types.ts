import type { Redis as Ioredis, Cluster as IoredisCluster } from "ioredis";
import type { createClient, createCluster } from "redis";
import type {
  IoredisClient,
  IoredisClusterClient,
  NodeRedisClient,
  NodeRedisClusterClient,
} from "../../src/redis/index.ts";

// The clients of both libraries fit the seam, without a cast.

declare const nodeRedis: ReturnType<typeof createClient>;
declare const nodeRedisCluster: ReturnType<typeof createCluster>;
declare const ioredis: Ioredis;
declare const ioredisCluster: IoredisCluster;

nodeRedis satisfies NodeRedisClient;
nodeRedisCluster satisfies NodeRedisClusterClient;
ioredis satisfies IoredisClient;
ioredisCluster satisfies IoredisClusterClient;
