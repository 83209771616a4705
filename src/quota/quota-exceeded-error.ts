import { hasBrand } from "../events/brand.ts";

const BRAND = Symbol.for("telltale.QuotaExceededError");

/** What is known of a quota that is used up. */
export interface QuotaExceededOptions {
  /** How long until it is back, in milliseconds. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/**
 * A provider's quota is used up: thrown by a client that knows so, for `ExhaustionRegistry.markFrom`.
 *
 * @example
 * if (body.error.code === "insufficient_quota") throw new QuotaExceededError(body.error.message, { retryAfterMs: 3_600_000 });
 */
export class QuotaExceededError extends Error {
  override readonly name = "QuotaExceededError";
  readonly code = "ERR_QUOTA_EXCEEDED";
  /** How long until the quota is back, in milliseconds; undefined when that is unknown. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, { retryAfterMs, cause }: QuotaExceededOptions = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.retryAfterMs = retryAfterMs;
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/**
 * Whether a value is a {@link QuotaExceededError}, also one of another copy of telltale or another realm.
 *
 * @example
 * if (isQuotaExceededError(error)) registry.markFrom("openai", error);
 */
export function isQuotaExceededError(value: unknown): value is QuotaExceededError {
  return hasBrand(value, BRAND);
}
