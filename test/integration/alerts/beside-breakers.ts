import { BreakerRegistry } from "../../../src/index.ts";
import { CreditLedger, ExhaustionRegistry } from "../../../src/quota/index.ts";
import { joinCluster, MemoryStore } from "../../../src/redis/index.ts";

/** The first day of the next month after this moment, at midnight. */
function nextMonthMs(nowMs: number): number {
  const now = new Date(nowMs);
  return Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1);
}

/**
 * What a service has beside its breaker, all of it well: quota that is back once `recover` was called, a budget that lasts
 * for three weeks, a cluster of one task whose breaker was reset once. The panels show it, and no alert fires.
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
  const sources = [exhausted, ledger, cluster] as const;
  return { sources, recover: () => exhausted.clear("openai") };
}
