import { rejection } from "../core/rejection.ts";
import { Check } from "../events/check.ts";
import { describeError } from "../events/describe-error.ts";
import { followNext, type Next, rescueNext, type Scope, type Served } from "./call-scope.ts";
import { Denials } from "./denials.ts";
import { outageKind } from "./error-kind.ts";
import { type CacheSettings, checkedCache, type FallbackCacheOptions } from "./fallback-cache.ts";
import {
  checkedFallback,
  type FailOpenRunOptions,
  type FallbackOptions,
  type FallbackSettings,
} from "./fallback-options.ts";
import { isDenied, isShutOut, Outage } from "./outage.ts";
import { HOST, NEEDS_KEY, Policy, RUN } from "./policy.ts";
import { labelOf, PolicyHost } from "./policy-host.ts";
import type { Found } from "./result-cache.ts";
import { SingleFlight } from "./single-flight.ts";
import { unlessAborted } from "./unless-aborted.ts";
import { answerTo, yesOrNo } from "./user-answer.ts";

const KEEP = /* @__PURE__ */ yesOrNo("cache.keep");
const SERVE_ON = /* @__PURE__ */ yesOrNo("serveOn.error");

type ServeReason = "refusal" | "timeout" | "error";

/** A call that failed, and that something else is served for. */
interface Failed {
  readonly thrown: unknown;
  readonly reason: ServeReason;
  readonly scope: Scope;
  /** Whether it failed in an outage that is known. */
  readonly inOutage: boolean;
}

/** What is served, and how old it is if it is a last good result. */
interface Instead<V> {
  readonly value: V;
  readonly ageMs: number | null;
}

/** The policy that {@link fallback} makes. */
export class Fallback<V, Taken = unknown> extends Policy<V, Taken> {
  override readonly [NEEDS_KEY]: string | undefined;
  readonly #host: PolicyHost;
  readonly #settings: FallbackSettings<V>;
  readonly #cache: CacheSettings<V> | null;
  readonly #flights: SingleFlight<V> | null;
  readonly #denials = new Denials();
  readonly #outage = new Outage();

  constructor(host: PolicyHost, settings: FallbackSettings<V>, cache: CacheSettings<V> | null) {
    super();
    this[NEEDS_KEY] = cache !== null && cache.key === undefined ? host.name : undefined;
    this.#host = host;
    this.#settings = settings;
    this.#cache = cache;
    this.#flights = cache === null ? null : new SingleFlight(host.clock, cache.leaseMs);
  }

  get name(): string {
    return this.#host.name;
  }

  get [HOST](): PolicyHost {
    return this.#host;
  }

  [RUN]<T>(next: Next<T>, scope: Scope): Promise<T> {
    // What is served is a V, and the public types of `call` say `T | V`.
    const run = next as unknown as Next<V>;
    return this.#run(run, scope) as Promise<unknown> as Promise<T>;
  }

  #run(next: Next<V>, scope: Scope): Promise<V> {
    if (scope.signal?.aborted === true) return Promise.reject(scope.signal.reason);
    if (scope.report !== undefined) scope.report.served = null;
    const cache = this.#cache;
    const flights = this.#flights;
    if (cache === null || flights === null) {
      return rescueNext(next, scope, (thrown) => this.#rescue(thrown, scope, undefined));
    }
    // Without one the call was refused before it began.
    const key = (scope.key ?? cache.key) as string;
    const live: Next<V> = (inner) => this.#live(cache, key, { next, scope: inner });
    return flights
      .run(key, live, scope)
      .then(undefined, (thrown) => this.#rescue(thrown, scope, key));
  }

  /** Makes the call and keeps its result, if it is its own and good. */
  #live(
    cache: CacheSettings<V>,
    key: string,
    { next, scope }: { readonly next: Next<V>; readonly scope: Scope },
  ): Promise<V> {
    const { results } = cache;
    const sinceMs = this.#host.clock.monotonicMs();
    const watched = this.#denials.begin(key);
    const { denials } = watched;
    const outage = this.#outage.current;
    return followNext(
      next,
      scope,
      (value) => {
        this.#denials.end(key, watched);
        const isOwn = (scope.report?.served ?? null) === null;
        if (isOwn && this.#isGood(cache, value, scope)) {
          this.#outage.answered(outage);
          if (watched.denials === denials) results.write(key, value, sinceMs, scope);
        }
        return value;
      },
      (thrown) => {
        this.#denials.end(key, watched);
        this.#outage.failed(thrown);
        if (outageKind(thrown) === "permanent") {
          this.#outage.answered(outage);
          // What the dependency now denies for good must not be served in its next outage.
          this.#denials.add(key);
          results.remove(key, scope);
        }
        return rejection(thrown);
      },
    );
  }

