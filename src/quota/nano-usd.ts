import { type Check, shown } from "../events/check.ts";

/**
 * Money is a whole number of nano-USD (1 USD = 1 000 000 000): a call of 4 tokens at $0.075 a million costs $0.0000003,
 * which micro-dollars would record as nothing. A Number holds $9.007 M exactly; every sum is checked against that.
 */
export type NanoUsd = number;

/** Nano-USD in one USD. */
const NANO_PER_USD = 1_000_000_000;

const DECIMALS = 9;
const AMOUNT = /^(\d{1,7})(?:\.(\d{1,9}))?$/;

/**
 * Reads an amount of USD exactly: `"0.075"` is 75 000 000. A string of up to 7 digits before and 9 after the point, or
 * a number, which is taken as it prints.
 *
 * @throws {TypeError|RangeError} when it is no amount, negative, finer than a nano-USD or too large
 */
export function nanoUsd(check: Check, field: string, value: unknown): NanoUsd {
  const allowed = 'an amount of USD such as 12 or "0.075", with at most 9 decimals';
  if (typeof value !== "string" && typeof value !== "number")
    return check.type(field, allowed, value);
  const [, whole, fraction = ""] = AMOUNT.exec(plain(value)) ?? [];
  if (whole === undefined) return check.range(field, allowed, value);
  const nano = Number(whole) * NANO_PER_USD + Number(fraction.padEnd(DECIMALS, "0"));
  return Number.isSafeInteger(nano) ? nano : check.range(field, allowed, value);
}

/** Numbers below a millionth print with an exponent. */
function plain(value: string | number): string {
  if (typeof value === "string") return value;
  const text = String(value);
  return text.includes("e-") ? value.toFixed(DECIMALS).replace(/0+$/, "") : text;
}

/** An amount as people write it, exact: 75 000 000 is `"0.075"`. */
export function formatUsd(nano: NanoUsd): string {
  const sign = nano < 0 ? "-" : "";
  const digits = String(Math.abs(nano)).padStart(DECIMALS + 1, "0");
  const fraction = digits.slice(-DECIMALS).replace(/0+$/, "");
  return `${sign}${digits.slice(0, -DECIMALS)}${fraction === "" ? "" : `.${fraction}`}`;
}

/** An amount in USD, for metrics: as near as a Number comes. */
export const usdOf = (nano: NanoUsd): number => nano / NANO_PER_USD;

/**
 * Adds two amounts or counts.
 * @throws {RangeError} when the sum is no longer exact
 */
export function exactSum(action: string, field: string, a: number, b: number): number {
  const total = a + b;
  if (Number.isSafeInteger(total)) return total;
  throw new RangeError(
    `Cannot ${action}: the sum of ${field} must stay within ${Number.MAX_SAFE_INTEGER}, received ${shown(a)} and ${shown(b)}`,
  );
}
