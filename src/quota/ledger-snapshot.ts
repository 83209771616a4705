import { own, type SnapshotReader, type SnapshotRecord } from "../core/snapshot-reader.ts";
import type { NanoUsd } from "./nano-usd.ts";
import { TOKEN_KINDS, type TokenKind } from "./price-table.ts";
import { MOST_BUCKETS, type UseBucket } from "./rate-limit.ts";
import { LONGEST_NAME } from "./spend-input.ts";
import { rowKey, rowParts, SEPARATOR } from "./spend-rows.ts";
import type { SpendEntry, WriterState } from "./spend-set.ts";
import type { SpendTotals } from "./spend-totals.ts";

/** Money, requests and tokens in a snapshot. */
export interface SpendSnapshot {
  readonly provider: string;
  readonly model: string;
  readonly nano: NanoUsd;
  readonly requests: number;
  readonly tokens: Readonly<Record<TokenKind, number>>;
}

/** A sum of a month (`2026-11`) or a day (`2026-11-21`). */
export interface RowSnapshot extends SpendSnapshot {
  readonly key: string;
}

/** A spend that may still be sent again. */
export interface EntrySnapshot extends SpendSnapshot {
  readonly id: string | null;
  readonly atMs: number;
  readonly day: string;
}

/** All that one writer recorded. */
export interface WriterSnapshot {
  readonly name: string;
  readonly folded: number;
  readonly rows: readonly RowSnapshot[];
  /** Its newest spends, numbered from `folded + 1`. */
  readonly entries: readonly EntrySnapshot[];
}

/** The furthest tiers of a budget that were told; null for none. */
export interface ToldSnapshot {
  readonly budget: string;
  readonly month: string;
  readonly threshold: number | null;
  readonly depletionDays: number | null;
}

/** What a rate limit counted. */
export interface LimitSnapshot {
  readonly provider: string;
  readonly model: string | null;
  readonly per: "minute" | "day";
  readonly buckets: readonly UseBucket[];
}

/** The whole of a ledger as plain data for JSON. Version 1. */
export interface LedgerSnapshot {
  readonly kind: "telltale.credit-ledger";
  readonly v: 1;
  readonly atMs: number;
  readonly timeZone: string;
  readonly writers: readonly WriterSnapshot[];
  readonly told: readonly ToldSnapshot[];
  readonly limits: readonly LimitSnapshot[];
}

/** What a snapshot says, checked. */
export interface ReadLedger {
  readonly states: ReadonlyMap<string, WriterState>;
  readonly told: readonly ToldSnapshot[];
  readonly limits: readonly LimitSnapshot[];
}

export const LEDGER_KIND = "telltale.credit-ledger";
/** The longest JSON text that is read: a million spends of ordinary names. */
const LONGEST_JSON = 256 * 1024 * 1024;
const MOST_WRITERS = 100_000;
const MOST_ROWS = 1_000_000;
const MOST_TOLD = 100_000;
const MONTH = /^\d{4}-(?:0[1-9]|1[0-2])$/;
const DAY = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$/;

/** One writer as plain data. */
export function writerSnapshot(name: string, state: WriterState): WriterSnapshot {
  const rows = [...state.rows].flatMap(([row, spent]): RowSnapshot[] => {
    const parts = rowParts(row);
    if (parts === null) return [];
    const { key, provider, model } = parts;
    return [{ key, provider, model, ...spent }];
  });
  const entries = state.entries.flatMap(({ id, atMs, rows: [, day = ""], spent }) => {
    const parts = rowParts(day);
    if (parts === null) return [];
    const { key, provider, model } = parts;
    return [{ id, atMs, day: key, provider, model, ...spent }];
  });
  return { name, folded: state.folded, rows, entries };
}

/**
 * Reads a snapshot, or its JSON text.
 * @throws {SnapshotError} when anything of it cannot be used
 */
export function readLedger(
  reader: SnapshotReader,
  snapshot: unknown,
  given: { readonly timeZone: string; readonly nowMs: number },
): ReadLedger {
  const head = reader.head(reader.parsed(snapshot, LONGEST_JSON), LEDGER_KIND, []);
  reader.number("atMs", own(head, "atMs"));
  if (own(head, "timeZone") !== given.timeZone) {
    reader.fail("timeZone", `"${given.timeZone}", as that of the ledger: months differ by zone`);
  }
  const states = new Map<string, WriterState>();
  reader.list("writers", own(head, "writers"), MOST_WRITERS).forEach((one, n) => {
    const path = `writers[${n}]`;
    const writer = reader.record(path, one);
    const name = reader.text(`${path}.name`, own(writer, "name"), LONGEST_NAME);
    if (states.has(name)) reader.fail(`${path}.name`, "unique in the snapshot");
    states.set(name, writerState(reader, path, { writer, nowMs: given.nowMs }));
  });
  return {
    states,
    told: reader
      .list("told", own(head, "told"), MOST_TOLD)
      .map((one, n) => toldOf(reader, `told[${n}]`, one)),
    limits: reader
      .list("limits", own(head, "limits"), MOST_TOLD)
      .map((one, n) => limitOf(reader, `limits[${n}]`, one)),
  };
}

