import { rejection } from "../core/rejection.ts";
import { type AbortSource, type HostSignal, platformAbort, type Timers } from "../platform.ts";
import { followNext, type Next, type Scope, withSignal } from "./call-scope.ts";

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
  /** Answers the caller of a call that is abandoned. */
  #answer: ((error: unknown) => void) | null = null;

  constructor(limit: TimeLimit, scope: Scope) {
    this.#limit = limit;
    this.#scope = scope;
    this.#timer = limit.timers.start(this.#expire, limit.limitMs);
    scope.signal?.addEventListener("abort", this.#cancel);
  }

  run(next: Next<T>): Promise<T> {
    const scope = withSignal(this.#scope, this.#source.signal);
    if (!this.#limit.abandon) return followNext(next, scope, this.#onValue, this.#onThrow);
    return new Promise((resolve, reject) => {
      this.#answer = reject;
      // After the answer these do nothing: a promise settles once.
      followNext(next, scope, this.#onValue, this.#onThrow).then(resolve, reject);
    });
  }

  readonly #onValue = (value: T): T => {
    this.#end();
    return value;
  };

  readonly #onThrow = (thrown: unknown): PromiseLike<never> => {
    this.#end();
    const expiry = this.#expiry;
    if (expiry === null) return rejection(thrown);
    return rejection(expiry.error(thrown === expiry.reason ? undefined : { value: thrown }));
  };

  readonly #expire = (): void => {
    const expiry = this.#limit.expire(this.#scope);
    this.#expiry = expiry;
    this.#source.abort(expiry.reason);
    if (this.#answer === null) return;
    this.#end();
    this.#answer(expiry.error(undefined));
  };

  readonly #cancel = (): void => {
    // It is the signal that calls this.
    const { reason } = this.#scope.signal as HostSignal;
    // The limit means nothing to a call that its caller has ended.
    this.#end();
    this.#source.abort(reason);
    this.#answer?.(reason);
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
