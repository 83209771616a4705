import { describe, expect, test } from "vitest";
import {
  createEventBus,
  isCircuitOpenError,
  type TelltaleBus,
  type TelltaleEvent,
} from "../../src/index.ts";
import { QuotaExceededError } from "../../src/quota/index.ts";
import { createMemoryStore } from "../../src/state/index.ts";
import {
  connectOwner,
  type OwnerConnection,
  type OwnerConnectionOptions,
  type OwnerOptions,
} from "../../src/workers/index.ts";
import { BOOM } from "../support/breaker.ts";
import { OwnerWorld } from "../support/owner-world.ts";

const OPTIONS: OwnerOptions = {
  breakers: { chat: { failureThreshold: 2, cooldownMs: 10_000, latencyTripMs: 1_000 }, embed: {} },
  ledger: {
    prices: { openai: { "gpt-5": { perMillion: { output: 1 } } } },
    budgets: [{ name: "month", usdPerMonth: 1, hard: true }],
  },
};
const SPEND = { provider: "openai", model: "gpt-5" };

/** A Worker's isolate: what it keeps between requests. */
class Isolate {
  readonly world: OwnerWorld;
  readonly bus: TelltaleBus = createEventBus();
  readonly events: TelltaleEvent[] = [];
  readonly connection: OwnerConnection;

  constructor(world: OwnerWorld, options: OwnerConnectionOptions = {}) {
    this.world = world;
    const { time } = world;
    this.bus.on("owner.*", (event) => void this.events.push(event));
    const shared = { clock: time, timers: time, random: () => 0.5, bus: this.bus };
    this.connection = connectOwner("openai", { ...shared, ...options });
  }

  within(scope: object = {}) {
    const { namespace, lifetime } = this.world;
    return this.connection.within({ namespace, lifetime, ...scope });
  }

  ok(breaker = "chat", options = {}) {
    return this.world.time.until(this.within().execute(breaker, async () => "fine", options));
  }

  fail(breaker = "chat") {
    return this.world.time.until(this.within().execute(breaker, () => Promise.reject(BOOM)));
  }

  types(): string[] {
    return this.events.map(({ type }) => type);
  }
}

function world(options: Partial<OwnerOptions> = {}) {
  const made = new OwnerWorld({ ...OPTIONS, ...options });
  return { world: made, one: new Isolate(made), other: new Isolate(made) };
}

