import type { Check } from "../events/check.ts";
import type { Circuit } from "./circuit.ts";
import { namedSnapshot } from "./read-snapshot.ts";
import type { OwnLayer } from "./registry-layers.ts";
import { type Restorable, restorable } from "./restoration.ts";
import { isSnapshotError } from "./snapshot-error.ts";
import { SnapshotReader } from "./snapshot-reader.ts";

/** A circuit that a registry has, or is about to take in. */
export interface RowCircuit {
  readonly circuit: Circuit;
  /** Null when the registry has it. */
  readonly own: OwnLayer | null;
}

/** A row that can be restored. */
export interface RestorableRow extends RowCircuit {
  readonly restored: Restorable;
}

/** What the rows are read for. */
export interface RowHost {
  /** Breakers that it has, and those that the rows add. */
  size: number;
  readonly limit: number;
  /** The circuit of a name, made when there is none; the registry does not know of it yet then. */
  circuitOf(name: string): RowCircuit;
  /** The rows cannot be used; `subject` is the name that the row gives, as far as it is known. */
  rejected(fault: {
    readonly subject: string | null;
    readonly code: string;
    readonly path: string;
  }): void;
}

/**
 * Reads the snapshots of a registry's breakers, and changes nothing.
 * @throws {SnapshotError} when one of them cannot be used, or there is no room for all; the host has been told then
 */
export function readRows(check: Check, rows: unknown, host: RowHost): readonly RestorableRow[] {
  const read = new Map<string, RestorableRow>();
  const present: { subject: string | null } = { subject: null };
  try {
    for (const row of iterableOf(check, rows)) readRow(row, { read, present, host });
  } catch (error) {
    if (isSnapshotError(error)) host.rejected({ ...present, code: error.code, path: error.path });
    throw error;
  }
  return [...read.values()];
}

function readRow(
  row: unknown,
  given: {
    readonly read: Map<string, RestorableRow>;
    readonly present: { subject: string | null };
    readonly host: RowHost;
  },
): void {
  const { read, present, host } = given;
  const reader = new SnapshotReader("restore registry", `rows[${read.size}]`);
  present.subject = null;
  const { name, parsed } = namedSnapshot(reader, row);
  present.subject = name;
  if (read.has(name)) reader.fail("name", "unique among the rows");
  const made = host.circuitOf(name);
  read.set(name, { ...made, restored: restorable(made.circuit, reader, parsed) });
  if (made.own !== null) host.size++;
  if (host.size > host.limit) {
    const allowed = `one of at most ${host.limit} breakers, with those that the registry has`;
    reader.fail("", allowed, "ERR_SNAPSHOT_SIZE");
  }
}

function iterableOf(check: Check, rows: unknown): Iterable<unknown> {
  const isIterable = typeof rows === "object" && rows !== null && Symbol.iterator in rows;
  // It has just been looked at.
  return isIterable ? (rows as Iterable<unknown>) : check.type("rows", "an iterable of rows", rows);
}
