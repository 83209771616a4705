import { createClient } from "redis";
import { afterEach, beforeEach, expect, test } from "vitest";
import { NOTHING } from "../../src/cluster/record.ts";
import { BreakerRegistry, type TelltaleEvent } from "../../src/index.ts";
import { type Cluster, joinCluster, redisBackplane } from "../../src/redis/index.ts";
import { MessageSeal } from "../../src/redis/message-seal.ts";
import { namespaceKeys } from "../../src/redis/namespace-keys.ts";
import { describeWith } from "../support/programs.ts";
import { CLIENTS } from "../support/redis-clients.ts";
import { type RedisServer, startRedis } from "../support/redis-server.ts";
import { until } from "../support/until.ts";

const NAMES = namespaceKeys("telltale", "default");
const SECRET = "correct horse battery";
const HUGE = "x".repeat(2_000_000);

/** A task on a real Redis, and somebody who may write there what they like. */
interface Stage {
  readonly server: RedisServer;
  readonly registry: BreakerRegistry;
  readonly cluster: Cluster;
  readonly events: TelltaleEvent[];
  /** A word on the channel of the fleet. */
  say(text: string): Promise<unknown>;
  ask(...command: string[]): Promise<unknown>;
}

/** Whether the breaker goes on working: a call runs, and its value comes back. */
async function works({ registry }: Stage): Promise<void> {
  expect(await registry.get("healthy").call(() => "value")).toBe("value");
}

