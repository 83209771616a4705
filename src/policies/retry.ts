import { rejection } from "../core/rejection.ts";
import { Check } from "../events/check.ts";
import {
  type Given,
  type HostSignal,
  type Next,
  PLAIN_SCOPE,
  type PolicyCallOptions,
  rescue,
  rescueNext,
  type Scope,
} from "./call-scope.ts";
import { HOST, Policy, RUN, type SignalledCallOptions } from "./policy.ts";
import { labelOf, PolicyHost } from "./policy-host.ts";
import { checkedRetry, type RetryOptions, type RetrySettings } from "./retry-options.ts";
import { RetryRun } from "./retry-run.ts";
import { runTimed } from "./timed-call.ts";
import { timeoutError } from "./timeout-error.ts";
import { notify } from "./user-answer.ts";

/** The policy that {@link retry} makes. */
export class Retry<Args extends readonly unknown[] = []> extends Policy<never, unknown, Args> {
  readonly #host: PolicyHost;
  readonly #settings: RetrySettings;
  /** Whether a success at the first attempt is nobody's business. */
  readonly #quiet: boolean;
  /** Whether nobody can listen either: then a first attempt that succeeds needs no more than a rescuer. */
  readonly #direct: boolean;
  /**
   * The function of the last call and what tries it again: most callers pass the same one each time, and a closure for
   * each call would be a tenth of its cost. It is held until another one comes, with what it closes over: to let it go
   * after each call would be that closure again.
   */
  #lastFn: Given<unknown> | undefined;
  #lastRescue: (thrown: unknown) => PromiseLike<never> = rejection;

  constructor(host: PolicyHost, settings: RetrySettings) {
    super();
    this.#host = host;
    this.#settings = settings;
    const { budget, shouldRetryResult, totalMs } = settings;
    this.#quiet = budget === undefined && shouldRetryResult === undefined && totalMs === undefined;
    this.#direct = this.#quiet && host.isUnheard;
  }

  get name(): string {
    return this.#host.name;
  }

  get [HOST](): PolicyHost {
    return this.#host;
  }

  override call<T>(
    fn: (signal: HostSignal) => T | PromiseLike<T>,
    options: SignalledCallOptions,
  ): Promise<T>;
  override call<T>(
    fn: (...args: Args) => T | PromiseLike<T>,
    options?: PolicyCallOptions,
  ): Promise<T>;
  override call<T>(fn: Given<T>, options?: PolicyCallOptions): Promise<T> {
    if (options === undefined && this.#direct && typeof fn === "function") {
      if (fn !== this.#lastFn) this.#remember(fn);
      return rescue(fn, this.#lastRescue);
    }
    // The overloads of both are the same.
    return super.call(fn as () => T, options);
  }

  [RUN]<T>(next: Next<T>, scope: Scope): Promise<T> {
    const startMs = this.#isTimed() ? this.#host.clock.monotonicMs() : Number.NaN;
    if (this.#quiet) {
      return rescueNext(next, scope, (thrown) => this.#begin(next, scope, startMs).onThrow(thrown));
    }
    const { budget, totalMs } = this.#settings;
    if (budget !== undefined) {
      notify("budget.begin", () => budget.begin(), { host: this.#host, scope });
    }
    if (totalMs === undefined) return this.#begin(next, scope, startMs).attempt();
    return this.#runLimited(totalMs, { next, scope, startMs });
  }

  #remember(fn: Given<unknown>): void {
    this.#lastFn = fn;
    this.#lastRescue = (thrown) => {
      const run = this.#begin((): unknown => fn(), PLAIN_SCOPE, Number.NaN);
      // Its value is of the type that `fn` returns, which only the caller knows.
      return run.onThrow(thrown) as PromiseLike<never>;
    };
  }

  #begin<T>(next: Next<T>, scope: Scope, startMs: number): RetryRun<T> {
    return new RetryRun({ host: this.#host, settings: this.#settings }, { next, scope, startMs });
  }

  /** Runs all attempts under one time limit, in the middle of whichever it is reached. */
  #runLimited<T>(
    limitMs: number,
    { next, scope, startMs }: { next: Next<T>; scope: Scope; startMs: number },
  ): Promise<T> {
    const { name: policy, clock, timers } = this.#host;
    let run: RetryRun<T> | undefined;
    const expire = () => {
      const reason = timeoutError({ policy, limitMs, abandoned: true, thrown: run?.expire() });
      const error = run?.giveUp("time", reason) ?? reason;
      return { reason, error: () => error };
    };
    const attempts: Next<T> = (inner) => {
      run = this.#begin(next, inner, startMs);
      return run.attempt();
    };
    return runTimed({ limitMs, abandon: true, clock, timers, expire }, attempts, scope);
  }

  #isTimed(): boolean {
    return this.#settings.totalMs !== undefined || this.#host.hears("retry.give_up");
  }
}

/**
 * Tries a call again when it fails in a way that may pass: with growing waits, spread by chance, within limits of
 * attempts, time and of all retries together. It waits as long as the dependency or its breaker asks, and ends a wait at
 * once when the caller's signal is aborted. When it gives up, the call rejects with a {@link RetryError}, whose cause is
 * the last error; an error that is not worth another try, and the reason of the caller's signal, come through untouched.
 *
 * @throws {TypeError|RangeError} when an option is of the wrong type or outside its range
 * @example
 * const patient = retry("orders", { attempts: 4, budget: ratioBudget() });
 * const order = await patient.call(() => fetchOrder(7));
 */
export function retry(
  name: string,
  options: RetryOptions & { readonly totalMs: number },
): Retry<[signal: HostSignal]>;
export function retry(name: string, options?: RetryOptions): Retry;
export function retry<Args extends readonly unknown[]>(
  name: string,
  options: RetryOptions = {},
): Retry<Args> {
  const check = new Check(`create ${labelOf("retry", name)}`);
  const settings = checkedRetry(check, name, options);
  return new Retry(new PolicyHost(name, options, options.random), settings);
}
