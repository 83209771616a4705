import { sum } from "./nano-usd.ts";
import { TOKEN_KINDS, type TokenKind } from "./price-table.ts";

/** What was spent: money, requests and tokens. Whole numbers, 0 or more. */
export interface SpendTotals {
  /** Nano-USD. */
  readonly nano: number;
  readonly requests: number;
  readonly tokens: Readonly<Record<TokenKind, number>>;
}

/** Nothing was spent. */
export const NOTHING: SpendTotals = Object.freeze({
  nano: 0,
  requests: 0,
  tokens: Object.freeze({ input: 0, cachedInput: 0, cacheWrite: 0, output: 0 }),
});

/** @throws {RangeError} when a sum is no longer exact; nothing is changed then */
export function plus(a: SpendTotals, b: SpendTotals): SpendTotals {
  const add = (field: string, x: number, y: number): number => sum("record a spend", field, x, y);
  const tokens = { ...NOTHING.tokens };
  for (const kind of TOKEN_KINDS)
    tokens[kind] = add(`${kind} tokens`, a.tokens[kind], b.tokens[kind]);
  return {
    nano: add("nano-USD", a.nano, b.nano),
    requests: add("requests", a.requests, b.requests),
    tokens,
  };
}
