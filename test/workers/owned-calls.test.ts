import { describe, expect, test } from "vitest";
import { createEventBus, isCircuitOpenError, type TelltaleEvent } from "../../src/index.ts";
import { BOOM } from "../support/breaker.ts";
import { OwnerWorld } from "../support/owner-world.ts";
import { Isolate, OPTIONS, world } from "./isolate.ts";

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

  test("a probe whose object is gone meanwhile decides all the same", async () => {
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
    expect(made.owner.status().breakers["chat"]?.state).toBe("closed");
  });

  test("a failure of a closed period that is over does not count in the next one", async () => {
    const { world: made, one, other } = world();
    let fail = (_: unknown): void => {};
    const running = new Promise<never>((_, reject) => {
      fail = reject;
    });
    const slow = one.within().execute("chat", () => running);
    await made.time.pass(0);
    await other.fail();
    await other.fail();
    await made.settled();
    await other.within().control({ breaker: "chat", action: "reset" });
    fail(BOOM);
    await made.time.until(slow);
    await made.settled();
    expect(made.owner.status().breakers["chat"]?.consecutiveFailures).toBe(0);
    await one.fail();
    await made.settled();
    expect(made.owner.status().breakers["chat"]?.consecutiveFailures).toBe(1);
  });

  test("while one request asks, the others go by what the isolate has", async () => {
    const { world: made, one } = world();
    await one.ok();
    await made.settled();
    made.time.nowMs += 2_000;
    made.fates = ["hangs"];
    const asking = one.within().execute("chat", async () => "waited");
    await made.time.pass(10);
    const startMs = made.time.nowMs;
    expect((await one.ok()).outcome).toBe("ok");
    expect(made.time.nowMs).toBe(startMs);
    expect((await made.time.until(asking)).outcome).toBe("ok");
    expect(one.connection.stats).toMatchObject({ admissions: 3, waited: 2 });
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
