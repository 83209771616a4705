import { BreakerRegistry, createEventBus } from "../../src/index.ts";
import { ExhaustionRegistry } from "../../src/quota/index.ts";
import { joinCluster, redisBackplane, startSentinel } from "../../src/redis/index.ts";
import type { TaskOrder, TaskReport, TaskSetup } from "./cluster-process.ts";
import { CLIENTS, CLUSTER_CLIENTS } from "./redis-clients.ts";

// One task of a fleet, in a process of its own: started by cluster-process.ts.

const CALL_EVERY_MS = 5;

// Given by TaskProcess.
const setup = JSON.parse(process.argv[2] ?? "{}") as TaskSetup;
const { task, host, port } = setup;
const kinds = setup.sharded ? CLUSTER_CLIENTS : CLIENTS;
const make = kinds.find(([name]) => name === setup.client)?.[1];
if (make === undefined) throw new Error(`There is no client ${setup.client}`);

const bus = createEventBus({ instance: task });
const seen = { opens: 0, closes: 0, recovered: 0, degraded: [] as string[] };
bus.on("circuit.open", () => seen.opens++);
bus.on("circuit.close", () => seen.closes++);
bus.on("cluster.recovered", () => seen.recovered++);
bus.on("cluster.degraded", ({ reason }) => seen.degraded.push(reason));

const quota = new ExhaustionRegistry({ bus });
const registry = new BreakerRegistry({
  bus,
  defaults: { failureThreshold: 2, cooldownMs: 60_000 },
});
const payments = registry.get("payments");
const backplane = redisBackplane(make({ host, port, url: `redis://${host}:${port}` }));
const cluster = joinCluster(registry, backplane, {
  namespace: "chaos",
  task,
  heartbeatMs: 300,
  reconcileMs: 500,
  // As long as a busy machine may take; the tests of the default are elsewhere.
  deadlineMs: 2_000,
  quota,
});
if (setup.sentinel) {
  startSentinel(cluster, "payments", {
    probe: async () => true,
    intervalMs: 100,
    healthyProbes: 2,
  });
}

const calls: Record<string, number> = {};
const calling = setInterval(async () => {
  const { outcome } = await payments.execute(async () => "well");
  calls[outcome] = (calls[outcome] ?? 0) + 1;
}, CALL_EVERY_MS);

async function obey(order: TaskOrder): Promise<unknown> {
  switch (order.do) {
    case "report": {
      const { state } = payments;
      const marked = quota.list().map(({ provider, source }) => `${provider} ${source}`);
      const report: TaskReport = { state, status: cluster.status, calls, quota: marked, ...seen };
      return report;
    }
    case "trip":
      payments.recordFailure(new Error("seen once"));
      payments.recordFailure(new Error("seen twice"));
      return payments.state;
    case "force":
      return cluster.forceOpen("payments", "by an operator");
    case "reset":
      return cluster.reset("payments", "by an operator");
    case "check and force": {
      // A sentinel of the old kind: "my breaker is open" taken for evidence, after a slow check.
      if (payments.state !== "forced_open") return null;
      const evidence = cluster.evidence("payments");
      await new Promise((resolve) => setTimeout(resolve, 300));
      return cluster.forceOpen("payments", "still open here", { evidence });
    }
    case "quota":
      quota.mark(order.provider, { forMs: order.forMs });
      return null;
    case "leave":
      clearInterval(calling);
      await cluster.leave();
      return null;
  }
}

process.on("message", async (message: { id: number; order: TaskOrder }) => {
  const answer = await obey(message.order);
  process.send?.({ id: message.id, answer });
  // After it has left nothing keeps the process: a timer or a socket that is still there would.
  if (message.order.do === "leave") process.disconnect();
});
