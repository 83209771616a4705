import { hasBrand } from "../events/brand.ts";

const BRAND = Symbol.for("telltale.SnapshotError");

/**
 * What is wrong with a snapshot: no JSON at all, of something else (`kind`), of a version that this release does not
 * read, of a form that it cannot have, or larger than anything that telltale writes.
 */
export type SnapshotErrorCode =
  | "ERR_SNAPSHOT_JSON"
  | "ERR_SNAPSHOT_KIND"
  | "ERR_SNAPSHOT_VERSION"
  | "ERR_SNAPSHOT_FORM"
  | "ERR_SNAPSHOT_SIZE";

/** What a {@link SnapshotError} says. */
export interface SnapshotFault {
  /** What was tried, such as `restore credit ledger`. */
  readonly action: string;
  readonly code: SnapshotErrorCode;
  /** Where it is, such as `writers[0].rows[2].nano`; empty for the whole snapshot. */
  readonly path: string;
  /** What is allowed there. */
  readonly allowed: string;
}

/**
 * A snapshot could not be used, and nothing of it was.
 *
 * @example
 * try {
 *   ledger.restore(stored);
 * } catch (error) {
 *   if (!isSnapshotError(error)) throw error;
 *   console.error(error.code, error.path);
 * }
 */
export class SnapshotError extends Error {
  override readonly name = "SnapshotError";
  readonly code: SnapshotErrorCode;
  /** Where the fault is, such as `writers[0].rows[2].nano`; empty for the whole snapshot. */
  readonly path: string;

  constructor({ action, code, path, allowed }: SnapshotFault) {
    super(`Cannot ${action}: ${path === "" ? "the snapshot" : path} must be ${allowed}`);
    this.code = code;
    this.path = path;
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/**
 * Whether a value is a {@link SnapshotError}, also one of another copy of telltale or another realm.
 *
 * @example
 * if (isSnapshotError(error)) console.error(error.code, error.path);
 */
export function isSnapshotError(value: unknown): value is SnapshotError {
  return hasBrand(value, BRAND);
}
