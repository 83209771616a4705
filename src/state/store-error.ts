import { hasBrand } from "../events/brand.ts";

const BRAND = Symbol.for("telltale.StoreError");

/**
 * What came in the way of a store: it was closed, somebody else writes to the same place, it is full, or what it stands
 * on failed (then `cause` says how).
 */
export type StoreErrorCode =
  | "ERR_STORE_CLOSED"
  | "ERR_STORE_SHARED"
  | "ERR_STORE_FULL"
  | "ERR_STORE_FAILED";

/** What a {@link StoreError} says. */
export interface StoreFault {
  /** What was tried, such as `write to file "/var/lib/shop/state"`. */
  readonly action: string;
  readonly code: StoreErrorCode;
  readonly reason: string;
  readonly cause?: unknown;
}

/**
 * A store did not do what it was asked for.
 *
 * @example
 * await store.write(rows).catch((error) => {
 *   if (isStoreError(error) && error.code === "ERR_STORE_SHARED") process.exit(1);
 * });
 */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly code: StoreErrorCode;

  constructor({ action, code, reason, cause }: StoreFault) {
    super(`Cannot ${action}: ${reason}`, cause === undefined ? undefined : { cause });
    this.code = code;
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/** Whether a value is a {@link StoreError}, also one of another copy of telltale or another realm. */
export function isStoreError(value: unknown): value is StoreError {
  return hasBrand(value, BRAND);
}

/** The refusal of a store that was closed. */
export const closedError = (action: string): StoreError =>
  new StoreError({ action, code: "ERR_STORE_CLOSED", reason: "it was closed" });

/** The failure of what a store stands on. */
export function failedError(action: string, cause: unknown): StoreError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new StoreError({ action, code: "ERR_STORE_FAILED", reason, cause });
}
