import { exactSum } from "./nano-usd.ts";
import type { TokenKind } from "./price-table.ts";

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
  const nano = a.nano + b.nano;
  const requests = a.requests + b.requests;
  const input = a.tokens.input + b.tokens.input;
  const cachedInput = a.tokens.cachedInput + b.tokens.cachedInput;
  const cacheWrite = a.tokens.cacheWrite + b.tokens.cacheWrite;
  const output = a.tokens.output + b.tokens.output;
  // None is negative, so the largest decides; each spend is recorded through here, so the quick way comes first.
  const largest = Math.max(nano, requests, input, cachedInput, cacheWrite, output);
  if (largest > Number.MAX_SAFE_INTEGER) {
    exactSum("record a spend", "nano-USD", a.nano, b.nano);
    exactSum("record a spend", "requests", a.requests, b.requests);
    exactSum("record a spend", "tokens", largest, 0);
  }
  return { nano, requests, tokens: { input, cachedInput, cacheWrite, output } };
}
