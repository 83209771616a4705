import {
  type ClusterMessage,
  LONGEST_MESSAGE,
  PROTOCOL_MAJOR,
  type Rejection,
  type WriteMessage,
} from "./message.ts";
import { type Answer, type Entry, OUTCOMES, type Position } from "./operation.ts";
import { type ClusterRecord, isKey, RECORD_STATES } from "./record.ts";

// The one place where what other processes sent becomes data. Nothing here throws, and nothing that was not looked at
// key by key gets through.

/** Numbers at or above it lose digits in Lua's cjson, which keeps 14. */
const NUMBER_LIMIT = 1e14;
/** The longest id of a task. */
export const LONGEST_TASK = 128;
/** The longest reason of an open. */
export const LONGEST_NOTE = 256;
const LONGEST_INCIDENT = 64;
const LONGEST_STORE_ID = 192;

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  // Any object may be read by key.
  return value as Fields;
}

function isNumber(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) < NUMBER_LIMIT;
}

function isText(value: unknown, limit: number): value is string {
  return typeof value === "string" && value.length <= limit;
}

function isTask(value: unknown): value is string {
  return isText(value, LONGEST_TASK) && value.length > 0;
}

/** A record, or null when it is none. Unknown fields are left behind. */
export function readRecord(value: unknown): ClusterRecord | null {
  const given = fieldsOf(value);
  if (given === null) return null;
  const { e, f, v, s, ou, pl, pu, fr, fa, i, ia, iv, o, t } = given;
  const state = RECORD_STATES.find((known) => known === s);
  if ((f !== 0 && f !== 1) || state === undefined) return null;
  if (!(isNumber(e) && isNumber(v) && isNumber(ou) && isNumber(pu))) return null;
  if (!(isNumber(fa) && isNumber(ia) && isNumber(iv) && isNumber(t))) return null;
  if (!(isText(pl, LONGEST_TASK) && isText(o, LONGEST_TASK))) return null;
  if (!(isText(fr, LONGEST_NOTE) && isText(i, LONGEST_INCIDENT))) return null;
  if (f === 1 && state === "closed") return null;
  return { e, f, v, s: state, ou, pl, pu, fr, fa, i, ia, iv, o, t };
}

function readPosition(value: unknown): Position | null {
  const given = fieldsOf(value);
  if (given === null) return null;
  const { n, g, lv } = given;
  return isText(n, LONGEST_STORE_ID) && n.length > 0 && isNumber(g) && isNumber(lv)
    ? { n, g, lv }
    : null;
}

/** The message that a text holds, or why it is dropped. */
export function readMessage(text: unknown): ClusterMessage | Rejection {
  if (typeof text !== "string") return "malformed";
  if (text.length > LONGEST_MESSAGE) return "oversized";
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return "malformed";
  }
  const given = fieldsOf(value);
  if (given === null) return "malformed";
  const { p, k, o, c } = given;
  if (p !== PROTOCOL_MAJOR) return isNumber(p) ? "version" : "malformed";
  switch (k) {
    case "write":
      return readWrite(given) ?? "malformed";
    case "beat":
      return isTask(o) && isNumber(c) ? { p, k, o, c } : "malformed";
    case "bye":
      return isTask(o) ? { p, k, o } : "malformed";
    default:
      return "malformed";
  }
}

function readWrite(given: Fields): WriteMessage | null {
  const { key, recovered } = given;
  const position = readPosition(given["position"]);
  const record = readRecord(given["record"]);
  if (position === null || record === null || !isKey(key)) return null;
  if (recovered !== undefined && recovered !== true) return null;
  const message = { p: PROTOCOL_MAJOR, k: "write", position, key, record } as const;
  return recovered === undefined ? message : { ...message, recovered };
}

/**
 * The answer of a store, or null when it is none. Entries that are no records are left out: one bad row must not keep
 * the others from a task. `dropped` says how many.
 */
export function readAnswer(value: unknown): { answer: Answer; dropped: number } | null {
  const given = fieldsOf(value);
  if (given === null) return null;
  const { at } = given;
  const outcome = OUTCOMES.find((known) => known === given["outcome"]);
  const position = readPosition(given["position"]);
  if (outcome === undefined || position === null || !isNumber(at)) return null;
  const answer: Answer = { outcome, at, position };
  const whole: { -readonly [K in keyof Answer]: Answer[K] } = answer;
  if (given["record"] !== undefined) {
    const record = readRecord(given["record"]);
    if (record === null) return null;
    whole.record = record;
  }
  const rows = given["entries"];
  if (rows === undefined) return { answer, dropped: 0 };
  if (!Array.isArray(rows)) return null;
  const entries = rows.map(readEntry).filter((entry) => entry !== null);
  whole.entries = entries;
  return { answer, dropped: rows.length - entries.length };
}

function readEntry(row: unknown): Entry | null {
  if (!Array.isArray(row)) return null;
  const [key, given]: unknown[] = row;
  const record = readRecord(given);
  return isKey(key) && record !== null ? [key, record] : null;
}
