import { createEventBus, type TelltaleEvent } from "../../src/index.ts";
import { CreditLedger } from "../../src/quota/credit-ledger.ts";
import type { CreditLedgerOptions } from "../../src/quota/ledger-options.ts";
import { FakeClock } from "./fake-clock.ts";

export const PRICES = {
  openai: {
    small: { perMillion: { input: "0.075", output: "0.3" } },
    large: { perMillion: { input: 2, output: 8 }, perRequest: "0.01" },
  },
  other: { "*": { perRequest: 1 } },
} as const;

/** A call of one dollar. */
export const DOLLAR = { provider: "other", model: "any" } as const;
export const USD = 1_000_000_000;
export const DAY_MS = 86_400_000;

/** A ledger with a clock of its own, and what it told. */
export function ledgerOf(
  options: Partial<CreditLedgerOptions> = {},
  clock = new FakeClock(),
): { ledger: CreditLedger; clock: FakeClock; told: TelltaleEvent[] } {
  const bus = createEventBus({ instance: "api-1" });
  const told: TelltaleEvent[] = [];
  bus.on("budget.*", (event) => told.push(event));
  const ledger = new CreditLedger({ prices: PRICES, writer: "a", bus, clock, ...options });
  return { ledger, clock, told };
}

/** The tiers that were told, by type. */
export const tiersOf = (told: readonly TelltaleEvent[], type: string): unknown[] =>
  told.filter((event) => event.type === type).map((event): unknown => Reflect.get(event, "tier"));
