import { outcomeOfAbort } from "../core/classification.ts";
import { rejection } from "../core/rejection.ts";
import { describeError } from "../events/describe-error.ts";
import { LONGEST_TIMER_MS } from "../platform.ts";
import { exponentialBackoff } from "./backoff.ts";
import { followNext, type Next, remainingMs, type Scope } from "./call-scope.ts";
import { type ErrorKind, errorKind, isMarked, refusalOf } from "./error-kind.ts";
import type { PolicyHost } from "./policy-host.ts";
import { readRetryAfter } from "./retry-after.ts";
import { type GiveUpReason, retryError } from "./retry-error.ts";
import type { RetrySettings } from "./retry-options.ts";
import { BACKOFF, SHOULD_RETRY, SHOULD_RETRY_RESULT, WITHDRAW } from "./retry-questions.ts";
import { sleep } from "./sleep.ts";
import { cancelUnread } from "./unread-body.ts";
import { type Asking, answerTo, notify } from "./user-answer.ts";

/** How an attempt ended that may be tried again: what it threw, or a value that asks for another. */
type Failure<T> =
  | { readonly threw: true; readonly held: unknown }
  | { readonly threw: false; readonly held: T };

/** The wait before the next attempt. */
interface Wait {
  readonly delayMs: number;
  /** The part of it that backoff and chance decided. */
  readonly backoffMs: number;
  readonly retryAfterMs: number | null;
}

/** The attempts of one call. */
export class RetryRun<T> implements Asking {
  readonly host: PolicyHost;
  readonly #settings: RetrySettings;
  readonly #next: Next<T>;
  readonly scope: Scope;
  /** NaN when nothing needed the time at the start. */
  readonly #startMs: number;
  #attempts = 1;
  /** What backoff decided for the attempt before. */
  #previousMs = 0;
  /** What the budget gave for the attempt that runs or comes next. */
  #withdrawn = 0;
  /** The caller was answered: what still comes is nobody's. */
  #over = false;
  #lastThrown: { readonly value: unknown } | undefined;

  constructor(
    { host, settings }: { host: PolicyHost; settings: RetrySettings },
    call: { readonly next: Next<T>; readonly scope: Scope; readonly startMs: number },
  ) {
    this.host = host;
    this.#settings = settings;
    this.#next = call.next;
    this.scope = call.scope;
    this.#startMs = call.startMs;
  }

