import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "./free-port.ts";
import { type RedisServer, startRedis } from "./redis-server.ts";

/** A Redis Cluster of three masters, each with a third of the slots. */
export interface RedisClusterServers {
  readonly nodes: readonly RedisServer[];
  stop(): Promise<void>;
}

const SLOTS = [
  ["0", "5460"],
  ["5461", "10922"],
  ["10923", "16383"],
] as const;
const READY_LIMIT_MS = 60_000;
const POLL_MS = 50;

export async function startRedisCluster(): Promise<RedisClusterServers> {
  const config = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
  const nodes: RedisServer[] = [];
  for (const range of SLOTS) {
    // The bus of a node listens on a second port, which must be below 65536.
    const node = await startRedis(...config, "--cluster-port", String(await freePort()));
    nodes.push(node);
    await node.ask("CLUSTER", "ADDSLOTSRANGE", ...range);
  }
  const [first] = nodes;
  if (first === undefined) throw new Error("There are three nodes");
  const bus = await Promise.all(nodes.map((node) => node.ask("CONFIG", "GET", "cluster-port")));
  for (const [n, node] of nodes.entries()) {
    const port = bus[n]?.match(/(\d+)$/)?.[1] ?? "0";
    await first.ask("CLUSTER", "MEET", "127.0.0.1", String(node.port), port);
  }
  for (let waitedMs = 0; !(await agree(nodes)); waitedMs += POLL_MS) {
    if (waitedMs > READY_LIMIT_MS) throw new Error("The Redis Cluster does not get ready");
    await sleep(POLL_MS);
  }
  return {
    nodes,
    stop: async () => {
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}

async function agree(nodes: readonly RedisServer[]): Promise<boolean> {
  const infos = await Promise.all(nodes.map((node) => node.ask("CLUSTER", "INFO")));
  return infos.every(
    (info) => info.includes("cluster_state:ok") && info.includes("cluster_known_nodes:3"),
  );
}
