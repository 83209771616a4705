import type { Clock } from "../core/clock.ts";
import type { Scope } from "./call-scope.ts";
import type { PolicyHost } from "./policy-host.ts";
import { RecentKeys } from "./recent-keys.ts";
import { runTimed, type TimeLimit } from "./timed-call.ts";
import { timeoutError } from "./timeout-error.ts";

/** What a store holds for a key: a value and when the call that brought it began, or that there is none any more. */
export type CacheEntry<V> =
  | { readonly value: V; readonly atMs: number }
  | { readonly gone: true; readonly atMs: number };

/**
 * Where a fallback keeps last good results, in this process or elsewhere: a `Map`, a Redis client behind two functions.
 * Entries are plain data if their values are. A store that fails, or takes too long, harms no call.
 */
export interface CacheStore<V> {
  get(
    key: string,
  ): CacheEntry<V> | null | undefined | PromiseLike<CacheEntry<V> | null | undefined>;
  /**
   * `ttlMs` is how long the entry can be of use, a whole number of milliseconds, at most `Number.MAX_SAFE_INTEGER`;
   * nobody waits for the answer.
   */
  set(key: string, entry: CacheEntry<V>, ttlMs: number): unknown;
  /** Without it, an entry is overwritten by one that says `gone`. */
  delete?(key: string): unknown;
}

/** A last good result and its age. */
export interface Found<V> {
  readonly value: V;
  readonly ageMs: number;
}

/** Last good results by key. */
export interface ResultCache<V> {
  read(key: string, scope: Scope): Found<V> | undefined | Promise<Found<V> | undefined>;
  /** `sinceMs` is when the call began, on the monotonic clock. */
  write(key: string, value: V, sinceMs: number, scope: Scope): void;
  remove(key: string, scope: Scope): void;
}

interface Kept<V> {
  readonly value: V;
  readonly sinceMs: number;
}

/** In memory: on the monotonic clock, with the key that was used longest ago let go first. */
export class MemoryCache<V> implements ResultCache<V> {
  readonly #clock: Clock;
  readonly #results: RecentKeys<Kept<V>>;

  constructor(clock: Clock, maxEntries: number) {
    this.#clock = clock;
    this.#results = new RecentKeys(maxEntries);
  }

  read(key: string): Found<V> | undefined {
    const kept = this.#results.get(key);
    if (kept === undefined) return undefined;
    this.#results.put(key, kept);
    return { value: kept.value, ageMs: this.#clock.monotonicMs() - kept.sinceMs };
  }

  write(key: string, value: V, sinceMs: number): void {
    const known = this.#results.get(key);
    // Two calls may end in the other order: the younger result stays.
    if (known !== undefined && known.sinceMs > sinceMs) return;
    this.#results.put(key, { value, sinceMs });
  }

  remove(key: string): void {
    this.#results.delete(key);
  }
}

/** How far ahead of this process's wall clock an entry may be: clocks of several machines differ a little. */
const CLOCK_SKEW_MS = 5_000;

/** Keys that this process wrote last and knows the entries of by its monotonic clock. */
const MOST_MARKS = 1_000;

/** When the call began that brought an entry, on both clocks. */
interface Mark {
  readonly sinceMs: number;
  readonly atMs: number;
}

/**
 * In a store of the user's: on the wall clock, which other processes share. Entries that this process wrote itself are
 * no younger than by the monotonic clock, and no older result follows them.
 */
export class StoredCache<V> implements ResultCache<V> {
  readonly #host: PolicyHost;
  readonly #store: CacheStore<V>;
  readonly #ttlMs: number;
  readonly #limit: TimeLimit;
  readonly #marks = new RecentKeys<Mark>(MOST_MARKS);

  constructor(
    host: PolicyHost,
    store: CacheStore<V>,
    { ttlMs, limitMs }: { readonly ttlMs: number; readonly limitMs: number },
  ) {
    const { name: policy, clock, timers } = host;
    const facts = { policy, limitMs, abandoned: true, thrown: undefined };
    this.#host = host;
    this.#store = store;
    this.#ttlMs = ttlMs;
    this.#limit = {
      limitMs,
      abandon: true,
      clock,
      timers,
      expire: () => {
        const reason = timeoutError(facts);
        return { reason, error: () => reason };
      },
    };
  }

  async read(key: string, scope: Scope): Promise<Found<V> | undefined> {
    try {
      const entry = await runTimed(this.#limit, () => this.#store.get(key), scope);
      if (entry === undefined || entry === null) return undefined;
      checkedEntry(entry);
      if ("gone" in entry) return undefined;
      return { value: entry.value, ageMs: this.#ageMs(key, entry.atMs) };
    } catch (thrown) {
      // Nobody waits for the answer to a call that its caller has ended.
      if (scope.signal?.aborted !== true) this.#host.failed("cache.store.get", thrown, scope);
      return undefined;
    }
  }

  write(key: string, value: V, sinceMs: number, scope: Scope): void {
    const known = this.#marks.get(key);
    // Two calls may end in the other order: the younger result stays.
    if (known !== undefined && known.sinceMs > sinceMs) return;
    const { clock } = this.#host;
    const nowMs = this.#host.epochMs();
    const atMs = Math.floor(nowMs - (clock.monotonicMs() - sinceMs));
    this.#marks.put(key, { sinceMs, atMs });
    this.#send("cache.store.set", () => this.#store.set(key, { value, atMs }, this.#ttlMs), scope);
  }

  remove(key: string, scope: Scope): void {
    const store = this.#store;
    this.#marks.delete(key);
    if (typeof store.delete === "function") {
      this.#send("cache.store.delete", () => store.delete?.(key), scope);
      return;
    }
    const gone = { gone: true, atMs: this.#host.epochMs() } as const;
    this.#send("cache.store.set", () => store.set(key, gone, this.#ttlMs), scope);
  }

  #ageMs(key: string, atMs: number): number {
    const wallMs = this.#host.epochMs() - atMs;
    const mark = this.#marks.get(key);
    if (mark?.atMs === atMs) {
      return Math.max(wallMs, this.#host.clock.monotonicMs() - mark.sinceMs);
    }
    // Younger than now by more than clocks differ: its age cannot be known, so it is too old.
    if (wallMs < -CLOCK_SKEW_MS) {
      throw new RangeError("cache.store.get must not return an entry from the future");
    }
    return Math.max(0, wallMs);
  }

  /** Nobody waits for the store; its failure is told. */
  #send(callback: string, send: () => unknown, scope: Scope): void {
    const failed = (thrown: unknown): void => this.#host.failed(callback, thrown, scope);
    try {
      Promise.resolve(send()).catch(failed);
    } catch (thrown) {
      failed(thrown);
    }
  }
}

/** Refuses what no fallback wrote: a store holds what others put in it, too. */
function checkedEntry(entry: { readonly atMs?: unknown }): void {
  const isEntry =
    typeof entry === "object" &&
    entry !== null &&
    Number.isFinite(entry.atMs) &&
    ("value" in entry || "gone" in entry);
  if (isEntry) return;
  throw new TypeError("cache.store.get must return an entry that was given to set");
}
