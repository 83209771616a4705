import type { Check } from "../events/check.ts";
import { LONGEST_KEY } from "./call-scope.ts";
import { checkedTimerMs, type PolicyHost } from "./policy-host.ts";
import { type CacheStore, MemoryCache, type ResultCache, StoredCache } from "./result-cache.ts";

/** Options of the last good results that a fallback keeps. */
export interface FallbackCacheOptions<V> {
  /** How old a result may be at the most, in milliseconds, counted from when the call that brought it began. */
  readonly maxAgeMs: number;
  /**
   * Time beyond `maxAgeMs` in which a result is still served in a known outage, in milliseconds: from a refusal of a
   * breaker that is open, half open or forced open, until a call that began after it brings a value that `keep` takes,
   * or a permanent error, which is an answer, too. Whatever fails in between is served for by this bound, so the call
   * that becomes the breaker's probe is, too. Nothing else ends it: not that other users of the breaker close it, nor
   * its `reset()`. A fallback remembers one outage, for all its keys: make one for each dependency. No result is served
   * that is older than both together.
   * @default 0
   */
  readonly staleWhileOpenMs?: number;
  /**
   * The key of calls that name none.
   * @default each call must have a key
   */
  readonly key?: string;
  /**
   * Whether a result is good enough to be kept. When it throws, or answers anything but `true` and `false`, the result
   * is not kept and `policy.callback_failed` says so.
   * @default every result is
   */
  readonly keep?: (value: V) => boolean;
  /**
   * Keys that are kept in memory; the one used longest ago goes first. A `store` has limits of its own.
   * @default 1_000
   */
  readonly maxEntries?: number;
  /**
   * Where the results are kept. Ages in a store are measured by the wall clock, which processes share; those of the
   * last 1 000 keys that this process wrote by its monotonic clock, too. Any other entry seems younger by as much as
   * the wall clock was set back since it was written, or is behind that of its writer, and is served that much longer:
   * one from up to 5 s in the future as if it were new, one from further ahead never.
   * @default the memory of this process
   */
  readonly store?: CacheStore<V>;
  /**
   * How long a `store` may take to answer, in milliseconds.
   * @default 1_000
   */
  readonly storeLimitMs?: number;
  /**
   * Whether callers of one key share a call that is under way; `false` for no. A call that does not end is shared for
   * `leaseMs` milliseconds, then another may begin. A call with `idempotent: false` shares only calls of that kind, for
   * any other may be repeated. Of more than 10 000 calls under way the oldest are shared no longer.
   * @default { leaseMs: 10_000 }
   */
  readonly singleFlight?: false | { readonly leaseMs: number };
}

/** The cache of a fallback, checked and made. */
export interface CacheSettings<V> {
  readonly results: ResultCache<V>;
  readonly maxAgeMs: number;
  /** The same in a known outage; no less. */
  readonly openAgeMs: number;
  readonly key: string | undefined;
  readonly keep: ((value: V) => boolean) | undefined;
  readonly leaseMs: number;
}

const CACHE_KEYS = [
  "maxAgeMs",
  "staleWhileOpenMs",
  "key",
  "keep",
  "maxEntries",
  "store",
  "storeLimitMs",
  "singleFlight",
];
const DEFAULT_MAX_ENTRIES = 1_000;
const DEFAULT_STORE_LIMIT_MS = 1_000;
const DEFAULT_LEASE_MS = 10_000;

/** Checks the options of a fallback's cache and makes it. */
export function checkedCache<V>(
  check: Check,
  host: PolicyHost,
  options: FallbackCacheOptions<V>,
): CacheSettings<V> {
  check.object("cache", options);
  check.keys(options, CACHE_KEYS, "cache.");
  const { key, keep, singleFlight, staleWhileOpenMs = 0 } = options;
  const maxAgeMs = check.positiveMs("cache.maxAgeMs", options.maxAgeMs);
  const staleMs = check.durationMs("cache.staleWhileOpenMs", staleWhileOpenMs);
  if (key !== undefined) check.text("cache.key", key, LONGEST_KEY);
  if (keep !== undefined) check.function("cache.keep", keep);
  const openAgeMs = Math.min(maxAgeMs + staleMs, Number.MAX_SAFE_INTEGER);
  return {
    results: checkedResults(check, host, options, openAgeMs),
    maxAgeMs,
    openAgeMs,
    key,
    keep,
    leaseMs: checkedLease(check, singleFlight),
  };
}

function checkedResults<V>(
  check: Check,
  host: PolicyHost,
  options: FallbackCacheOptions<V>,
  ttlMs: number,
): ResultCache<V> {
  const { store } = options;
  if (store === undefined) {
    const { storeLimitMs, maxEntries = DEFAULT_MAX_ENTRIES } = options;
    if (storeLimitMs !== undefined) {
      check.type("cache.storeLimitMs", "left out without a store", storeLimitMs);
    }
    return new MemoryCache(host.clock, check.positiveInteger("cache.maxEntries", maxEntries));
  }
  const { maxEntries, storeLimitMs = DEFAULT_STORE_LIMIT_MS } = options;
  if (maxEntries !== undefined) check.type("cache.maxEntries", "left out with a store", maxEntries);
  check.object("cache.store", store);
  check.function("cache.store.get", store.get);
  check.function("cache.store.set", store.set);
  const limitMs = checkedTimerMs(check, "cache.storeLimitMs", storeLimitMs);
  return new StoredCache(host, store, { ttlMs: Math.ceil(ttlMs), limitMs });
}

function checkedLease(
  check: Check,
  singleFlight: FallbackCacheOptions<never>["singleFlight"],
): number {
  if (singleFlight === undefined) return DEFAULT_LEASE_MS;
  if (singleFlight === false) return 0;
  if (typeof singleFlight !== "object" || singleFlight === null) {
    check.type("cache.singleFlight", "an object or false", singleFlight);
  }
  check.keys(singleFlight, ["leaseMs"], "cache.singleFlight.");
  return check.positiveMs("cache.singleFlight.leaseMs", singleFlight.leaseMs);
}