describe("a call of an owned provider", () => {
  test("runs, hands its value or its error over untouched, and is counted by the owner", async () => {
    const {
      world: { owner, settled },
      world: made,
      one,
    } = world();
    expect(await one.ok()).toMatchObject({ outcome: "ok", value: "fine", countedAs: "success" });
    expect(await one.fail()).toMatchObject({ outcome: "error", error: BOOM, countedAs: "error" });
    await settled.call(made);
    expect(owner.status().breakers["chat"]).toMatchObject({
      state: "closed",
      consecutiveFailures: 1,
    });
    await expect(one.within().call("chat", () => Promise.reject(BOOM))).rejects.toBe(BOOM);
    expect(await one.within().call("embed", () => 7)).toBe(7);
  });

  test("a breaker that opened in one isolate refuses in another", async () => {
    const { world: made, one, other } = world();
    await one.fail();
    await one.fail();
    await made.settled();
    const refused = await other.ok();
    expect(refused).toMatchObject({
      outcome: "circuit-open",
      reason: "open",
      retryAfterMs: 10_000,
    });
    const error = await other
      .within()
      .call("chat", () => "never")
      .catch((thrown: unknown) => thrown);
    expect(isCircuitOpenError(error)).toBe(true);
    expect(error).toMatchObject({ breaker: "chat", state: "open", skipsSinceOpened: 2 });
    expect((await other.ok("embed")).outcome).toBe("ok");
  });

  test("a call asks the owner once in cacheMs, and an open verdict is held to its deadline", async () => {
    const { world: made, one } = world();
    const asks = () => made.requests.filter(({ method }) => method === "ask").length;
    await one.ok();
    for (let n = 0; n < 50; n++) await one.ok();
    expect(asks()).toBe(1);
    made.time.nowMs += 2_000;
    await one.ok();
    expect(asks()).toBe(2);
    await made.settled();
    await one.fail();
    await one.fail();
    await made.settled();
    const before = asks();
    for (let n = 0; n < 99; n++) {
      made.time.nowMs += 100;
      expect((await one.ok()).outcome).toBe("circuit-open");
    }
    expect(asks()).toBe(before);
    expect(one.connection.stats).toMatchObject({ admissions: 153, waited: 2, failed: 0 });
  });

  test("the option cacheMs is how long the last answer is gone by", async () => {
    const made = new OwnerWorld(OPTIONS);
    const one = new Isolate(made, { cacheMs: 5_000 });
    await one.ok();
    made.time.nowMs += 4_999;
    await one.ok();
    await made.settled();
    expect(one.connection.stats.waited).toBe(1);
  });

  test("results are counted by the owner, each once, however many there are", async () => {
    const { world: made, one } = world();
    const counted = () =>
      made.requests
        .flatMap(({ request }) => request.calls)
        .filter(({ breaker }) => breaker === "chat");
    for (let n = 0; n < 2_400; n++) await one.within().execute("chat", async () => n);
    await made.time.until(one.within().flush());
    await made.settled();
    expect(counted()).toHaveLength(2_400);
    expect(made.requests.length).toBeLessThan(2_400 / 50);
  });

  test("refusals are counted by the owner, each once", async () => {
    const { world: made, one, other } = world();
    await one.fail();
    await one.fail();
    await made.settled();
    await other.ok();
    for (let n = 0; n < 40; n++) {
      made.time.nowMs += 100;
      await one.ok();
      await other.ok();
    }
    await made.time.until(Promise.all([one.within().flush(), other.within().flush()]));
    expect(made.owner.status().breakers["chat"]?.skipsSinceOpened).toBe(81);
  });

  test("one call probes for all isolates when the cooldown is over, and its success closes", async () => {
    const { world: made, one, other } = world();
    await one.fail();
    await one.fail();
    await made.settled();
    await other.ok();
    made.time.nowMs += 10_000;
    let finish = (_value: string): void => {};
    const probe = one.within().execute(
      "chat",
      () =>
        new Promise<string>((resolve) => {
          finish = resolve;
        }),
    );
    await made.time.pass(0);
    expect(await other.ok()).toMatchObject({ outcome: "circuit-open", reason: "half_open" });
    expect(await one.ok()).toMatchObject({ outcome: "circuit-open", reason: "half_open" });
    finish("back");
    expect(await made.time.until(probe)).toMatchObject({ outcome: "ok", value: "back" });
    await made.settled();
    expect(made.owner.status().breakers["chat"]?.state).toBe("closed");
    made.time.nowMs += 2_000;
    expect((await other.ok()).outcome).toBe("ok");
  });

  test("a call that was under way when the breaker opened does not decide as a probe", async () => {
    const { world: made, one, other } = world();
    let finish = (_value: string): void => {};
    const slow = one.within().execute(
      "chat",
      () =>
        new Promise<string>((resolve) => {
          finish = resolve;
        }),
    );
    await made.time.pass(0);
    await other.fail();
    await other.fail();
    await made.settled();
    made.time.nowMs += 10_000;
    finish("late");
    await made.time.until(slow);
    await made.time.until(one.within().flush());
    expect(made.owner.status().breakers["chat"]?.state).toBe("half_open");
  });

  test("a probe whose object is gone decides nothing", async () => {
    const { world: made, one } = world();
    await one.fail();
    await one.fail();
    await made.settled();
    made.time.nowMs += 10_000;
    const probe = one.within().execute("chat", async () => {
      made.crash();
      return "back";
    });
    await made.time.until(probe);
    await made.settled();
    expect(made.owner.status().breakers["chat"]?.state).toBe("half_open");
    made.time.nowMs += 2_000;
    expect((await one.ok()).outcome).toBe("ok");
    await made.settled();
    expect(made.owner.status().breakers["chat"]?.state).toBe("closed");
  });

  test("a slow call counts as latency, by the owner's limit", async () => {
    const { world: made, one } = world();
    await one.ok();
    const slow = () =>
      made.time.until(
        one.within().execute("chat", async () => {
          made.time.nowMs += 1_001;
          return "slow";
        }),
      );
    expect(await slow()).toMatchObject({ outcome: "latency", value: "slow", latencyTripped: true });
    await slow();
    await made.settled();
    expect(made.owner.status().breakers["chat"]?.state).toBe("open");
  });

  test("the option classify decides, and is told when it throws", async () => {
    const bus = createEventBus();
    const told: TelltaleEvent[] = [];
    bus.on("circuit.callback_failed", (event) => void told.push(event));
    const made = new OwnerWorld({ ...OPTIONS, bus });
    const strict = new Isolate(made, { classify: ({ ok }) => (ok ? "error" : "success") });
    expect(await strict.ok()).toMatchObject({ outcome: "ok", countedAs: "error" });
    const broken = new Isolate(made, {
      classify: () => {
        throw new RangeError("no");
      },
    });
    expect(await broken.ok()).toMatchObject({ outcome: "ok", countedAs: "success" });
    await made.time.until(broken.within().flush());
    await made.settled();
    expect(told).toMatchObject([
      { callback: "classify", error: { name: "RangeError" }, breaker: "chat" },
    ]);
  });

  test("a call that its signal cancelled counts as cancelled", async () => {
    const { world: made, one } = world();
    const aborting = new AbortController();
    const result = await made.time.until(
      one.within().execute(
        "chat",
        async () => {
          aborting.abort();
          throw BOOM;
        },
        { signal: aborting.signal },
      ),
    );
    expect(result).toMatchObject({ outcome: "error", countedAs: "cancelled" });
    await made.settled();
    expect(made.owner.status().breakers["chat"]?.consecutiveFailures).toBe(0);
  });

  test("the context of a call is on the owner's events", async () => {
    const bus = createEventBus();
    const told: TelltaleEvent[] = [];
    bus.on("circuit.failure", (event) => void told.push(event));
    const made = new OwnerWorld({ ...OPTIONS, bus });
    const one = new Isolate(made);
    await made.time.until(
      one.within().execute("chat", () => Promise.reject(BOOM), { context: { delivery: "d-1" } }),
    );
    await made.settled();
    expect(told).toMatchObject([
      { context: { delivery: "d-1" }, error: { message: BOOM.message } },
    ]);
  });

  test("degraded breakers shed their share, by the option random", async () => {
    const breakers = { chat: { failureThreshold: 9, degradation: [1, 0.4] } };
    const made = new OwnerWorld({ ...OPTIONS, breakers });
    const [unlucky, lucky] = [new Isolate(made), new Isolate(made, { random: () => 0.39 })];
    await unlucky.fail();
    await made.settled();
    expect(await unlucky.ok()).toMatchObject({ outcome: "circuit-open", reason: "degraded" });
    expect((await lucky.ok()).outcome).toBe("ok");
  });
});

