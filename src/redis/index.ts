export type { Backplane, BackplaneListener } from "../cluster/backplane.ts";
export type { Cluster } from "../cluster/cluster.ts";
export type { ClusterOptions } from "../cluster/cluster-options.ts";
export type {
  ClusterForceOptions,
  ClusterRegistry,
  ClusterStatus,
  ControlResult,
} from "../cluster/cluster-seams.ts";
export { joinCluster } from "../cluster/join-cluster.ts";
export { MemoryStore, type MemoryStoreOptions } from "../cluster/memory-backplane.ts";
export type { Rejection } from "../cluster/message.ts";
export type { Evidence } from "../cluster/names-host.ts";
export type { Answer, Operation, Position, Quorum } from "../cluster/operation.ts";
export type { ClusterRecord } from "../cluster/record.ts";
export { type SentinelOptions, startSentinel } from "../cluster/sentinel.ts";
export type { QuotaMark, SharedQuota } from "../cluster/shared-quota.ts";
export type { RedisBackplaneOptions } from "./backplane-options.ts";
export { redisBackplane } from "./redis-backplane.ts";
export type {
  IoredisClient,
  IoredisClusterClient,
  NodeRedisClient,
  NodeRedisClusterClient,
  RedisClient,
} from "./redis-client.ts";
export { createRedisStore, type RedisStoreOptions } from "./redis-store.ts";
