import type { Measurement } from "../events/measurement.ts";
import { usdOf } from "./nano-usd.ts";
import { TOKEN_KINDS } from "./price-table.ts";
import { copied, type GrowingTotals, NOTHING, type SpendTotals } from "./spend-totals.ts";

/** What this process recorded of one model since it began. */
export interface OwnSpend extends GrowingTotals {
  readonly provider: string;
  readonly model: string;
}

/** Models that are counted apart; the names of further ones may come from outside, without end. */
const MOST_MODELS = 1_000;
const OTHERS = "__other__";

/** Counts what this process recorded, for metrics: they only grow, through months and merges. */
export class SpendCounters {
  readonly #models = new Map<string, Map<string, OwnSpend>>();
  #count = 0;
  #others: OwnSpend | undefined;
  /** Spends without a price. */
  unpriced = 0;

  of(provider: string, model: string): OwnSpend {
    const known = this.#models.get(provider)?.get(model);
    if (known !== undefined) return known;
    if (this.#count >= MOST_MODELS) {
      this.#others ??= made(OTHERS, OTHERS);
      return this.#others;
    }
    this.#count++;
    const models = this.#models.get(provider) ?? new Map<string, OwnSpend>();
    this.#models.set(provider, models);
    const own = made(provider, model);
    models.set(model, own);
    return own;
  }

  measured(): readonly Measurement[] {
    const all = [...this.#models.values()].flatMap((models) => [...models.values()]);
    if (this.#others !== undefined) all.push(this.#others);
    return [
      { metric: "telltale_spend_unpriced_total", words: [], value: this.unpriced },
      ...all.flatMap(measuredModel),
    ];
  }
}

/** Not checked for exactness: a counter is a Number in every pipeline, and what was spent is recorded exactly elsewhere. */
export function count(own: OwnSpend, spent: SpendTotals): void {
  own.nano += spent.nano;
  own.requests += spent.requests;
  for (const kind of TOKEN_KINDS) own.tokens[kind] += spent.tokens[kind];
}

const made = (provider: string, model: string): OwnSpend => ({
  provider,
  model,
  ...copied(NOTHING),
});

function measuredModel({ provider, model, nano, requests, tokens }: OwnSpend): Measurement[] {
  const words = [provider, model];
  return [
    { metric: "telltale_spend_usd_total", words, value: usdOf(nano) },
    { metric: "telltale_spend_requests_total", words, value: requests },
    ...TOKEN_KINDS.map((kind): Measurement => {
      const ofKind = { words: [...words, kind], value: tokens[kind] };
      return { metric: "telltale_spend_tokens_total", ...ofKind };
    }),
  ];
}
