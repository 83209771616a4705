import type { Check } from "../events/check.ts";
import type { Scalar } from "../events/field.ts";
import type { HostSignal } from "./call-scope.ts";
import type { FallbackCacheOptions } from "./fallback-cache.ts";
import { checkedPolicy, type PolicyOptions } from "./policy-host.ts";

/**
 * Which failures a fallback stands in for. An error that is known to be permanent is never hidden, but for a certificate
 * that nobody trusts: the dependency is out of reach then, and has denied nothing.
 */
export interface ServeOn {
  /**
   * The call was refused by a breaker or a bulkhead; not by a breaker that a permanent error has forced open.
   * @default true
   */
  readonly refusal?: boolean;
  /**
   * The call ran out of time.
   * @default true
   */
  readonly timeout?: boolean;
  /**
   * The call threw: `true` for every error, `false` for none, or those that a function chooses. When it throws, or
   * answers anything but `true` and `false`, the default holds and `policy.callback_failed` says so.
   * @default those known to pass (broken connections, HTTP 408, 425, 429 and 5xx), and wrong certificates
   */
  readonly error?: boolean | ((error: unknown) => boolean);
}

/** What a fallback function is told of the call that failed. */
export interface FailedCall {
  readonly signal: HostSignal | undefined;
  readonly context: Readonly<Record<string, Scalar>> | undefined;
  readonly key: string | undefined;
}

interface CommonOptions extends PolicyOptions {
  /** Which failures the fallback stands in for. */
  readonly serveOn?: ServeOn;
}

/** Serves last good results only: when there is none young enough, the call fails. */
export interface FailClosedOptions<V> extends CommonOptions {
  readonly fail: "closed";
  readonly cache: FallbackCacheOptions<V>;
  readonly value?: never;
  readonly run?: never;
}

/** Always has something to serve: a fixed value. */
export interface FailOpenValueOptions<V> extends CommonOptions {
  readonly fail: "open";
  /** Served when no last good result can be. */
  readonly value: V;
  readonly run?: never;
  readonly cache?: FallbackCacheOptions<V>;
}

/** Always has something to serve: what a function returns. */
export interface FailOpenRunOptions<V> extends CommonOptions {
  readonly fail: "open";
  /**
   * Makes what is served when no last good result can be. If it fails, the call fails with its own error and
   * `policy.callback_failed` says so. The fallback does not limit its time, nor does a timeout inside the fallback: a
   * timeout around it does, and the signal of the call, which ends the wait at once, whether `run` heeds it or not.
   */
  readonly run: (error: unknown, call: FailedCall) => V | PromiseLike<V>;
  readonly value?: never;
  readonly cache?: FallbackCacheOptions<V>;
}

/** Options of {@link fallback}. Unknown keys are refused. */
export type FallbackOptions<V> =
  | FailClosedOptions<V>
  | FailOpenValueOptions<V>
  | FailOpenRunOptions<V>;

/** What is served when no last good result can be. */
type Substitute<V> =
  | { readonly source: "value"; readonly value: V }
  | { readonly source: "function"; readonly run: FailOpenRunOptions<V>["run"] };

/** The options after the check, except the cache. */
export interface FallbackSettings<V> {
  readonly serveRefusal: boolean;
  readonly serveTimeout: boolean;
  /** Undefined for the errors that are known to pass. */
  readonly serveError: ServeOn["error"];
  /** Null when it fails closed. */
  readonly substitute: Substitute<V> | null;
}

const KEYS = ["fail", "value", "run", "cache", "serveOn"];
const SERVE_KEYS = ["refusal", "timeout", "error"];

/** Checks the options of a fallback, except its cache. */
export function checkedFallback<V>(
  check: Check,
  name: unknown,
  options: FallbackOptions<V>,
): FallbackSettings<V> {
  const given = checkedPolicy(check, name, options, KEYS);
  const { serveOn = {} } = given;
  check.object("serveOn", serveOn);
  check.keys(serveOn, SERVE_KEYS, "serveOn.");
  const { refusal, timeout, error } = serveOn;
  return {
    serveRefusal: checkedSwitch(check, "serveOn.refusal", refusal),
    serveTimeout: checkedSwitch(check, "serveOn.timeout", timeout),
    serveError: ["undefined", "boolean", "function"].includes(typeof error)
      ? error
      : check.type("serveOn.error", "true, false or a function", error),
    substitute: checkedSubstitute(check, given),
  };
}

function checkedSubstitute<V>(check: Check, given: FallbackOptions<V>): Substitute<V> | null {
  const { fail, value, run, cache } = given;
  switch (fail) {
    case "closed":
      if (value !== undefined) check.type("value", 'left out where fail is "closed"', value);
      if (run !== undefined) check.type("run", 'left out where fail is "closed"', run);
      // Without one it would never serve anything.
      check.object("cache", cache);
      return null;
    case "open":
      if (run !== undefined) {
        if (value !== undefined) check.type("value", "left out where run is given", value);
        return { source: "function", run: check.function("run", run) };
      }
      if (!("value" in given)) check.type("value", 'given, or run, where fail is "open"', value);
      // The options without `run` that fail open have a value, and it is there.
      return { source: "value", value: value as V };
    default:
      return check.type("fail", '"open" or "closed"', fail);
  }
}

function checkedSwitch(check: Check, field: string, value: unknown): boolean {
  return value === undefined || check.flag(field, value);
}