describeWith("redis-server").each(CLIENTS)("bad input, with %s", (_, make) => {
  let stage: Stage;
  let stop: () => Promise<void>;

  const begin = async ({ heartbeatMs = 2_000, secret = "" } = {}): Promise<void> => {
    const server = await startRedis();
    const registry = new BreakerRegistry();
    const events: TelltaleEvent[] = [];
    registry.bus.on("cluster.*", (event) => events.push(event));
    const options = secret === "" ? {} : { secret };
    const cluster = joinCluster(registry, redisBackplane(make(server), options), {
      // A deadline that a busy machine keeps as well.
      ...{ task: "victim", heartbeatMs, reconcileMs: 300, deadlineMs: 2_000 },
    });
    const peer = createClient({ url: server.url });
    peer.on("error", () => {});
    await peer.connect();
    const ask = (...command: string[]) => peer.sendCommand(command);
    const say = (text: string) => ask("SPUBLISH", NAMES.channel, text);
    stage = { server, registry, cluster, events, say, ask };
    registry.get("payments");
    await until(() => cluster.status.phase === "up");
    stop = async () => {
      peer.destroy();
      await cluster.leave();
      await server.stop();
    };
  };
  beforeEach(() => begin());
  afterEach(() => stop());

  const record = () => ({ ...NOTHING, e: 0, v: 1, s: "open", ou: Date.now() + 60_000, o: "peer" });
  const write = (change: object) =>
    JSON.stringify({
      ...{ p: 1, k: "write", key: "b:payments", record: record() },
      position: { n: "forged", g: 1, lv: 1 },
      ...change,
    });
  const rejected = () => stage.cluster.status.rejected;
  const holds = () => stage.registry.get("payments").state;

  test("what is malformed, huge, of another major or from the future is dropped and counted", async () => {
    await stage.say("{");
    await stage.say(HUGE);
    await stage.say(JSON.stringify({ p: 2, k: "write" }));
    await stage.say("\u0000\ufffd");
    await stage.say(write({ record: { ...record(), v: Date.now() + 30 * 86_400_000 } }));
    // One bad message never delays the next: the good one, at once after them, is heard.
    await stage.say(JSON.stringify({ p: 1, k: "beat", o: "good", c: 1 }));
    await until(() => stage.cluster.status.peers.includes("good"));
    expect(rejected()).toMatchObject({ malformed: 2, oversized: 1, version: 1, future: 1 });
    const told = stage.events.filter(({ type }) => type === "cluster.rejected");
    expect(told.length).toBeGreaterThanOrEqual(4);
    expect(holds()).toBe("closed");
    await works(stage);
  });

  test.each(Object.keys(NOTHING))("a wrong type in %s of a message is dropped", async (field) => {
    const wrong = [-1, 1.5, null, {}, [], true, "9".repeat(400)];
    for (const value of wrong) await stage.say(write({ record: { ...record(), [field]: value } }));
    await stage.say(JSON.stringify({ p: 1, k: "beat", o: "good", c: 1 }));
    await until(() => stage.cluster.status.peers.includes("good"));
    expect(rejected().malformed).toBe(wrong.length);
    expect(holds()).toBe("closed");
  });

  test("a forged epoch moves nothing, and a replayed message changes nothing", async () => {
    const heard: string[] = [];
    const listener = { message: (text: string) => heard.push(text), forged() {}, lost() {} };
    const tap = redisBackplane(make(stage.server));
    await tap.connect(listener, "default");
    await stage.cluster.forceOpen("payments", "by hand");
    const now = Date.now();
    await stage.say(
      write({ record: { ...NOTHING, e: now, v: now, o: "forger" }, recovered: true }),
    );
    await until(async () => String(await stage.ask("XLEN", NAMES.audit)) === "1");
    await stage.say(JSON.stringify({ p: 1, k: "beat", o: "later", c: 1 }));
    await until(() => stage.cluster.status.peers.includes("later"));
    expect(holds()).toBe("forced_open");
    await stage.cluster.reset("payments");
    const writes = heard.filter((text) => text.includes('"write"') && !text.includes("forge"));
    for (const text of writes) await stage.say(text);
    await stage.say(JSON.stringify({ p: 1, k: "beat", o: "last", c: 1 }));
    await until(() => stage.cluster.status.peers.includes("last"));
    expect(holds()).toBe("closed");
    await tap.close();
  });

  test("records that are none are counted, keep nobody from the others, and are written over", async () => {
    const good = JSON.stringify({ ...NOTHING, v: 5, f: 1, s: "open", o: "peer" });
    await stage.ask("HSET", NAMES.records, "b:good", good);
    await stage.ask("HSET", NAMES.records, "b:payments", "{no json");
    await stage.ask("HSET", NAMES.records, "b:wrong", JSON.stringify({ ...record(), e: "x" }));
    await stage.ask("HSET", NAMES.records, "no kind", good);
    await stage.ask("HSET", NAMES.records, "b:huge", HUGE);
    await stage.ask("HSET", NAMES.meta, "g", "not a number");
    await until(() => stage.registry.get("good").state === "forced_open");
    await until(() => rejected().answer > 0);
    expect(await stage.cluster.forceOpen("payments", "by hand")).toMatchObject({
      scope: "cluster",
    });
    expect(JSON.parse(String(await stage.ask("HGET", NAMES.records, "b:payments")))).toMatchObject({
      ...{ f: 1, o: "victim" },
    });
    await works(stage);
  });

  test.each([
    ["records", NAMES.records],
    ["meta", NAMES.meta],
    ["votes", NAMES.votes],
  ])("a foreign value at %s is told with its error, and fails no call", async (_name, key) => {
    await stop();
    await begin({ heartbeatMs: 100 });
    await stage.ask("DEL", key);
    await stage.ask("SET", key, "somebody else's");
    const degraded = () => stage.events.filter(({ type }) => type === "cluster.degraded");
    expect(await stage.cluster.forceOpen("payments")).toMatchObject({ scope: "local-only" });
    await until(() => degraded().length > 0);
    expect(degraded()[0]).toMatchObject({ reason: "unreachable" });
    await works(stage);
    await until(() => JSON.stringify(degraded()).includes("WRONGTYPE"));
    await stage.ask("DEL", key);
    await until(() => stage.cluster.status.phase === "up" && stage.cluster.status.waiting === 0);
    expect(String(await stage.ask("HGET", NAMES.records, "b:payments"))).toContain('"f":1');
  });

  test("a store that answers readings and takes no writes is told, and heard out when it does", async () => {
    await stop();
    await begin({ heartbeatMs: 100 });
    const { server } = stage;
    const degraded = () => stage.events.filter(({ type }) => type === "cluster.degraded");
    // Needs more replicas than there are: what a master does that lost its replicas, or one that is one now.
    await server.ask("CONFIG", "SET", "min-replicas-to-write", "1");
    expect(await stage.cluster.forceOpen("payments")).toMatchObject({ scope: "local-only" });
    await until(() => degraded().length > 0);
    expect(degraded()[0]).toMatchObject({
      ...{ reason: "unreachable", waiting: 1 },
      error: { message: expect.stringContaining("NOREPLICAS") },
    });
    await works(stage);
    await server.ask("CONFIG", "SET", "min-replicas-to-write", "0");
    await until(() => stage.cluster.status.phase === "up" && stage.cluster.status.waiting === 0);
    expect(String(await stage.ask("HGET", NAMES.records, "b:payments"))).toContain('"f":1');
  });

  test("a foreign value at audit keeps nobody from forcing and resetting", async () => {
    await stage.ask("SET", NAMES.audit, "somebody else's");
    expect(await stage.cluster.forceOpen("payments")).toMatchObject({ scope: "cluster" });
    expect(await stage.cluster.reset("payments")).toMatchObject({ scope: "cluster" });
  });

  test("secret: what is not signed, or with another secret, or for another channel is dropped", async () => {
    await stop();
    await begin({ secret: SECRET });
    const beat = (o: string) => JSON.stringify({ p: 1, k: "beat", o, c: 1 });
    await stage.say(beat("unsigned"));
    await stage.say(new MessageSeal("another secret of theirs", NAMES.channel).sign(beat("other")));
    await stage.say(new MessageSeal(SECRET, "another channel").sign(beat("elsewhere")));
    await stage.say("é".repeat(43));
    await stage.say("");
    await stage.say(new MessageSeal(SECRET, NAMES.channel).sign(beat("good")));
    await until(() => stage.cluster.status.peers.includes("good"));
    expect(stage.cluster.status.peers).toEqual(["good"]);
    expect(rejected().signature).toBe(5);
    const told = stage.events.find(({ type }) => type === "cluster.rejected");
    expect(told).toMatchObject({ reason: "signature", count: 1 });
  });
});
