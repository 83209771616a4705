import { describe, expect, test } from "vitest";
import { createMemoryStore } from "../../src/state/index.ts";
import { createKvStore } from "../../src/workers/index.ts";
import { QUESTION } from "../../src/workers/owner-request.ts";
import { OwnerWorld } from "../support/owner-world.ts";
import { VirtualTime } from "../support/virtual-time.ts";
import { Isolate, OPTIONS, world } from "./isolate.ts";
import { LaggingKv } from "./lagging-kv.ts";

describe("an owner that does not answer", () => {
  const warm = async (made: OwnerWorld) => {
    const rows = new Map<string, string>();
    const store = createMemoryStore({ rows });
    await store.write([["openai", JSON.stringify(made.owner.exchange(QUESTION))]]);
    return store;
  };

  test("a cold isolate waits for deadlineMs, goes on closed, and says so", async () => {
    const { world: made, one } = world();
    made.fates = ["hangs"];
    const startMs = made.time.nowMs;
    expect((await one.ok()).outcome).toBe("ok");
    expect(made.time.nowMs - startMs).toBe(250);
    expect(one.events).toMatchObject([
      {
        type: "owner.unreachable",
        owner: "openai",
        asked: "verdicts",
        reason: "deadline",
        fallback: "closed",
        ageMs: null,
        waitedMs: 250,
        count: 1,
      },
    ]);
  });

  test("the option deadlineMs is how long a request waits", async () => {
    const made = new OwnerWorld(OPTIONS);
    const one = new Isolate(made, { deadlineMs: 40 });
    made.fates = ["hangs"];
    await one.ok();
    expect(one.events).toMatchObject([{ waitedMs: 40 }]);
  });

  test("nobody else waits until it is asked again, cacheMs later", async () => {
    const { world: made, one } = world();
    made.fates = ["hangs", "hangs"];
    await one.ok();
    const startMs = made.time.nowMs;
    for (let n = 0; n < 20; n++) await one.ok();
    expect(made.time.nowMs).toBe(startMs);
    expect(one.connection.stats).toMatchObject({ waited: 1, failed: 1 });
    made.time.nowMs += 2_000;
    await one.ok();
    expect(one.connection.stats).toMatchObject({ waited: 2, failed: 2 });
  });

  test("an isolate that knows something goes by its last answer, however old", async () => {
    const { world: made, one } = world();
    await one.fail();
    await one.fail();
    await made.settled();
    made.time.nowMs += 2_500;
    made.fates = ["refused"];
    expect(await one.ok("embed")).toMatchObject({ outcome: "ok" });
    expect(one.events).toMatchObject([
      { type: "owner.unreachable", reason: "error", fallback: "cache", ageMs: 2_500 },
    ]);
    expect(await one.ok()).toMatchObject({ outcome: "circuit-open", retryAfterMs: 7_500 });
  });

  test("a cold isolate goes by the warm start, with its age taken off", async () => {
    const { world: made, one, other } = world();
    await one.fail();
    await one.fail();
    await made.settled();
    const warmStart = await warm(made);
    made.time.nowMs += 4_000;
    made.fates = ["refused"];
    const refused = await made.time.until(
      other.within({ warmStart }).execute("chat", () => "never"),
    );
    expect(refused).toMatchObject({ outcome: "circuit-open", retryAfterMs: 6_000, openMs: 4_000 });
    expect(other.events).toMatchObject([
      { type: "owner.unreachable", fallback: "snapshot", ageMs: 4_000 },
    ]);
  });

  test("a warm start of a clock that runs ahead never makes anybody wait longer", async () => {
    const { world: made, one, other } = world();
    await one.fail();
    await one.fail();
    await made.settled();
    const warmStart = await warm(made);
    made.time.jumpWall(-3_600_000);
    made.fates = ["refused"];
    const refused = await made.time.until(
      other.within({ warmStart }).execute("chat", () => "never"),
    );
    expect(refused).toMatchObject({ outcome: "circuit-open", retryAfterMs: 10_000 });
  });

  test("a warm start by way of a KV that lags is as old as it is, and says so", async () => {
    const time = new VirtualTime();
    const kv = new LaggingKv(time);
    const storeAt = (place: string) => createKvStore(kv.at(place), { clock: time, timers: time });
    const breakers = { chat: { failureThreshold: 1, cooldownMs: 300_000 } };
    const made = new OwnerWorld({ breakers, warmStart: storeAt("owner") }, { time });
    const [near, early, late] = [new Isolate(made), new Isolate(made), new Isolate(made)];
    await near.fail();
    await made.settled();
    await time.pass(10_000);
    const cold = (isolate: Isolate, place: string) => {
      made.fates = ["refused"];
      const calls = isolate.within({ warmStart: storeAt(place) });
      return time.until(calls.execute("chat", async () => "ran"));
    };
    // Ten seconds later the other place has not heard of it.
    expect(await cold(early, "elsewhere")).toMatchObject({ outcome: "ok" });
    expect(early.events).toMatchObject([{ fallback: "closed" }]);
    await time.pass(61_000);
    expect(await cold(late, "elsewhere")).toMatchObject({ outcome: "circuit-open" });
    const [told] = late.events;
    expect(told).toMatchObject({ fallback: "snapshot" });
    expect(told !== undefined && "ageMs" in told ? told.ageMs : 0).toBeGreaterThan(70_000);
  });

  test("a warm start that is damaged is as none", async () => {
    const { world: made, one } = world();
    const warmStart = createMemoryStore();
    await warmStart.write([["openai", '{"kind":"telltale.owner","v":1}']]);
    made.fates = ["refused"];
    const result = await made.time.until(one.within({ warmStart }).execute("chat", () => "fine"));
    expect(result.outcome).toBe("ok");
    expect(one.events).toMatchObject([{ fallback: "closed" }]);
  });

  test("an answer that comes after the deadline is taken in", async () => {
    const { world: made, one, other } = world();
    await other.fail();
    await other.fail();
    await made.settled();
    const { namespace, lifetime, time } = made;
    const slow = {
      getByName: (name: string) => {
        const stub = namespace.getByName(name);
        return {
          ...stub,
          ask: async (request: Parameters<typeof stub.ask>[0]) => {
            await new Promise<void>((resolve) => void time.start(resolve, 300));
            return stub.ask(request);
          },
        };
      },
    };
    const scope = { namespace: slow, lifetime };
    const first = one.connection.within(scope).execute("chat", () => "ran");
    expect((await time.until(first)).outcome).toBe("ok");
    await time.pass(100);
    expect((await one.ok()).outcome).toBe("circuit-open");
    expect(one.types()).toEqual(["owner.unreachable", "owner.reachable"]);
  });

  test("an answer that was overtaken by a newer one is left out; a clock that was set back overtakes nothing", async () => {
    const { world: made, one, other } = world();
    await other.ok();
    const { namespace, lifetime, time } = made;
    let release = (): void => {};
    const slow = {
      getByName: (name: string) => {
        const stub = namespace.getByName(name);
        return {
          ...stub,
          ask: async (request: Parameters<typeof stub.ask>[0]) => {
            const answer = await stub.ask(request);
            await new Promise<void>((resolve) => {
              release = resolve;
            });
            return answer;
          },
        };
      },
    };
    const overtaken = one.connection.within({ namespace: slow, lifetime }).execute("chat", () => 1);
    await time.pass(10);
    await other.fail();
    await other.fail();
    await time.pass(10);
    expect((await one.ok()).outcome).toBe("circuit-open");
    release();
    await overtaken;
    expect((await one.ok()).outcome).toBe("circuit-open");
    time.jumpWall(-3_600_000);
    await one.within().control({ breaker: "chat", action: "reset" });
    await time.until(one.within().flush());
    expect((await one.ok()).outcome).toBe("ok");
  });

  test("a due probe runs once without a permit, and the others are refused", async () => {
    const { world: made, one } = world();
    await one.fail();
    await one.fail();
    await made.settled();
    made.time.nowMs += 10_000;
    made.fates = Array.from({ length: 10 }, () => "refused");
    expect((await one.ok()).outcome).toBe("ok");
    expect(await one.ok()).toMatchObject({ outcome: "circuit-open", reason: "half_open" });
  });

  test("a loss is told at the 1st, 2nd, 4th, 8th time, and its end once", async () => {
    const { world: made, one } = world();
    made.fates = Array.from({ length: 9 }, () => "refused");
    for (let n = 0; n < 10; n++) {
      await one.ok();
      made.time.nowMs += 2_000;
    }
    await made.settled();
    const counts = one.events.map((event) => ("count" in event ? event.count : null));
    expect(one.types().at(-1)).toBe("owner.reachable");
    expect(counts).toEqual([1, 2, 4, 8, 9]);
  });

  test("an answer that is no answer is a failure", async () => {
    const { world: made, one } = world();
    const { lifetime } = made;
    const stub = made.namespace.getByName("openai");
    const wrong = { getByName: () => ({ ...stub, ask: async () => ({ v: 2 }) }) };
    const provider = one.connection.within({ namespace: wrong, lifetime });
    expect((await made.time.until(provider.execute("chat", () => 1))).outcome).toBe("ok");
    expect(one.events).toMatchObject([{ reason: "error", error: { name: "SnapshotError" } }]);
  });
});
