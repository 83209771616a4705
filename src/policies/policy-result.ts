import type { CircuitOpenError } from "../core/circuit-open-error.ts";
import type { SkipReason } from "../events/vocabulary.ts";
import type { CallReport } from "./call-scope.ts";
import { refusalOf } from "./error-kind.ts";

interface Measured {
  /** From the call to its end, waits included, in milliseconds. */
  readonly latencyMs: number;
  /** Attempts that retry policies made, 1 when none was needed. */
  readonly attempts: number;
}

/** The call returned a value of its own. */
export interface DoneResult<T> extends Measured {
  readonly outcome: "ok";
  readonly value: T;
}

/** The call failed, and a fallback gave a value instead. */
export interface FallbackResult<V> extends Measured {
  readonly outcome: "fallback";
  readonly value: V;
  readonly source: "value" | "function" | "cache";
  /** How old the value is at the most, in milliseconds; null unless it is the last good result. */
  readonly ageMs: number | null;
  /** Why the call failed. */
  readonly error: unknown;
}

/** A breaker or a bulkhead refused the call, and no fallback stood in. */
export interface TurnedAwayResult extends Measured {
  readonly outcome: "circuit-open";
  /** The refusal; when a retry gave up on it, its error is seen through. */
  readonly error: CircuitOpenError;
  readonly reason: SkipReason;
  /** When to try again, in milliseconds; null when that is unknown. */
  readonly retryAfterMs: number | null;
}

/** The call failed; `error` is what `call` would have thrown. */
export interface FailedResult extends Measured {
  readonly outcome: "error";
  readonly error: unknown;
}

/** What `execute` of a policy returns, told apart by `outcome`: what the caller holds. */
export type PolicyResult<T, V = never> =
  | DoneResult<T>
  // A policy that serves nothing has no such result.
  | ([V] extends [never] ? never : FallbackResult<V>)
  | TurnedAwayResult
  | FailedResult;

/** Any result, before the types say which there can be. */
export type AnyResult<T> = DoneResult<T> | FallbackResult<T> | TurnedAwayResult | FailedResult;

/** The result of a call that returned. */
export function returned<T>(
  value: T,
  { retries, served }: CallReport,
  latencyMs: number,
): DoneResult<T> | FallbackResult<T> {
  const attempts = 1 + retries;
  if (served === null) return { outcome: "ok", value, latencyMs, attempts };
  return { outcome: "fallback", value, ...served, latencyMs, attempts };
}

/** The result of a call that threw. */
export function threw(
  error: unknown,
  { retries }: CallReport,
  latencyMs: number,
): TurnedAwayResult | FailedResult {
  const attempts = 1 + retries;
  const refusal = refusalOf(error);
  if (refusal === undefined) return { outcome: "error", error, latencyMs, attempts };
  const { reason, retryAfterMs } = refusal;
  return { outcome: "circuit-open", error: refusal, reason, retryAfterMs, latencyMs, attempts };
}
