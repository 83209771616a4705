import type { Check } from "../events/check.ts";
import type { Circuit } from "./circuit.ts";
import { type Restorable, restorable, restore } from "./restoration.ts";
import { isSnapshotError } from "./snapshot-error.ts";
import { SnapshotReader } from "./snapshot-reader.ts";

/** How a snapshot is restored. */
export interface RestoreOptions {
  /**
   * Where the snapshot comes from, for `circuit.restore` and `state.rejected`: 1 to 64 characters.
   * @default "snapshot"
   */
  readonly source?: string;
}

const LONGEST_SOURCE = 64;

/** @throws {TypeError|RangeError} when an option is unknown, of the wrong type or outside its range */
export function sourceOf(check: Check, options: RestoreOptions | undefined): string {
  const { source = "snapshot" }: { readonly source?: unknown } =
    options === undefined ? {} : check.keys(check.object("options", options), ["source"]);
  return check.text("source", source, LONGEST_SOURCE);
}

/** Restores one breaker, or tells why not and throws that. */
export function restoreOne(
  circuit: Circuit,
  check: Check,
  given: { readonly snapshot: unknown; readonly options: RestoreOptions | undefined },
): boolean {
  const source = sourceOf(check, given.options);
  const { name } = circuit;
  let read: Restorable;
  try {
    read = restorable(circuit, new SnapshotReader(`restore breaker "${name}"`), given.snapshot);
  } catch (error) {
    if (isSnapshotError(error)) {
      circuit.journal?.rejected({ source, subject: name, code: error.code, path: error.path });
      circuit.deliver();
    }
    throw error;
  }
  return restore(circuit, read, source);
}
