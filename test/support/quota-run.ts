import type { EventBus } from "../../src/index.ts";
import { CreditLedger, ExhaustionRegistry, QuotaExceededError } from "../../src/quota/index.ts";
import type { FakeClock } from "./fake-clock.ts";

/** A provider that is out of quota and comes back, and a month in which a budget is used up. */
export function quotaRun({ bus, clock }: { bus: EventBus; clock: FakeClock }): void {
  const exhausted = new ExhaustionRegistry({ bus, clock });
  exhausted.mark("by hand");
  exhausted.markFrom("provider", new QuotaExceededError("used up", { retryAfterMs: 1_000 }));
  exhausted.clear("provider");
  const ledger = new CreditLedger({
    prices: { provider: { model: { perRequest: 2 } } },
    budgets: [{ name: "all", usdPerMonth: 10 }],
    depletionDays: [1],
    writer: "a",
    bus,
    clock,
  });
  ledger.record({ provider: "provider", model: "without a price" });
  for (let n = 0; n < 4; n++) ledger.record({ provider: "provider", model: "model" });
}
