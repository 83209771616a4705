import { define } from "./event-definition.ts";
import * as field from "./field.ts";

const policy = field.text("The policy's name");
const context = field.optional(field.scalars("The context given with the call"));

/** Why a call is not tried again. */
export const GIVE_UP_REASONS = [
  "permanent",
  "not_idempotent",
  "aborted",
  "attempts",
  "time",
  "retry_after",
  "refused",
  "budget",
] as const;

/** Where a fallback took the value from. */
const FALLBACK_SOURCES = ["value", "function", "cache"] as const;

/** The events of the policies. */
export const POLICY_EVENTS = {
  "retry.attempt": define({
    severity: "info",
    sentence: "call tried again",
    when: "A call failed and is tried again after a wait",
    fields: {
      policy,
      context,
      attempt: field.count("The number of the attempt that comes, from 2"),
      attempts: field.count("Attempts that the policy allows"),
      delayMs: field.ms("The wait before it"),
      retryAfterMs: field.nullable(
        field.ms("How long the dependency or its breaker asked to wait; null when it did not"),
      ),
      error: field.optional(
        field.error("Why the last attempt failed; missing when its value asked for another"),
      ),
    },
    metrics: [],
  }),
  "retry.give_up": define({
    severity: "warn",
    sentence: "call not tried again",
    when: "A call failed and is not tried again",
    fields: {
      policy,
      context,
      reason: field.word(
        GIVE_UP_REASONS,
        "The error is permanent; the call may have been done and must not be done twice; its caller gave up; no attempts are left; no time is left, by a limit of its own or one around it; the wait asked for is too long; a refusal that is not waited for, because the breaker is forced open without an end or passes only a share of the calls, or because `maxRetryAfterMs` is 0; the retry budget is empty",
      ),
      attempts: field.count("Attempts that were made"),
      elapsedMs: field.nullable(
        field.ms("Since the call began; null when nothing needed the time then"),
      ),
      error: field.optional(
        field.error("Why the last attempt failed; missing when its value asked for another"),
      ),
    },
    metrics: [],
  }),
  "timeout.expired": define({
    severity: "warn",
    sentence: "call ran out of time",
    when: "A call was still running at its time limit, and its signal was aborted",
    fields: {
      policy,
      context,
      limitMs: field.ms("The limit"),
      abandoned: field.word(
        [true, false],
        "Whether the caller was answered at once while the call may still run, or waits for it to end",
      ),
    },
    metrics: [],
  }),
  "fallback.served": define({
    severity: "warn",
    sentence: "fallback served",
    when: "A call failed and its caller was given something else",
    fields: {
      policy,
      context,
      source: field.word(FALLBACK_SOURCES, "A fixed value, a function, or the last good result"),
      ageMs: field.nullable(
        field.ms("Since the call that brought the last good result began; null for other sources"),
      ),
      reason: field.word(["refusal", "timeout", "error"], "Refused, too slow, or throwing"),
      error: field.error("Why the call failed"),
    },
    metrics: [],
  }),
  "policy.callback_failed": define({
    severity: "error",
    sentence: "a function or store given to a policy failed",
    when: "A function or store given to a policy threw or answered outside its contract; the call went on without it",
    fields: {
      policy,
      context,
      callback: field.text("The option, such as `shouldRetry` or `cache.store.get`"),
      error: field.error("What it threw"),
    },
    metrics: [],
  }),
} as const;
