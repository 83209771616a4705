import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Batch, nsPerCall } from "./measure.ts";
import type { Bench, Cell, Question } from "./question.ts";

type Quota = typeof import("../src/quota/index.ts");

/** `telltale/quota` as it is published. */
async function quota({ buildDir }: Bench): Promise<Quota> {
  return await import(pathToFileURL(join(buildDir, "quota", "index.js")).href);
}

const prices = { openai: { "gpt-5": { perMillion: { input: "1.25", output: 10 } } } };
const TOKENS = { input: 881, output: 120 };
const SPEND = { provider: "openai", model: "gpt-5", tokens: TOKENS };
const BUDGETS = [
  { name: "all", usdPerMonth: 9_000_000 },
  { name: "openai", provider: "openai", usdPerMonth: 9_000_000, hard: true },
];
const LIMITS = [{ provider: "openai", requestsPerMinute: 1e12, tokensPerDay: 1e15 }];

type LedgerOptions = ConstructorParameters<Quota["CreditLedger"]>[0];
type Ledger = InstanceType<Quota["CreditLedger"]>;

/** Makes a ledger of its own and does one thing after the other with it. */
function ledgerCell(
  cell: Pick<Cell, "id" | "label" | "targets">,
  options: Partial<LedgerOptions>,
  batchOf: (ledger: Ledger) => Batch,
): Cell {
  return {
    ...cell,
    async measure(bench) {
      const { CreditLedger } = await quota(bench);
      return await nsPerCall(batchOf(new CreditLedger({ prices, ...options })), bench.effort);
    },
  };
}

/** Records a spend that has no id. */
const plain =
  (ledger: Ledger): Batch =>
  async (count) => {
    let counted = 0;
    for (let n = 0; n < count; n++) if (ledger.record(SPEND).counted) counted++;
    return counted;
  };

/** Records spends with ids of which none was there before. */
function withIds(ledger: Ledger): Batch {
  let made = 0;
  return async (count) => {
    let counted = 0;
    for (let n = 0; n < count; n++) {
      const id = `request-${made++}`;
      if (ledger.record({ provider: "openai", model: "gpt-5", tokens: TOKENS, id }).counted)
        counted++;
    }
    return counted;
  };
}

function reserved(ledger: Ledger): Batch {
  return async (count) => {
    let counted = 0;
    for (let n = 0; n < count; n++) {
      const held = ledger.reserve(SPEND);
      if (held.ok && held.commit({ tokens: TOKENS }).counted) counted++;
    }
    return counted;
  };
}

const UNDER_A_MICROSECOND = [{ kind: "absolute", atMost: 1_000 }] as const;

/** What it costs to keep accounts of calls, and to ask whether a provider has quota. */
export const ledgers: Question = {
  title: "Quota and costs, in memory",
  unit: "ns",
  note: "A spend is checked, priced, added to its month and its day, and told to whom listens.",
  reference: "quota/record",
  cells: [
    ledgerCell({ id: "quota/record", label: "record", targets: UNDER_A_MICROSECOND }, {}, plain),
    ledgerCell(
      { id: "quota/record-budgets", label: "record, two budgets", targets: UNDER_A_MICROSECOND },
      { budgets: BUDGETS },
      plain,
    ),
    ledgerCell(
      {
        id: "quota/record-id",
        label: "record, two budgets, each with an id, the last 100 000 kept",
        targets: UNDER_A_MICROSECOND,
      },
      { budgets: BUDGETS },
      withIds,
    ),
    ledgerCell(
      { id: "quota/record-limits", label: "record, two budgets, two rate limits" },
      { budgets: BUDGETS, limits: LIMITS },
      plain,
    ),
    ledgerCell(
      { id: "quota/reserve", label: "reserve and commit, two budgets, two rate limits" },
      { budgets: BUDGETS, limits: LIMITS },
      reserved,
    ),
    {
      id: "quota/exhausted",
      label: "isExhausted, ten providers marked",
      async measure(bench) {
        const { ExhaustionRegistry } = await quota(bench);
        const exhausted = new ExhaustionRegistry();
        for (let n = 0; n < 10; n++) exhausted.mark(`provider-${n}`, { forMs: 86_400_000 });
        const batch: Batch = async (count) => {
          let marked = 0;
          for (let n = 0; n < count; n++) if (exhausted.isExhausted("provider-7")) marked++;
          return marked;
        };
        return await nsPerCall(batch, bench.effort);
      },
    },
  ],
};
