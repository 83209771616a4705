import { stackless } from "../core/stackless.ts";
import { hasBrand } from "../events/brand.ts";
import { describeError } from "../events/describe-error.ts";
import type { GIVE_UP_REASONS } from "../events/policy-events.ts";

/** Why a call was not tried again, as `retry.give_up` tells it. */
export type GiveUpReason = (typeof GIVE_UP_REASONS)[number];

const BRAND = Symbol.for("telltale.RetryError");

/** What the end of a retried call knows. */
export interface GiveUpFacts {
  readonly policy: string;
  readonly reason: GiveUpReason;
  readonly attempts: number;
  readonly elapsedMs: number | null;
  readonly cause: unknown;
}

const WHY: Readonly<Record<GiveUpReason, string>> = {
  permanent: "the error is permanent",
  not_idempotent: "the call must not be made twice",
  aborted: "the caller gave up",
  attempts: "no attempts are left",
  time: "no time is left",
  retry_after: "the wait asked for is too long",
  refused: "the refusal is not waited for",
  budget: "the retry budget is empty",
};

/**
 * A call failed in a way that might have passed, and was given up. Breakers and policies around it see through it: it
 * counts as its `cause`. Carries no stack; the cause has one.
 *
 * @example
 * if (isRetryError(error)) console.warn(error.attempts, error.reason, error.cause);
 */
export class RetryError extends Error {
  declare readonly name: "RetryError";
  declare readonly code: "ERR_RETRY";
  /** The policy's name. */
  readonly policy: string;
  /** Why it was not tried again. */
  readonly reason: GiveUpReason;
  /** Attempts that were made, 1 or more. */
  readonly attempts: number;
  /** Since the call began, in milliseconds; null when nothing needed the time then. */
  readonly elapsedMs: number | null;

  /** Made by retry policies. */
  constructor({ policy, reason, attempts, elapsedMs, cause }: GiveUpFacts) {
    const times = attempts === 1 ? "1 attempt" : `${attempts} attempts`;
    const { message } = describeError(cause);
    super(`Retry "${policy}" gave up after ${times}, ${WHY[reason]}: ${message}`, { cause });
    this.policy = policy;
    this.reason = reason;
    this.attempts = attempts;
    this.elapsedMs = elapsedMs;
  }

  static {
    const prototype: object = RetryError.prototype;
    const constant = (value: unknown) => ({ value, writable: true, configurable: true });
    Object.defineProperty(prototype, "name", constant("RetryError"));
    Object.defineProperty(prototype, "code", constant("ERR_RETRY"));
    Object.defineProperty(prototype, BRAND, { value: true });
  }
}

const made = (facts: GiveUpFacts): RetryError => new RetryError(facts);

/** Makes the error without capturing a stack. */
export const retryError = (facts: GiveUpFacts): RetryError => stackless(made, facts);

/** Whether a value is a {@link RetryError}, also one of another copy of telltale or another realm. */
export function isRetryError(value: unknown): value is RetryError {
  return hasBrand(value, BRAND);
}
