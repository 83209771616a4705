import type { Check } from "../events/check.ts";
import type { StateRow } from "./store.ts";

/** The longest key of a row, in bytes of UTF-8: the longest name of a breaker has 768. */
export const LONGEST_KEY = 1024;
/** The longest text of a row, in bytes of UTF-8: half of what a row of a Durable Object holds. */
export const LONGEST_TEXT = 1_048_576;

/** A surrogate without its other half, which UTF-8 cannot carry: the row would come back as another. */
const TORN = /\p{Surrogate}/u;

/** Whether a text has at most so many bytes in UTF-8. */
function fits(text: string, bytes: number): boolean {
  if (text.length > bytes) return false;
  // No UTF-16 unit takes more than three bytes.
  return text.length * 3 <= bytes || new TextEncoder().encode(text).length <= bytes;
}

/**
 * The key of a row.
 * @throws {TypeError|RangeError} when no store could keep it
 */
function checkedKey(check: Check, field: string, key: unknown): string {
  if (typeof key !== "string") return check.type(field, "a string", key);
  if (key.length === 0 || !fits(key, LONGEST_KEY)) {
    return check.range(field, `a string of 1 to ${LONGEST_KEY} bytes`, key);
  }
  return TORN.test(key) ? check.range(field, "a string without lone surrogates", key) : key;
}

/**
 * The rows of one write; of two of the same key the later one.
 * @throws {TypeError|RangeError} when no store could keep one of them
 */
export function checkedRows(check: Check, rows: Iterable<StateRow>): Map<string, string> {
  const checked = new Map<string, string>();
  let n = 0;
  for (const row of rows) {
    const at = `rows[${n++}]`;
    const [given, text]: readonly unknown[] = Array.isArray(row)
      ? row
      : check.type(at, "a pair of key and text", row);
    const key = checkedKey(check, `${at}[0]`, given);
    if (typeof text !== "string") return check.type(`${at}[1]`, "a string", text);
    if (!fits(text, LONGEST_TEXT)) {
      check.range(`${at}[1]`, `a string of at most ${LONGEST_TEXT} bytes`, text);
    }
    if (TORN.test(text)) check.range(`${at}[1]`, "a string without lone surrogates", text);
    checked.set(key, text);
  }
  return checked;
}

/** @throws {TypeError|RangeError} when one of them could not be the key of a row */
export function checkedKeys(check: Check, keys: Iterable<string>): ReadonlySet<string> {
  return new Set([...keys].map((key, n) => checkedKey(check, `keys[${n}]`, key)));
}
