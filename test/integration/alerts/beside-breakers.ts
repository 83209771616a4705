import { BreakerRegistry } from "../../../src/index.ts";
import { CreditLedger, ExhaustionRegistry } from "../../../src/quota/index.ts";
import { joinCluster, MemoryStore } from "../../../src/redis/index.ts";
import { createMemoryStore, persist } from "../../../src/state/index.ts";
import { connectOwner } from "../../../src/workers/index.ts";
import { OwnerWorld } from "../../support/owner-world.ts";

/** An hour ago: what happened then alerts nobody any more. */
const BEFORE = {
  monotonicMs: () => performance.now(),
  epochMs: () => Date.now() - 3_600_000,
};

/** The first day of the next month after this moment, at midnight. */
function nextMonthMs(nowMs: number): number {
  const now = new Date(nowMs);
  return Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1);
}

/**
 * What a service has beside its breaker, all of it well: quota that is back once `recover` was called, a budget that lasts
 * for three weeks, a cluster of one task whose breaker was reset once, a store of which a row was rejected and an owner that
 * refused a spend, both an hour ago. The panels show it, and no alert fires.
 */
export async function besideBreakers() {
  const exhausted = new ExhaustionRegistry();
  exhausted.mark("openai");

  // In the second day of a month, whatever day it is: what is spent at this rate runs out before the month ends.
  const aheadMs = nextMonthMs(Date.now()) + 36 * 3_600_000 - Date.now();
  const ledger = new CreditLedger({
    prices: { openai: { "gpt-5": { perRequest: 5 } } },
    budgets: [{ name: "all", usdPerMonth: 100 }],
    clock: { epochMs: () => Date.now() + aheadMs },
  });
  ledger.record({ provider: "openai", model: "gpt-5", tokens: { input: 1_000, output: 100 } });

  const registry = new BreakerRegistry();
  registry.get("search");
  const cluster = joinCluster(registry, new MemoryStore().backplane(), { namespace: "service" });
  await cluster.reset("search", "after the deployment");

  const rows = new Map([["breaker:gone", "cut off"]]);
  const state = await persist(registry, createMemoryStore({ rows }), { clock: BEFORE });

  const { namespace, lifetime } = new OwnerWorld({
    breakers: { chat: {} },
    ledger: { prices: {} },
  });
  const owner = connectOwner("openai", { clock: BEFORE });
  const calls = owner.within({ namespace, lifetime });
  // Two months of the largest ledger there may be.
  for (const id of ["first", "beyond"]) {
    await calls.spend({ provider: "openai", model: "gpt-5", usd: "9000000", id });
  }
  const sources = [exhausted, ledger, cluster, state, owner] as const;
  return { sources, recover: () => exhausted.clear("openai") };
}
