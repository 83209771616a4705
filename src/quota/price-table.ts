import type { Check } from "../events/check.ts";
import { exactSum, type NanoUsd, nanoUsd } from "./nano-usd.ts";

/** The kinds of tokens that providers charge apart. */
export const TOKEN_KINDS = ["input", "cachedInput", "cacheWrite", "output"] as const;
/** A kind of tokens that providers charge apart. */
export type TokenKind = (typeof TOKEN_KINDS)[number];

/** Tokens of one call by kind; a kind that is missing is 0. */
export type Tokens = Readonly<Partial<Record<TokenKind, number>>>;

/** What one model costs, from a day on. Amounts are USD, as a number or an exact decimal string. */
export interface Price {
  /** The first moment at which it holds, in epoch milliseconds; without it, since ever. */
  readonly fromMs?: number;
  /** USD per million tokens of each kind; a kind that is missing costs what `input` does, or nothing without that. */
  readonly perMillion?: Readonly<Partial<Record<TokenKind, number | string>>>;
  /** USD per request. */
  readonly perRequest?: number | string;
}

/** Prices by provider and model: the user's data. `"*"` stands for every model that is not named. */
export type PriceTable = Readonly<
  Record<string, Readonly<Record<string, Price | readonly Price[]>>>
>;

interface CheckedPrice {
  readonly fromMs: number;
  readonly perMillion: Readonly<Record<TokenKind, NanoUsd>>;
  readonly perRequest: NanoUsd;
}

const PRICE_KEYS = ["fromMs", "perMillion", "perRequest"];
const MILLION = 1_000_000;
const LONGEST_NAME = 256;
const MOST_NAMES = 10_000;

/** A price table that was checked once: looks a price up and works costs out exactly. */
export class Prices {
  /** Newest first, by provider and model. */
  readonly #prices: ReadonlyMap<string, ReadonlyMap<string, readonly CheckedPrice[]>>;

  /** @throws {TypeError|RangeError} naming the provider, the model and the field that cannot be used */
  constructor(check: Check, table: PriceTable) {
    const providers = Object.entries(check.object("prices", table));
    if (providers.length > MOST_NAMES)
      check.range("prices", `at most ${MOST_NAMES} providers`, providers.length);
    this.#prices = new Map(
      providers.map(([provider, models]) => [provider, modelsOf(check, provider, models)]),
    );
  }

  /** The models that the table names, with their providers. */
  *named(): Iterable<readonly [provider: string, model: string]> {
    for (const [provider, models] of this.#prices) {
      for (const model of models.keys()) if (model !== "*") yield [provider, model];
    }
  }

  /** Whether the table names the model, or all models of the provider. */
  knows(provider: string, model: string): boolean {
    return this.#of(provider, model) !== undefined;
  }

  /**
   * What a call costs at a moment, rounded to the nearest nano-USD; undefined when the table has no price for it.
   *
   * @throws {RangeError} when it is too large to be exact
   */
  cost(
    provider: string,
    model: string,
    used: { readonly tokens: Tokens; readonly requests: number },
    atMs: number,
  ): NanoUsd | undefined {
    const price = this.#of(provider, model)?.find(({ fromMs }) => fromMs <= atMs);
    if (price === undefined) return undefined;
    let nano = price.perRequest * used.requests;
    for (const kind of TOKEN_KINDS) {
      const tokens = used.tokens[kind];
      if (tokens === undefined || tokens === 0) continue;
      nano = exactSum(
        "work out a cost",
        "the parts",
        nano,
        perMillion(tokens, price.perMillion[kind]),
      );
    }
    return exactSum("work out a cost", "the parts", nano, 0);
  }

  #of(provider: string, model: string): readonly CheckedPrice[] | undefined {
    const models = this.#prices.get(provider);
    return models?.get(model) ?? models?.get("*");
  }
}

/** `tokens * nano / 1 000 000`, exact however large the product, half rounded up. */
function perMillion(tokens: number, nano: NanoUsd): NanoUsd {
  const product = tokens * nano;
  if (Number.isSafeInteger(product)) return Math.round(product / MILLION);
  return Number((BigInt(tokens) * BigInt(nano) + BigInt(MILLION / 2)) / BigInt(MILLION));
}

function modelsOf(
  check: Check,
  provider: string,
  models: unknown,
): ReadonlyMap<string, readonly CheckedPrice[]> {
  check.text("a provider's name in prices", provider, LONGEST_NAME);
  const entries = Object.entries(check.object(`prices.${provider}`, models));
  if (entries.length > MOST_NAMES)
    check.range(`prices.${provider}`, `at most ${MOST_NAMES} models`, entries.length);
  return new Map(
    entries.map(([model, given]) => {
      check.text(`a model's name in prices.${provider}`, model, LONGEST_NAME);
      const field = `prices.${provider}.${model}`;
      const prices = (Array.isArray(given) ? given : [given]).map((price) =>
        checkedPrice(check, field, price),
      );
      if (prices.length === 0) check.range(field, "a price or a list of at least one", given);
      prices.sort((a, b) => b.fromMs - a.fromMs);
      return [model, prices];
    }),
  );
}

function checkedPrice(check: Check, field: string, given: unknown): CheckedPrice {
  const price = check.keys(check.object(field, given), PRICE_KEYS, `${field}.`);
  const { fromMs = Number.NEGATIVE_INFINITY, perMillion: rates = {}, perRequest = 0 } = price;
  if (typeof fromMs !== "number" || Number.isNaN(fromMs)) {
    check.type(`${field}.fromMs`, "a moment in epoch milliseconds", fromMs);
  }
  const perKind = check.keys(
    check.object(`${field}.perMillion`, rates),
    TOKEN_KINDS,
    `${field}.perMillion.`,
  );
  const rate = (kind: TokenKind): NanoUsd => {
    const amount = perKind[kind] ?? perKind["input"] ?? 0;
    return nanoUsd(check, `${field}.perMillion.${kind}`, amount);
  };
  return {
    fromMs: Number(fromMs),
    perMillion: {
      input: rate("input"),
      cachedInput: rate("cachedInput"),
      cacheWrite: rate("cacheWrite"),
      output: rate("output"),
    },
    perRequest: nanoUsd(check, `${field}.perRequest`, perRequest),
  };
}
