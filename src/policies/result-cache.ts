import type { Clock } from "../core/clock.ts";
import type { Scope } from "./call-scope.ts";
import type { PolicyHost } from "./policy-host.ts";
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
  /** `ttlMs` is how long the entry can be of use; nobody waits for the answer. */
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
  /** The clock that ages are measured by: a reading to be handed to `write`. */
  nowMs(): number;
  read(key: string, scope: Scope): Found<V> | undefined | Promise<Found<V> | undefined>;
  /** `sinceMs` is the reading of the moment when the call began. */
  write(key: string, value: V, sinceMs: number, scope: Scope): void;
  remove(key: string, scope: Scope): void;
}

/** In memory: on the monotonic clock, with the key that was used longest ago let go first. */
export class MemoryCache<V> implements ResultCache<V> {
  readonly #clock: Clock;
  readonly #maxEntries: number;
  /** The key used last comes last. */
  readonly #entries = new Map<string, { readonly value: V; readonly sinceMs: number }>();

  constructor(clock: Clock, maxEntries: number) {
    this.#clock = clock;
    this.#maxEntries = maxEntries;
  }

  nowMs(): number {
    return this.#clock.monotonicMs();
  }

  read(key: string): Found<V> | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#touch(key, entry);
    return { value: entry.value, ageMs: this.nowMs() - entry.sinceMs };
  }

  write(key: string, value: V, sinceMs: number): void {
    const known = this.#entries.get(key);
    // Two calls may end in the other order: the younger result stays.
    if (known !== undefined && known.sinceMs > sinceMs) return;
    this.#touch(key, { value, sinceMs });
    if (this.#entries.size <= this.#maxEntries) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      return;
    }
  }

  remove(key: string): void {
    this.#entries.delete(key);
  }

  #touch(key: string, entry: { readonly value: V; readonly sinceMs: number }): void {
    this.#entries.delete(key);
    this.#entries.set(key, entry);
  }
}

/** How far ahead of this process's wall clock an entry may be: clocks of several machines differ a little. */
const CLOCK_SKEW_MS = 5_000;

/** In a store of the user's: on the wall clock, which other processes share. */
export class StoredCache<V> implements ResultCache<V> {
  readonly #host: PolicyHost;
  readonly #store: CacheStore<V>;
  readonly #ttlMs: number;
  readonly #limit: TimeLimit;

  constructor(
    host: PolicyHost,
    store: CacheStore<V>,
    { ttlMs, limitMs }: { readonly ttlMs: number; readonly limitMs: number },
  ) {
    const { name: policy, timers } = host;
    const facts = { policy, limitMs, abandoned: true, thrown: undefined };
    this.#host = host;
    this.#store = store;
    this.#ttlMs = ttlMs;
    this.#limit = {
      limitMs,
      abandon: true,
      timers,
      expire: () => {
        const reason = timeoutError(facts);
        return { reason, error: () => reason };
      },
    };
  }

  nowMs(): number {
    return this.#host.epochMs();
  }

  async read(key: string, scope: Scope): Promise<Found<V> | undefined> {
    try {
      const entry = await runTimed(this.#limit, () => this.#store.get(key), scope);
      if (entry === undefined || entry === null) return undefined;
      const ageMs = this.nowMs() - checkedEntry(entry).atMs;
      if ("gone" in entry) return undefined;
      // Younger than now by more than clocks differ: its age cannot be known, so it is too old.
      if (ageMs < -CLOCK_SKEW_MS) {
        throw new RangeError(`cache.store.get must not return an entry from the future`);
      }
      return { value: entry.value, ageMs: Math.max(0, ageMs) };
    } catch (thrown) {
      // Nobody waits for the answer to a call that its caller has ended.
      if (scope.signal?.aborted !== true) this.#host.failed("cache.store.get", thrown, scope);
      return undefined;
    }
  }

  write(key: string, value: V, atMs: number, scope: Scope): void {
    this.#send("cache.store.set", () => this.#store.set(key, { value, atMs }, this.#ttlMs), scope);
  }

  remove(key: string, scope: Scope): void {
    const store = this.#store;
    if (typeof store.delete === "function") {
      this.#send("cache.store.delete", () => store.delete?.(key), scope);
      return;
    }
    const gone = { gone: true, atMs: this.nowMs() } as const;
    this.#send("cache.store.set", () => store.set(key, gone, this.#ttlMs), scope);
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

function checkedEntry<E>(entry: E & { readonly atMs?: unknown }): E {
  const isEntry =
    typeof entry === "object" &&
    entry !== null &&
    Number.isFinite(entry.atMs) &&
    ("value" in entry || "gone" in entry);
  if (isEntry) return entry;
  throw new TypeError("cache.store.get must return an entry that was given to set");
}
