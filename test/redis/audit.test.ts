import { createClient } from "redis";
import { expect, test } from "vitest";
import { BreakerRegistry } from "../../src/index.ts";
import { joinCluster, redisBackplane } from "../../src/redis/index.ts";
import { namespaceKeys } from "../../src/redis/namespace-keys.ts";
import { failTimes } from "../support/breaker.ts";
import { describeWith } from "../support/programs.ts";
import { CLIENTS } from "../support/redis-clients.ts";
import { startRedis } from "../support/redis-server.ts";
import { until } from "../support/until.ts";

describeWith("redis-server").each(CLIENTS)("the audit, with %s", (_, make) => {
  test("says who forced and reset what, when and why, and nothing of trips", async () => {
    const server = await startRedis();
    const registry = new BreakerRegistry({ defaults: { failureThreshold: 1 } });
    const cluster = joinCluster(registry, redisBackplane(make(server)), { task: "task-1" });
    const reader = createClient({ url: server.url });
    try {
      await reader.connect();
      await until(() => cluster.status.phase === "up");
      await cluster.forceOpen("payments", "provider down");
      await cluster.reset("payments", "fixed, ticket 12");
      // By the breaker's own control, and of a breaker that this task does not have.
      registry.get("search").forceOpen("noisy");
      await until(() => cluster.status.waiting === 0);
      await cluster.reset("elsewhere");
      await failTimes(registry.get("payments"), 1);
      await until(() => cluster.status.waiting === 0);
      const { audit } = namespaceKeys("telltale", "default");
      const lines = ((await reader.xRange(audit, "-", "+")) ?? []).map(({ message }) => message);
      expect(lines.map(({ do: verb, key, by, why }) => [verb, key, by, why])).toEqual([
        ["force", "b:payments", "task-1", "provider down"],
        ["reset", "b:payments", "task-1", "fixed, ticket 12"],
        ["force", "b:search", "task-1", "noisy"],
        ["reset", "b:elsewhere", "task-1", ""],
      ]);
      const [, reset] = lines;
      expect(Number(reset?.["at"])).toBeGreaterThan(1_700_000_000_000);
      expect(Number(reset?.["e"])).toBe(Number(reset?.["at"]));
    } finally {
      reader.destroy();
      await cluster.leave();
      await server.stop();
    }
  });
});
