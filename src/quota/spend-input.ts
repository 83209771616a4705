import type { Check } from "../events/check.ts";
import { type NanoUsd, nanoUsd } from "./nano-usd.ts";
import { TOKEN_KINDS, type TokenKind, type Tokens } from "./price-table.ts";
import { SEPARATOR } from "./spend-rows.ts";

/** What was used, or will be: by one call, or by several together. */
export interface Usage {
  readonly provider: string;
  readonly model: string;
  /** Tokens by kind; a kind that is missing is 0. A token counts in one kind only. */
  readonly tokens?: Tokens;
  /** @default 1 */
  readonly requests?: number;
  /** What it costs, in USD, where the caller knows better than the price table. */
  readonly usd?: number | string;
}

/** One spend. */
export interface Spend extends Usage {
  /** Tells a repeated send from another spend. Without it every send counts. */
  readonly id?: string;
  /**
   * When it was, in epoch milliseconds: decides its month and its price.
   * @default now
   */
  readonly atMs?: number;
}

/** A usage that was checked. */
export interface CheckedUsage {
  readonly provider: string;
  readonly model: string;
  readonly tokens: Readonly<Record<TokenKind, number>>;
  readonly requests: number;
  readonly nano: NanoUsd | undefined;
}

/** A spend that was checked. */
export interface CheckedSpend extends CheckedUsage {
  readonly id: string | null;
  readonly atMs: number | undefined;
}

export const LONGEST_NAME = 256;
/** No date is further from 1970. */
const LAST_MS = 8.64e15 - 40 * 86_400_000;
const USAGE_KEYS = ["provider", "model", "tokens", "requests", "usd"];
const SPEND_KEYS = [...USAGE_KEYS, "id", "atMs"];
const NO_TOKENS = {};

/** @throws {TypeError|RangeError} naming the field that cannot be used */
export function checkedUsage(check: Check, given: Usage): CheckedUsage {
  return usageOf(check, check.keys(check.object("usage", given), USAGE_KEYS));
}

/** @throws {TypeError|RangeError} naming the field that cannot be used */
export function checkedSpend(check: Check, given: Spend): CheckedSpend {
  const spend = check.keys(check.object("spend", given), SPEND_KEYS);
  const { id, atMs } = spend;
  const { provider, model, tokens, requests, nano } = usageOf(check, spend);
  return {
    provider,
    model,
    tokens,
    requests,
    nano,
    id: id === undefined ? null : check.text("id", id, LONGEST_NAME),
    atMs: atMs === undefined ? undefined : momentOf(check, atMs),
  };
}

/** Tokens of all kinds together. */
export function tokenCount(tokens: Readonly<Record<TokenKind, number>>): number {
  return tokens.input + tokens.cachedInput + tokens.cacheWrite + tokens.output;
}

function usageOf(check: Check, given: Readonly<Record<string, unknown>>): CheckedUsage {
  const { tokens = NO_TOKENS, requests = 1, usd } = given;
  const byKind = check.keys(check.object("tokens", tokens), TOKEN_KINDS, "tokens.");
  return {
    provider: nameOf(check, "provider", given["provider"]),
    model: nameOf(check, "model", given["model"]),
    tokens: {
      input: countOf(check, "tokens.input", byKind["input"]),
      cachedInput: countOf(check, "tokens.cachedInput", byKind["cachedInput"]),
      cacheWrite: countOf(check, "tokens.cacheWrite", byKind["cacheWrite"]),
      output: countOf(check, "tokens.output", byKind["output"]),
    },
    requests: countOf(check, "requests", requests),
    nano: usd === undefined ? undefined : nanoUsd(check, "usd", usd),
  };
}

function nameOf(check: Check, field: string, value: unknown): string {
  const name = check.text(field, value, LONGEST_NAME);
  return name.includes(SEPARATOR) ? check.range(field, "a string without NUL", name) : name;
}

function countOf(check: Check, field: string, value: unknown): number {
  if (value === undefined) return 0;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  const allowed = "a whole number, 0 or more";
  return typeof value === "number"
    ? check.range(field, allowed, value)
    : check.type(field, allowed, value);
}

function momentOf(check: Check, value: unknown): number {
  const allowed = "a moment in epoch milliseconds";
  if (typeof value !== "number") return check.type("atMs", allowed, value);
  return Math.abs(value) <= LAST_MS ? value : check.range("atMs", allowed, value);
}