test("an operator acts on the owner, and every isolate hears of it", async () => {
  const { world: made, one, other } = world();
  await other.ok();
  const { breakers } = await one.within().control({ breaker: "chat", action: "forceOpen" });
  expect(breakers["chat"]?.state).toBe("forced_open");
  made.time.nowMs += 2_000;
  expect(await other.ok()).toMatchObject({ outcome: "circuit-open", reason: "forced_open" });
  await one.within().control({ breaker: "chat", action: "reset" });
  made.time.nowMs += 2_000;
  expect((await other.ok()).outcome).toBe("ok");
  expect(await one.within().status()).toMatchObject({ owner: "openai", exhausted: [] });
});

describe("quota and money of an owned provider", () => {
  test("a quota mark of one isolate holds in another, for as long as it says", async () => {
    const { world: made, one, other } = world();
    const exceeded = new QuotaExceededError("used up", { retryAfterMs: 60_000 });
    await made.time.until(one.within().execute("chat", () => Promise.reject(exceeded)));
    await made.settled();
    expect(await other.ok()).toMatchObject({ outcome: "circuit-open", reason: "quota" });
    made.crash();
    made.time.nowMs += 30_000;
    expect(await other.ok("embed")).toMatchObject({ reason: "quota", retryAfterMs: 30_000 });
    made.time.nowMs += 30_000;
    expect((await other.ok()).outcome).toBe("ok");
  });

  test("a returned 429 marks the provider for what its header says", async () => {
    const { world: made, one } = world();
    const response = new Response("", { status: 429, headers: { "retry-after": "20" } });
    await made.time.until(one.within().execute("embed", async () => response));
    await made.settled();
    expect(await one.ok("embed")).toMatchObject({ reason: "quota", retryAfterMs: 20_000 });
    const options = { provider: "another" };
    expect((await one.ok("embed", options)).outcome).toBe("ok");
  });

  test("what a call cost is in the ledger, once, and survives a crash", async () => {
    const { world: made, one } = world();
    const spend = () => ({ ...SPEND, tokens: { output: 100_000 } });
    await one.ok("chat", { spend });
    await made.settled();
    expect(made.owner.status().spent?.nano).toBe(100_000_000);
    made.crash();
    expect(made.owner.status().spent).toMatchObject({ nano: 100_000_000, requests: 1 });
  });

  test("trap 56: a lost reply makes the isolate send a spend again, which counts once", async () => {
    const { world: made, one } = world();
    await one.ok();
    made.fates = ["lost", "lost", "refused"];
    const spent = one.within().spend({ ...SPEND, tokens: { output: 100_000 }, id: "call-1" });
    expect(await made.time.until(spent)).toBe(true);
    expect(made.requests.filter(({ method }) => method === "report")).toHaveLength(4);
    expect(made.owner.status().spent).toMatchObject({ nano: 100_000_000, requests: 1 });
    expect(one.types()).toEqual(["owner.unreachable", "owner.unreachable", "owner.reachable"]);
  });

  test("a spend that does not get through goes with the next report", async () => {
    const { world: made, one } = world();
    await one.ok();
    made.fates = ["refused", "refused", "refused", "refused"];
    const first = one.within().spend({ ...SPEND, tokens: { output: 1_000 }, id: "call-1" });
    expect(await made.time.until(first)).toBe(false);
    expect(made.owner.status().spent?.nano).toBe(0);
    const second = one.within().spend({ ...SPEND, tokens: { output: 1_000 }, id: "call-2" });
    expect(await made.time.until(second)).toBe(true);
    expect(made.owner.status().spent?.nano).toBe(2_000_000);
    expect(one.events.at(-1)).toMatchObject({ type: "owner.reachable", count: 4, waiting: 0 });
  });

  test("beyond spendLimit the oldest spend is lost, and told", async () => {
    const made = new OwnerWorld(OPTIONS);
    const one = new Isolate(made, { spendLimit: 2 });
    await one.ok();
    made.fates = Array.from({ length: 12 }, () => "refused");
    for (const id of ["a", "b", "c"]) {
      await made.time.until(one.within().spend({ ...SPEND, tokens: { output: 1_000 }, id }));
    }
    const lost = one.events.filter(({ type }) => type === "owner.spend_lost");
    expect(lost).toMatchObject([{ id: "a", reason: "overflow", ...SPEND }]);
    await made.time.until(one.within().flush());
    expect(made.owner.status().spent?.nano).toBe(2_000_000);
  });

  test("a spend that the ledger refuses is told, and holds nobody up", async () => {
    const { world: made, one } = world();
    const huge = { ...SPEND, usd: "9000000", id: "huge" };
    await made.time.until(one.within().spend(huge));
    await made.time.until(one.within().spend({ ...huge, id: "huge-2" }));
    const fine = one.within().spend({ ...SPEND, tokens: { output: 1_000 }, id: "fine" });
    expect(await made.time.until(fine)).toBe(true);
    const lost = one.events.filter(({ type }) => type === "owner.spend_lost");
    expect(lost).toMatchObject([{ id: "huge-2", reason: "refused" }]);
  });

  test("a spend that no ledger could take is refused where it is made", async () => {
    const { one } = world();
    const spend = { ...SPEND, tokens: { output: -1 } };
    await expect(one.within().spend(spend)).rejects.toThrow(
      "Cannot record spend: tokens.output must be a whole number, 0 or more, received -1",
    );
  });

  test("a spend function that throws leaves the call as it was, and is told", async () => {
    const bus = createEventBus();
    const told: TelltaleEvent[] = [];
    bus.on("circuit.callback_failed", (event) => void told.push(event));
    const made = new OwnerWorld({ ...OPTIONS, bus });
    const one = new Isolate(made);
    const spend = () => {
      throw BOOM;
    };
    expect((await one.ok("chat", { spend })).outcome).toBe("ok");
    await made.settled();
    expect(told).toMatchObject([{ callback: "spend" }]);
  });

  test("a hard budget that is used up refuses the model, and nothing else", async () => {
    const { world: made, one, other } = world();
    const spend = { ...SPEND, usd: 1, id: "all" };
    await made.time.until(one.within().spend(spend));
    const refused = await other.ok("chat", { model: "gpt-5" });
    expect(refused).toMatchObject({ outcome: "circuit-open", reason: "quota" });
    expect(refused).toMatchObject({ error: { cause: { reason: "budget", budget: "month" } } });
    expect((await other.ok("chat")).outcome).toBe("ok");
    expect((await other.ok("chat", { model: "another" })).outcome).toBe("ok");
  });
});

