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
  const sum = copied(a);
  addTo(sum, b);
  return sum;
}

/** Totals that grow in place: each spend is recorded by them, and a new object for each would cost as much again. */
export interface GrowingTotals {
  nano: number;
  requests: number;
  readonly tokens: Record<TokenKind, number>;
}

export function copied({ nano, requests, tokens }: SpendTotals): GrowingTotals {
  const { input, cachedInput, cacheWrite, output } = tokens;
  return { nano, requests, tokens: { input, cachedInput, cacheWrite, output } };
}

/** @throws {RangeError} when a sum is no longer exact; nothing is changed then */
export function addTo(sum: GrowingTotals, spent: SpendTotals): void {
  checkSum(sum, spent);
  const { tokens } = sum;
  sum.nano += spent.nano;
  sum.requests += spent.requests;
  tokens.input += spent.tokens.input;
  tokens.cachedInput += spent.tokens.cachedInput;
  tokens.cacheWrite += spent.tokens.cacheWrite;
  tokens.output += spent.tokens.output;
}

/** @throws {RangeError} when a sum would no longer be exact */
export function checkSum(a: SpendTotals, b: SpendTotals): void {
  const nano = a.nano + b.nano;
  const requests = a.requests + b.requests;
  const tokens = Math.max(
    a.tokens.input + b.tokens.input,
    a.tokens.cachedInput + b.tokens.cachedInput,
    a.tokens.cacheWrite + b.tokens.cacheWrite,
    a.tokens.output + b.tokens.output,
  );
  // None is negative, so the largest decides; each spend comes through here, so the quick way comes first.
  if (Math.max(nano, requests, tokens) <= Number.MAX_SAFE_INTEGER) return;
  exactSum("record a spend", "nano-USD", a.nano, b.nano);
  exactSum("record a spend", "requests", a.requests, b.requests);
  exactSum("record a spend", "tokens", tokens, 0);
}