function writerState(
  reader: SnapshotReader,
  path: string,
  { writer, nowMs }: { readonly writer: SnapshotRecord; readonly nowMs: number },
): WriterState {
  const folded = reader.count(`${path}.folded`, own(writer, "folded"));
  const rows = new Map<string, SpendTotals>();
  reader.list(`${path}.rows`, own(writer, "rows"), MOST_ROWS).forEach((one, n) => {
    const at = `${path}.rows[${n}]`;
    const row = reader.record(at, one);
    const key = own(row, "key");
    const isDay = matches(DAY, key);
    if (!isDay && !matches(MONTH, key)) reader.fail(`${at}.key`, "a month or a day");
    const place = { ...placeOf(reader, at, row), span: isDay ? "day" : "month" } as const;
    rows.set(rowKey({ ...place, key: String(key) }), spentOf(reader, at, row));
  });
  const entries = reader
    .list(`${path}.entries`, own(writer, "entries"), MOST_ROWS)
    .map((one, n): SpendEntry => {
      const at = `${path}.entries[${n}]`;
      const entry = reader.record(at, one);
      const id = own(entry, "id");
      const day = own(entry, "day");
      if (!matches(DAY, day)) return reader.fail(`${at}.day`, "a day such as 2026-11-21");
      const place = placeOf(reader, at, entry);
      return {
        seq: reader.count(`${path}.folded`, folded + n + 1),
        id: id === null ? null : reader.text(`${at}.id`, id, LONGEST_NAME),
        // A clock that ran ahead must not keep an id for longer than its window.
        atMs: Math.min(nowMs, reader.number(`${at}.atMs`, own(entry, "atMs"))),
        rows: [
          rowKey({ ...place, span: "month", key: day.slice(0, 7) }),
          rowKey({ ...place, span: "day", key: day }),
        ],
        spent: spentOf(reader, at, entry),
      };
    });
  return { folded, rows, entries };
}

const matches = (form: RegExp, value: unknown): value is string =>
  typeof value === "string" && form.test(value);

function placeOf(
  reader: SnapshotReader,
  path: string,
  record: SnapshotRecord,
): { readonly provider: string; readonly model: string } {
  const name = (field: "provider" | "model"): string => {
    const text = reader.text(`${path}.${field}`, own(record, field), LONGEST_NAME);
    return text.includes(SEPARATOR) ? reader.fail(`${path}.${field}`, "a text without NUL") : text;
  };
  return { provider: name("provider"), model: name("model") };
}

function spentOf(reader: SnapshotReader, path: string, record: SnapshotRecord): SpendTotals {
  const given = reader.record(`${path}.tokens`, own(record, "tokens"));
  const tokens = { input: 0, cachedInput: 0, cacheWrite: 0, output: 0 };
  for (const kind of TOKEN_KINDS) {
    tokens[kind] = reader.count(`${path}.tokens.${kind}`, own(given, kind));
  }
  return {
    nano: reader.count(`${path}.nano`, own(record, "nano")),
    requests: reader.count(`${path}.requests`, own(record, "requests")),
    tokens,
  };
}

function toldOf(reader: SnapshotReader, path: string, value: unknown): ToldSnapshot {
  const told = reader.record(path, value);
  const month = own(told, "month");
  const tier = (field: "threshold" | "depletionDays"): number | null => {
    const given = own(told, field);
    return given === null ? null : reader.number(`${path}.${field}`, given);
  };
  return {
    budget: reader.text(`${path}.budget`, own(told, "budget"), LONGEST_NAME),
    month: matches(MONTH, month) ? month : reader.fail(`${path}.month`, "a month such as 2026-11"),
    threshold: tier("threshold"),
    depletionDays: tier("depletionDays"),
  };
}

function limitOf(reader: SnapshotReader, path: string, value: unknown): LimitSnapshot {
  const limit = reader.record(path, value);
  const per = own(limit, "per");
  const model = own(limit, "model");
  if (per !== "minute" && per !== "day") {
    return reader.fail(`${path}.per`, '"minute" or "day"');
  }
  return {
    provider: reader.text(`${path}.provider`, own(limit, "provider"), LONGEST_NAME),
    model: model === null ? null : reader.text(`${path}.model`, model, LONGEST_NAME),
    per,
    buckets: reader
      .list(`${path}.buckets`, own(limit, "buckets"), MOST_BUCKETS)
      .map((one, n): UseBucket => {
        const at = `${path}.buckets[${n}]`;
        const bucket = reader.record(at, one);
        return {
          fromMs: reader.number(`${at}.fromMs`, own(bucket, "fromMs")),
          requests: reader.count(`${at}.requests`, own(bucket, "requests")),
          tokens: reader.count(`${at}.tokens`, own(bucket, "tokens")),
        };
      }),
  };
}
