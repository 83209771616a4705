import { describe, expect, test } from "vitest";
import { OwnerWorld } from "../support/owner-world.ts";
import { Isolate, OPTIONS, SPEND, world } from "./isolate.ts";

// The budget is one dollar, and each call is estimated at 40 cents.
const estimate = { model: "gpt-5", usd: "0.4" };
const spend = (usd: string) => () => ({ ...SPEND, usd });

/** A call that runs until it is told to end. */
function underWay(isolate: Isolate, usd: string) {
  let end = (_: string): void => {};
  const running = new Promise<string>((resolve) => {
    end = resolve;
  });
  const options = { estimate, spend: spend(usd) };
  const result = isolate.within().execute("chat", () => running, options);
  return { result, end: () => end("done") };
}

describe("a call with an estimate", () => {
  test("cannot exceed a hard budget together with those under way in other isolates", async () => {
    const { world: made, one, other } = world();
    const calls = [underWay(one, "0.3"), underWay(other, "0.3")];
    await made.time.pass(0);
    const refused = await one.ok("chat", { estimate });
    expect(refused).toMatchObject({ outcome: "circuit-open", reason: "quota" });
    expect(refused).toMatchObject({ error: { cause: { reason: "budget", budget: "month" } } });
    for (const { end, result } of calls) {
      end();
      expect((await made.time.until(result)).outcome).toBe("ok");
    }
    await made.settled();
    expect(made.owner.status().budgets).toMatchObject([
      { spendNanoUsd: 600_000_000, reservedNanoUsd: 0 },
    ]);
    // What was not used is there again.
    expect((await other.ok("chat", { estimate, spend: spend("0.4") })).outcome).toBe("ok");
    expect((await one.ok("chat", { estimate })).outcome).toBe("circuit-open");
  });

  test("gives its estimate back when it fails, and when its report had to be sent again", async () => {
    const { world: made, one } = world();
    await one.ok();
    const failing = one
      .within()
      .execute("chat", () => Promise.reject(new Error("boom")), { estimate });
    await made.time.until(failing);
    await made.settled();
    made.fates = ["answered", "refused", "lost"];
    await one.ok("chat", { estimate });
    await made.settled();
    expect(made.owner.status().budgets).toMatchObject([{ reservedNanoUsd: 0 }]);
  });

  test("is held for longer than its object stays in memory, and no longer than its time", async () => {
    const { world: made, one, other } = world();
    const { result, end } = underWay(one, "0.4");
    await made.time.pass(0);
    made.crash();
    made.time.nowMs += 15_000;
    expect((await other.ok("chat", { estimate })).outcome).toBe("ok");
    await made.settled();
    const reserved = () => made.owner.status().budgets?.[0]?.reservedNanoUsd;
    expect(reserved()).toBe(400_000_000);
    made.crash();
    expect(reserved()).toBe(400_000_000);
    const more = { estimate: { model: "gpt-5", usd: "0.7" } };
    expect(await other.ok("chat", more)).toMatchObject({
      outcome: "circuit-open",
      reason: "quota",
    });
    end();
    await made.time.until(result);
    await made.settled();
    expect(reserved()).toBe(0);
    const rows = () => [...made.rows().keys()].filter((key) => key.startsWith("held:"));
    expect(rows()).toEqual([]);

    underWay(one, "0.4");
    await made.time.pass(0);
    made.putRow("held:damaged", '{"usage":');
    expect(rows()).toHaveLength(2);
    made.crash();
    made.time.nowMs += 600_000;
    expect(reserved()).toBe(0);
    expect(rows()).toEqual([]);
  });

  test("is recorded when the object that had reserved it is gone", async () => {
    const { world: made, one } = world();
    const { result, end } = underWay(one, "0.4");
    await made.time.pass(0);
    made.crash();
    end();
    await made.time.until(result);
    await made.settled();
    expect(made.owner.status().spent?.nano).toBe(400_000_000);
  });

  test("that is refused gives the slot of its probe back", async () => {
    const { world: made, one } = world();
    await one.fail();
    await one.fail();
    await made.time.until(one.within().spend({ ...SPEND, usd: "0.9", id: "most" }));
    made.time.nowMs += 10_000;
    expect(await one.ok("chat", { estimate })).toMatchObject({ reason: "quota" });
    await made.settled();
    made.time.nowMs += 2_000;
    expect((await one.ok()).outcome).toBe("ok");
    await made.settled();
    expect(made.owner.status().breakers["chat"]?.state).toBe("closed");
  });

  test("is refused while the owner cannot be asked, or runs by the option unreserved", async () => {
    const { world: made, one } = world();
    const lenient = new Isolate(made, { unreserved: "allow" });
    for (const isolate of [one, lenient]) await isolate.ok();
    made.fates = ["refused"];
    const refused = await one.ok("chat", { estimate });
    expect(refused).toMatchObject({ outcome: "circuit-open", reason: "quota", retryAfterMs: null });
    expect(refused).toMatchObject({ error: { cause: { reason: "unreachable" } } });
    expect((await one.ok("chat", { estimate })).outcome).toBe("circuit-open");
    made.fates = ["refused"];
    const ran = await lenient.ok("chat", { estimate, spend: spend("0.4") });
    expect(ran.outcome).toBe("ok");
    await made.settled();
    expect(made.owner.status().spent?.nano).toBe(400_000_000);
    const told = [one, lenient].map(({ events }) => events[0]);
    expect(told).toMatchObject([
      { asked: "reservation", fallback: "refused" },
      { asked: "reservation", fallback: "unreserved" },
    ]);
  });

  test("is refused by an owner without a ledger, and by one whose ledger cannot take it", async () => {
    const made = new OwnerWorld({ breakers: { chat: {} } });
    const poor = new Isolate(made);
    const refused = await poor.ok("chat", { estimate });
    expect(refused).toMatchObject({ reason: "quota", error: { cause: { reason: "no ledger" } } });
    const { world: rich, one } = world({ ledger: { ...OPTIONS.ledger, prices: {}, budgets: [] } });
    expect((await one.ok("chat", { estimate })).outcome).toBe("ok");
    await rich.settled();
  });
});
