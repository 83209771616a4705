import { type Check, hasMethods } from "../events/check.ts";
import { ioredisClusterDriver, ioredisDriver } from "./ioredis-driver.ts";
import { nodeRedisClusterDriver, nodeRedisDriver } from "./node-redis-driver.ts";
import type {
  IoredisClient,
  IoredisClusterClient,
  NodeRedisClient,
  NodeRedisClusterClient,
  RedisClient,
} from "./redis-client.ts";
import type { RedisDriver } from "./redis-driver.ts";

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
