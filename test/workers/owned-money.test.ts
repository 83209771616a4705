import { describe, expect, test } from "vitest";
import { createEventBus, type TelltaleEvent } from "../../src/index.ts";
import { QuotaExceededError } from "../../src/quota/index.ts";
import { BOOM } from "../support/breaker.ts";
import { OwnerWorld } from "../support/owner-world.ts";
import { Isolate, OPTIONS, SPEND, world } from "./isolate.ts";

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

  test("the option quota of the owner's breaker refuses in every isolate", async () => {
    let waitMs = 5_000;
    const breakers = { chat: { quota: () => waitMs } };
    const made = new OwnerWorld({ ...OPTIONS, breakers });
    const one = new Isolate(made);
    expect(await one.ok()).toMatchObject({ reason: "quota", retryAfterMs: 5_000 });
    waitMs = Number.POSITIVE_INFINITY;
    made.time.nowMs += 2_000;
    expect(await one.ok()).toMatchObject({ reason: "quota", retryAfterMs: null });
    waitMs = 0;
    made.time.nowMs += 2_000;
    expect((await one.ok()).outcome).toBe("ok");
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

  test("what one request is sending no other sends meanwhile", async () => {
    const { world: made, one } = world();
    await one.ok();
    made.fates = ["hangs"];
    const spend = (id: string) => one.within().spend({ ...SPEND, tokens: { output: 1 }, id });
    void spend("a");
    await made.time.pass(10);
    expect(await made.time.until(spend("b"))).toBe(true);
    expect(made.requests.at(-1)?.request.spends.map(({ id }) => id)).toEqual(["b"]);
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
