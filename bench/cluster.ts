import { existsSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { whereIs } from "../scripts/programs.ts";
import { CLIENTS } from "../test/support/redis-clients.ts";
import { type RedisServer, startRedis } from "../test/support/redis-server.ts";
import { until } from "../test/support/until.ts";
import { addedPercent, awaitEach, nsPerCall, quantile } from "./measure.ts";
import type { Bench, Cell, Question, Skipped } from "./question.ts";
import { asyncFn, isValue, telltale } from "./subject.ts";

type Door = typeof import("../src/redis/index.ts");
type ClientName = (typeof CLIENTS)[number][0];

const TASKS = 8;
const ROUNDS = 1_500;
/** Round trips until everything that runs is compiled. */
const WARM_ROUNDS = 200;
const FLEET = 50;
const BREAKERS = 1_000;
/** Two reconciliations of every task. */
const IDLE_MS = 10_000;
const NAMES: readonly ClientName[] = CLIENTS.map(([name]) => name);

/** `telltale/redis` as it is published. */
async function redisDoor({ buildDir }: Bench): Promise<Door> {
  return await import(pathToFileURL(join(buildDir, "redis", "index.js")).href);
}

/** A task of a fleet: its registry, and its place in the cluster. */
async function fleet(
  bench: Bench,
  { server, client, tasks }: { server: RedisServer; client: ClientName; tasks: number },
) {
  const { BreakerRegistry } = await telltale(bench);
  const { joinCluster, redisBackplane } = await redisDoor(bench);
  const make = CLIENTS.find(([name]) => name === client)?.[1];
  if (make === undefined) throw new Error(`There is no client ${client}`);
  const joined = Array.from({ length: tasks }, () => {
    const registry = new BreakerRegistry({ limit: 2 * BREAKERS });
    return { registry, cluster: joinCluster(registry, redisBackplane(make(server))) };
  });
  await until(() => joined.every(({ cluster }) => cluster.status.phase === "up"));
  return joined;
}

/** Measures with a redis-server of its own, which is stopped after it. */
async function withRedis(
  measure: (server: RedisServer) => Promise<number>,
): Promise<number | Skipped> {
  const file = whereIs("redis-server");
  if (file === undefined || !existsSync(file))
    return { skipped: "no redis-server on this machine" };
  const server = await startRedis();
  try {
    return await measure(server);
  } finally {
    await server.stop();
  }
}

/** How long it takes until all other tasks have done what one decided: the 99th of 100. */
async function spreadMs(bench: Bench, client: ClientName): Promise<number | Skipped> {
  return await withRedis(async (server) => {
    const tasks = await fleet(bench, { server, client, tasks: TASKS });
    const [first, ...others] = tasks.map(({ registry }) => registry.get("payments"));
    if (first === undefined) throw new Error("there is no task");
    let missing = 0;
    let done: () => void = () => {};
    for (const other of others) {
      other.on("circuit.*", ({ type }) => {
        if (type !== "circuit.open" && type !== "circuit.close") return;
        missing--;
        if (missing === 0) done();
      });
    }
    const figures: number[] = [];
    for (let round = 0; round < WARM_ROUNDS + ROUNDS; round++) {
      const all = new Promise<void>((resolve) => {
        done = resolve;
      });
      missing = others.length;
      const startMs = performance.now();
      if (round % 2 === 0) first.forceOpen();
      else first.reset();
      await all;
      if (round >= WARM_ROUNDS) figures.push(performance.now() - startMs);
      // Its own answer comes back as well before the next is decided.
      await sleep(1);
    }
    return quantile(figures, 0.99);
  });
}

/** How fast what one task decides reaches the others. */
export const clusterSpread: Question = {
  title: `From a decision to the last of ${TASKS - 1} other tasks that follow it, 99th percentile`,
  unit: "ms",
  roundsEnough: 3,
  note: "Forced opens and resets by turns; a reset takes a look at the store before it is believed. All tasks in one process, each with connections of its own to a Redis on this machine: they share its thread.",
  cells: NAMES.map(
    (client): Cell => ({
      id: `cluster-spread/${client}`,
      label: `telltale with ${client}`,
      targets: [{ kind: "absolute", atMost: 10 }],
      measure: (bench) => spreadMs(bench, client),
    }),
  ),
};

/** What a cluster adds to a call of a closed breaker. */
export const clusterClosed: Question = {
  title: "What a cluster adds to a successful call while closed",
  unit: "%",
  cells: NAMES.map(
    (client): Cell => ({
      id: `cluster-closed/${client}`,
      label: `telltale call, joined with ${client}`,
      targets: [{ kind: "absolute", atMost: 5 }],
      measure: (bench) =>
        withRedis(async (server) => {
          const { BreakerRegistry } = await telltale(bench);
          const alone = new BreakerRegistry().get("payments");
          const [task] = await fleet(bench, { server, client, tasks: 1 });
          const shared = task?.registry.get("payments");
          if (shared === undefined) throw new Error("there is no task");
          return await addedPercent(
            awaitEach(() => alone.call(asyncFn), isValue),
            awaitEach(() => shared.call(asyncFn), isValue),
            bench.effort,
          );
        }),
    }),
  ),
};

const NS_AT_MOST = 100_000;

/** Measures what a task decides while its Redis does not answer. */
function stopped(
  id: string,
  label: string,
  batchOf: (breaker: import("../src/index.ts").CircuitBreaker) => ReturnType<typeof awaitEach>,
): Cell {
  return {
    id: `cluster-stopped/${id}`,
    label,
    targets: [{ kind: "absolute", atMost: NS_AT_MOST }],
    measure: (bench) =>
      withRedis(async (server) => {
        const [task] = await fleet(bench, { server, client: "node-redis", tasks: 1 });
        const breaker = task?.registry.get("payments");
        if (breaker === undefined) throw new Error("there is no task");
        server.signal("SIGSTOP");
        return await nsPerCall(batchOf(breaker), bench.effort);
      }),
  };
}

/** What is decided while Redis does not answer. */
export const clusterStopped: Question = {
  title: "A decision while Redis does not answer",
  unit: "ns",
  roundsEnough: 3,
  cells: [
    stopped("call", "a call while closed", (breaker) =>
      awaitEach(() => breaker.call(asyncFn), isValue),
    ),
    stopped("refused", "a call that is refused", (breaker) => {
      breaker.forceOpen();
      return awaitEach(
        () => breaker.execute(asyncFn),
        ({ outcome }) => outcome === "circuit-open",
      );
    }),
    stopped("control", "forceOpen and reset", (breaker) =>
      awaitEach(
        async () => {
          breaker.forceOpen();
          breaker.reset();
          return breaker.state;
        },
        (state) => state === "closed",
      ),
    ),
  ],
};

/** The commands that a server has run, those inside of scripts as well. */
async function commandsOf(server: RedisServer): Promise<number> {
  const stats = await server.ask("INFO", "commandstats");
  let sum = 0;
  for (const [, calls] of stats.matchAll(/^cmdstat_[^:]+:calls=(\d+),/gm)) sum += Number(calls);
  return sum;
}

/** What a fleet costs its Redis when nothing happens. */
export const clusterIdle: Question = {
  title: `Commands of ${FLEET} idle tasks with ${BREAKERS} breakers each`,
  unit: "commands/s",
  roundsEnough: 1,
  note: "By INFO commandstats, which counts the commands inside of scripts as well.",
  cells: NAMES.map(
    (client): Cell => ({
      id: `cluster-idle/${client}`,
      label: `telltale with ${client}`,
      targets: [{ kind: "absolute", atMost: 200 }],
      limitMs: 180_000,
      measure: (bench) =>
        withRedis(async (server) => {
          const tasks = await fleet(bench, { server, client, tasks: FLEET });
          for (const { registry } of tasks) {
            for (let n = 0; n < BREAKERS; n++) registry.get(`breaker-${n}`);
          }
          // Breakers that are new ask the store what it knows of them.
          await sleep(IDLE_MS);
          const before = await commandsOf(server);
          const startMs = performance.now();
          await sleep(IDLE_MS);
          const commands = (await commandsOf(server)) - before;
          return (commands * 1_000) / (performance.now() - startMs);
        }),
    }),
  ),
};
