import { SnapshotReader } from "../core/snapshot-reader.ts";
import type { StateRow } from "../state/store.ts";
import { LONGEST_KEY, LONGEST_TEXT } from "../state/store-rows.ts";

/** The longest name that KV takes, in bytes. */
const LONGEST_NAME = 512;

/** The name of a row in KV: its key, or a digest where that would be too long. */
export async function kvName(prefix: string, key: string): Promise<string> {
  const bytes = new TextEncoder().encode(key);
  // A name that is a digest cannot be that of a key: "=" stands before those.
  if (prefix.length + 1 + bytes.length <= LONGEST_NAME) return `${prefix}=${key}`;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return `${prefix}#${[...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** What is kept in KV: key and text, since the name need not tell the key. */
export const kvValue = (row: StateRow): string => JSON.stringify(row);

/** @throws {SnapshotError} when somebody else has written there */
export function kvRow(action: string, value: string): StateRow {
  const reader = new SnapshotReader(action);
  // JSON writes six characters for one at the most.
  const pair = reader.list("", reader.parsed(value, 6 * (LONGEST_KEY + LONGEST_TEXT) + 8), 2);
  const [key, text] = pair;
  if (typeof key !== "string" || typeof text !== "string")
    reader.fail("", "a pair of key and text");
  return [String(key), String(text)];
}