  attempt(): Promise<T> {
    return followNext(this.#next, this.scope, this.onValue, this.onThrow);
  }

  readonly onValue = (value: T): T | PromiseLike<T> => {
    if (this.#over) return value;
    if (this.#wantsMore(value)) return this.#decide({ threw: false, held: value });
    const { budget } = this.#settings;
    if (budget !== undefined) {
      notify("budget.succeed", () => budget.succeed(this.#withdrawn), this);
    }
    return value;
  };

  readonly onThrow = (thrown: unknown): T | PromiseLike<T> => {
    if (this.#over) return rejection(thrown);
    return this.#decide({ threw: true, held: thrown });
  };

  /** The time is over, in the middle of an attempt. Returns what the attempt before it threw. */
  expire(): { readonly value: unknown } | undefined {
    this.#over = true;
    return this.#lastThrown;
  }

  /** Tells that the call is not tried again, and returns the error for its caller. */
  giveUp(reason: GiveUpReason, thrown: unknown): unknown {
    this.#tellGiveUp(reason, { threw: true, held: thrown });
    if (reason === "permanent" || reason === "not_idempotent" || reason === "aborted") {
      return thrown;
    }
    const { name: policy } = this.host;
    return retryError({ policy, reason, ...this.#summary(), cause: thrown });
  }

  #decide(failure: Failure<T>): T | PromiseLike<T> {
    const wait = this.#judge(failure);
    if (typeof wait === "string") return this.#stop(wait, failure);
    this.#lastThrown = failure.threw ? { value: failure.held } : undefined;
    this.#previousMs = wait.backoffMs;
    this.#tellAttempt(wait, failure);
    return sleep(this.host.timers, wait.delayMs, this.scope.signal).then(
      () => {
        // Timers may be late: the process was busy, or asleep.
        if (remainingMs(this.scope) <= 0) {
          this.#giveBack();
          return this.#stop("time", failure);
        }
        cancelUnread(failure.threw ? undefined : failure.held);
        this.#attempts++;
        const { report } = this.scope;
        if (report !== undefined) report.retries++;
        return this.attempt();
      },
      (reason: unknown) => {
        this.#giveBack();
        cancelUnread(failure.threw ? undefined : failure.held);
        if (!this.#over) this.#tellGiveUp("aborted", failure);
        return rejection(reason);
      },
    );
  }

  /** The attempt that the budget gave something for is not made. */
  #giveBack(): void {
    const { budget } = this.#settings;
    if (budget?.giveBack === undefined) return;
    notify("budget.giveBack", () => budget.giveBack?.(this.#withdrawn), this);
  }

  /** Ends the call with what its last attempt gave. */
  #stop(reason: GiveUpReason, failure: Failure<T>): T | PromiseLike<T> {
    if (failure.threw) return rejection(this.giveUp(reason, failure.held));
    this.#tellGiveUp(reason, failure);
    return failure.held;
  }

  /** The wait before another attempt, or why there is none. */
  #judge({ threw, held }: Failure<T>): Wait | GiveUpReason {
    const { attempts, maxRetryAfterMs, idempotent } = this.#settings;
    const { signal, idempotent: asked = idempotent } = this.scope;
    if (signal?.aborted === true) return "aborted";
    const kind = errorKind(held);
    if (threw && this.#isFinal(held, kind)) return "permanent";
    if (!asked && kind !== "refused" && kind !== "unsent") return "not_idempotent";
    if (this.#attempts >= attempts) return "attempts";
    const retryAfterMs = this.#askedMs(held, kind);
    if (retryAfterMs === undefined) return "refused";
    if (retryAfterMs !== null && retryAfterMs > maxRetryAfterMs) return "retry_after";
    const backoffMs = this.#backoffMs();
    // Backoff on top of it: callers that were told the same moment must not all come at that moment.
    const delayMs = Math.min(LONGEST_TIMER_MS, (retryAfterMs ?? 0) + backoffMs);
    if (delayMs >= remainingMs(this.scope)) return "time";
    return this.#withdraw(kind) ? { delayMs, backoffMs, retryAfterMs } : "budget";
  }

  #isFinal(thrown: unknown, kind: ErrorKind): boolean {
    const { shouldRetry } = this.#settings;
    if (shouldRetry !== undefined && !isMarked(thrown)) {
      const ask = () => shouldRetry(thrown, this.#attempts);
      const answer = answerTo(SHOULD_RETRY, ask, this);
      if (answer !== undefined) return !answer;
    }
    return kind === "permanent" || kind === "cancelled";
  }

  #wantsMore(value: T): boolean {
    const { shouldRetryResult } = this.#settings;
    if (shouldRetryResult === undefined) return false;
    const ask = () => shouldRetryResult(value, this.#attempts);
    return answerTo(SHOULD_RETRY_RESULT, ask, this) === true;
  }

  /** The wait that was asked for; null when none was, undefined when the refusal is not waited for. */
  #askedMs(held: unknown, kind: ErrorKind): number | null | undefined {
    const refusal = kind === "refused" ? refusalOf(held) : undefined;
    if (refusal === undefined) return readRetryAfter(held, this.host.epochMs()) ?? null;
    const { reason, state, retryAfterMs } = refusal;
    // What passes only a share of the calls would pass more of them if those that it sorted out came again.
    if (reason === "degraded" || reason === "ramping") return undefined;
    const { maxRetryAfterMs } = this.#settings;
    if (retryAfterMs !== null && (retryAfterMs > 0 || maxRetryAfterMs > 0)) return retryAfterMs;
    // Nothing that this call waits for ends it; a probe or a place in a bulkhead may be free at any time.
    return state === "forced_open" || maxRetryAfterMs === 0 ? undefined : null;
  }

  #backoffMs(): number {
    const retry = this.#attempts;
    const random = (): number => this.host.chance();
    const { backoff } = this.#settings;
    const ask = () => backoff(retry, random, this.#previousMs);
    return answerTo(BACKOFF, ask, this) ?? exponentialBackoff()(retry, random, this.#previousMs);
  }

  /** A budget that fails lets nothing through: it is there to keep load away. */
  #withdraw(kind: ErrorKind): boolean {
    const { budget } = this.#settings;
    if (budget === undefined) return true;
    const ask = () => budget.withdraw(kind === "timeout");
    const cost = answerTo(WITHDRAW, ask, this) ?? null;
    if (cost === null) return false;
    this.#withdrawn = cost;
    return true;
  }

  #elapsedMs(): number | null {
    const startMs = this.#startMs;
    return Number.isNaN(startMs) ? null : Math.max(0, this.host.clock.monotonicMs() - startMs);
  }

  #summary(): { readonly attempts: number; readonly elapsedMs: number | null } {
    return { attempts: this.#attempts, elapsedMs: this.#elapsedMs() };
  }

  #tellAttempt({ delayMs, retryAfterMs }: Wait, failure: Failure<T>): void {
    const host = this.host;
    if (!host.hears("retry.attempt")) return;
    const { attempts } = this.#settings;
    const fields = { attempt: this.#attempts + 1, attempts, delayMs, retryAfterMs };
    host.tell("retry.attempt", this.scope, { ...fields, ...described(failure) });
  }

  #tellGiveUp(reason: GiveUpReason, failure: Failure<T>): void {
    const host = this.host;
    if (!host.hears("retry.give_up")) return;
    // A time limit around the call aborts its signal as its caller does.
    const isLate = reason === "aborted" && outcomeOfAbort(this.scope.signal) === "latency";
    const fields = { reason: isLate ? "time" : reason, ...this.#summary() } as const;
    host.tell("retry.give_up", this.scope, { ...fields, ...described(failure) });
  }
}

function described<T>({ threw, held }: Failure<T>) {
  return threw ? { error: describeError(held) } : {};
}
