import type { Clock } from "../core/clock.ts";
import { rejection } from "../core/rejection.ts";
import { type AbortSource, type HostSignal, platformAbort, type Timers } from "../platform.ts";
import {
  type Deadline,
  followNext,
  type Next,
  remainingMs,
  type Scope,
  withSignal,
} from "./call-scope.ts";

/** What happens to a call at its limit. */
export interface Expiry {
  /** Why its signal is aborted. */
  readonly reason: unknown;
  /** What its caller gets. `thrown` is what the function threw after the limit, if anybody waited for it. */
  error(thrown: { readonly value: unknown } | undefined): unknown;
}

/** The time limit of one call. */
export interface TimeLimit {
  readonly limitMs: number;
  /** Whether the caller is answered at once, while the function may still run. */
  readonly abandon: boolean;
  readonly clock: Clock;
  readonly timers: Timers;
  /** The limit is reached: tells it and says what follows. */
  expire(scope: Scope): Expiry;
}

/**
 * One call under a time limit, with an abort controller of its own that also follows the caller's signal. When it is
 * over, no timer and no listener is left.
 */
class TimedCall<T> {
  readonly #limit: TimeLimit;
  readonly #scope: Scope;
  readonly #source: AbortSource = platformAbort();
  readonly #timer: unknown;
  #expiry: Expiry | null = null;
  /** Answers the caller of a call that may be abandoned; any other waits for its function. */
  #reject: ((error: unknown) => void) | null = null;

  constructor(limit: TimeLimit, scope: Scope) {
    this.#limit = limit;
    this.#scope = scope;
    this.#timer = limit.timers.start(this.#expire, limit.limitMs);
    scope.signal?.addEventListener("abort", this.#cancel);
  }

  run(next: Next<T>): Promise<T> {
    const scope = withSignal(this.#scope, this.#source.signal, this.#deadline());
    if (!this.#limit.abandon) {
      return followNext(
        next,
        scope,
        (value) => {
          this.#end();
          return value;
        },
        (thrown) => {
          this.#end();
          return rejection(this.#errorOf(thrown));
        },
      );
    }
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      // After the answer these do nothing: a promise settles once.
      followNext(
        next,
        scope,
        (value) => {
          this.#end();
          resolve(value);
        },
        (thrown) => {
          this.#end();
          reject(this.#errorOf(thrown));
        },
      );
    });
  }

  /** The nearer of this limit and those around it. */
  #deadline(): Deadline {
    const { limitMs, clock } = this.#limit;
    const { deadline } = this.#scope;
    if (deadline !== undefined && remainingMs(this.#scope) <= limitMs) return deadline;
    return { clock, atMs: clock.monotonicMs() + limitMs };
  }

  #errorOf(thrown: unknown): unknown {
    const expiry = this.#expiry;
    if (expiry === null) return thrown;
    return expiry.error(thrown === expiry.reason ? undefined : { value: thrown });
  }

  readonly #expire = (): void => {
    const expiry = this.#limit.expire(this.#scope);
    this.#expiry = expiry;
    this.#source.abort(expiry.reason);
    if (this.#reject === null) return;
    this.#end();
    this.#reject(expiry.error(undefined));
  };

  readonly #cancel = (): void => {
    // It is the signal that calls this.
    const { reason } = this.#scope.signal as HostSignal;
    // The limit means nothing to a call that its caller has ended.
    this.#end();
    this.#source.abort(reason);
    this.#reject?.(reason);
  };

  #end(): void {
    this.#limit.timers.stop(this.#timer);
    this.#scope.signal?.removeEventListener("abort", this.#cancel);
  }
}

/** Runs the next step under a time limit. */
export function runTimed<T>(limit: TimeLimit, next: Next<T>, scope: Scope): Promise<T> {
  if (scope.signal?.aborted === true) return Promise.reject(scope.signal.reason);
  return new TimedCall<T>(limit, scope).run(next);
}
