import { CircuitBreaker, type EventBus } from "../../src/index.ts";
import { type ClusterRegistry, joinCluster, MemoryStore } from "../../src/redis/index.ts";
import { succeed } from "./breaker.ts";
import { VirtualTime } from "./virtual-time.ts";

interface Broad {
  readonly bus: EventBus;
  readonly attributes: Readonly<Record<string, string | number | boolean | null>>;
}

/** Two tasks in a cluster, one of them on the bus: opens, forced opens, resets, a lost store, a bad message, a leave. */
export async function clusterRun({ bus, attributes }: Broad): Promise<void> {
  const time = new VirtualTime();
  const store = new MemoryStore({ epochMs: () => time.epochMs() });
  let isCut = false;
  const task = (name: string, options: { bus?: EventBus }) => {
    const made = {
      failureThreshold: 1,
      cooldownMs: 100,
      attributes,
      clock: time,
      random: () => 0.5,
    };
    const breaker = new CircuitBreaker("shared", { ...made, ...options });
    const registry: ClusterRegistry = {
      bus: breaker.bus,
      follow: (follower) => {
        follower.added(breaker);
        return () => {};
      },
    };
    const real = store.backplane();
    const run: typeof real.run = (operation) =>
      isCut && name === "seen" ? Promise.reject(new Error("cut")) : real.run(operation);
    const shared = { clock: time, timers: time, random: () => 0.5, task: name };
    return { breaker, cluster: joinCluster(registry, { ...real, run }, shared) };
  };
  const seen = task("seen", { bus });
  const other = task("other", {});
  await time.pass(2_000);
  other.breaker.recordFailure();
  await time.pass(10);
  other.breaker.reset("go on");
  await time.pass(10);
  other.breaker.forceOpen();
  await time.pass(10);
  seen.breaker.reset();
  await time.pass(10);
  seen.breaker.forceOpen("hold");
  await time.pass(10);
  other.breaker.forceOpen("the vendor says 2 h more", { forMs: 7_200_000 });
  await time.pass(10);
  other.breaker.reset();
  await time.pass(10);
  seen.breaker.recordFailure();
  await time.pass(110);
  await seen.breaker.execute(succeed);
  await time.pass(10);
  await seen.breaker.execute(succeed);
  await time.pass(10);
  await store.backplane().publish("{");
  isCut = true;
  await time.pass(12_000);
  isCut = false;
  await time.pass(12_000);
  await Promise.all([other.cluster.leave(), time.pass(10)]);
  await Promise.all([seen.cluster.leave(), time.pass(10)]);
}