describe("an owner that does not answer", () => {
  const warm = async (made: OwnerWorld) => {
    const rows = new Map<string, string>();
    const store = createMemoryStore({ rows });
    await store.write([["openai", JSON.stringify(made.owner.exchange({ ...QUESTION }))]]);
    return store;
  };
  const QUESTION = {
    v: 1,
    probe: null,
    calls: [],
    skips: [],
    quota: [],
    callbacks: [],
    spends: [],
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

describe("connectOwner refuses", () => {
  test.each([
    [{ cacheMs: 999 }, "Cannot connect owner: cacheMs must be 1000 to 5000, received 999"],
    [{ cacheMs: 5_001 }, "cacheMs must be 1000 to 5000, received 5001"],
    [{ deadlineMs: 0 }, "deadlineMs must be a positive number of milliseconds, received 0"],
    [{ spendLimit: 0 }, "spendLimit must be a positive integer, received 0"],
    [{ classify: 1 }, "classify must be a function, received 1"],
    [{ bus: {} }, "bus.emit must be a function"],
    [{ clock: {} }, "clock.monotonicMs must be a function"],
    [{ timers: {} }, "timers.start must be a function"],
    [{ random: 1 }, "random must be a function, received 1"],
    [{ cachems: 1 }, 'unknown option "cachems", did you mean "cacheMs"?'],
  ])("%o", (options, message) => {
    expect(() => connectOwner("openai", options as object)).toThrow(message);
  });

  test("a scope that is none, and calls of breakers that there are not", async () => {
    const { world: made, one } = world();
    const { namespace, lifetime } = made;
    const within = (scope: object) => () => one.connection.within(scope as never);
    expect(within({ lifetime })).toThrow("namespace must be an object, received undefined");
    expect(within({ namespace, lifetime: {} })).toThrow("lifetime.waitUntil must be a function");
    expect(within({ namespace, lifetime, warmStart: {} })).toThrow("warmStart.load must be a func");
    expect(within({ namespace, lifetime, ctx: 1 })).toThrow('unknown option "ctx"');
    expect(() => connectOwner("")).toThrow("name must be a string of 1 to 256 characters");
    const calls = one.within();
    await expect(made.time.until(calls.execute("nope", () => 1))).rejects.toThrow(
      'Cannot call breaker "nope" of owner "openai": breaker must be one of the owner\'s',
    );
    await expect(calls.execute("chat", 7 as never)).rejects.toThrow("fn must be a function");
    const wrong = { modle: "x" } as object;
    await expect(calls.execute("chat", () => 1, wrong)).rejects.toThrow('did you mean "model"?');
    await expect(calls.execute("chat", () => 1, { model: "" })).rejects.toThrow("model must be a");
    await expect(calls.execute("chat", () => 1, { provider: "" })).rejects.toThrow("provider must");
  });
});