  #isGood({ keep }: CacheSettings<V>, value: V, scope: Scope): boolean {
    if (keep === undefined) return true;
    return answerTo(KEEP, () => keep(value), { host: this.#host, scope }) ?? false;
  }

  #rescue(thrown: unknown, scope: Scope, key: string | undefined): V | PromiseLike<V> {
    if (scope.signal?.aborted === true) return rejection(thrown);
    const reason = this.#reasonToServe(thrown, scope);
    if (reason === null) return rejection(thrown);
    const inOutage = isShutOut(thrown) || this.#outage.current > 0;
    const failed = { thrown, reason, scope, inOutage };
    const cache = this.#cache;
    if (cache === null || key === undefined) return this.#serveOther(failed);
    const found = cache.results.read(key, scope);
    if (!(found instanceof Promise)) return this.#serveFound(found, cache, failed);
    return found.then((late) => endOf(scope) ?? this.#serveFound(late, cache, failed));
  }

  /** Why something is served for a failed call; null when nothing is. */
  #reasonToServe(thrown: unknown, scope: Scope): ServeReason | null {
    const { serveRefusal, serveTimeout, serveError } = this.#settings;
    const kind = outageKind(thrown);
    switch (kind) {
      case "permanent":
        return null;
      case "refused":
        return serveRefusal && !isDenied(thrown) ? "refusal" : null;
      case "timeout":
        return serveTimeout ? "timeout" : null;
      case "unsent":
      case "transient":
      case "cancelled":
      case "unknown": {
        const passes = kind === "unsent" || kind === "transient";
        const chosen =
          typeof serveError === "function"
            ? answerTo(SERVE_ON, () => serveError(thrown), { host: this.#host, scope })
            : serveError;
        return (chosen ?? passes) ? "error" : null;
      }
    }
  }

  #serveFound(
    found: Found<V> | undefined,
    cache: CacheSettings<V>,
    failed: Failed,
  ): V | PromiseLike<V> {
    if (found === undefined) return this.#serveOther(failed);
    const limitMs = failed.inOutage ? cache.openAgeMs : cache.maxAgeMs;
    if (found.ageMs > limitMs) return this.#serveOther(failed);
    return this.#serve("cache", found, failed);
  }

  #serveOther(failed: Failed): V | PromiseLike<V> {
    const { substitute } = this.#settings;
    if (substitute === null) return rejection(failed.thrown);
    if (substitute.source === "function") return this.#runInstead(substitute.run, failed);
    return this.#serve("value", { value: substitute.value, ageMs: null }, failed);
  }

  #runInstead(run: FailOpenRunOptions<V>["run"], failed: Failed): PromiseLike<V> {
    const { thrown, scope } = failed;
    const { signal, context, key } = scope;
    const made = followNext<V, V, never>(
      () => run(thrown, { signal, context, key }),
      scope,
      (value) => endOf(scope) ?? this.#serve("function", { value, ageMs: null }, failed),
      (failure) => {
        if (endOf(scope) === undefined) this.#host.failed("run", failure, scope);
        return rejection(thrown);
      },
    );
    return unlessAborted(made, signal);
  }

  /** Notes and tells what is served. */
  #serve(source: Served["source"], { value, ageMs }: Instead<V>, failed: Failed): V {
    const { thrown, reason, scope } = failed;
    if (scope.report !== undefined) scope.report.served = { source, ageMs, error: thrown };
    const host = this.#host;
    if (host.hears("fallback.served")) {
      const error = describeError(thrown);
      host.tell("fallback.served", scope, { source, ageMs, reason, error });
    }
    return value;
  }
}

/** The end of a call that its caller, or a time limit around it, has ended: nothing is noted or told of it any more. */
function endOf({ signal }: Scope): PromiseLike<never> | undefined {
  return signal?.aborted === true ? rejection(signal.reason) : undefined;
}

/**
 * Gives something else when a call fails: the last good result of its key, a value, or what a function makes. `fail`
 * says what happens when there is no such result: `"closed"` lets the call fail, `"open"` serves `value` or `run`. It
 * never hides an error that is known to be permanent.
 *
 * With a cache, `call` needs a `key`, unless `cache.key` is given: results of different keys never stand in for each
 * other. The same object is handed to every caller of a key: do not change it.
 *
 * @throws {TypeError|RangeError} when an option is of the wrong type or outside its range
 * @example
 * const rates = fallback<Rates>("rates", { fail: "closed", cache: { maxAgeMs: 60_000, key: "all" } });
 * const result = await rates.execute(fetchRates);
 * if (result.outcome === "fallback") console.warn("rates are", result.ageMs, "ms old");
 */
export function fallback<V>(
  name: string,
  options: FallbackOptions<V> & { readonly cache: FallbackCacheOptions<V> },
): Fallback<V, V>;
export function fallback<V>(name: string, options: FallbackOptions<V>): Fallback<V>;
export function fallback<V>(name: string, options: FallbackOptions<V>): Fallback<V, never> {
  const check = new Check(`create ${labelOf("fallback", name)}`);
  const settings = checkedFallback(check, name, options);
  const host = new PolicyHost(name, options);
  const { cache } = options;
  return new Fallback(
    host,
    settings,
    cache === undefined ? null : checkedCache(check, host, cache),
  );
}
