import type { KvNamespace } from "../../src/workers/index.ts";

interface Seen {
  readonly value: string | null;
  readonly untilMs: number;
}

/** What is stored, and when it was. */
interface Stored {
  readonly value: string | null;
  readonly atMs: number;
}

/**
 * Cloudflare KV as its documentation describes it, which the local simulator is not: another place sees a write after
 * `lagMs`, also that there was nothing (a negative look-up is kept as well), and a key takes one write a second.
 */
export class LaggingKv {
  readonly #clock: { nowMs: number };
  readonly #lagMs: number;
  readonly #history = new Map<string, Stored[]>();
  /** Writes, in order. */
  readonly writes: {
    readonly key: string;
    readonly value: string | null;
    readonly atMs: number;
  }[] = [];
  reads = 0;

  constructor(clock: { nowMs: number }, lagMs = 60_000) {
    this.#clock = clock;
    this.#lagMs = lagMs;
  }

  /** The namespace as one place in the world sees it. */
  at(_place: string): KvNamespace {
    const cache = new Map<string, Seen>();
    return {
      get: async (key) => {
        this.reads++;
        const nowMs = this.#clock.nowMs;
        const cached = cache.get(key);
        if (cached !== undefined && nowMs < cached.untilMs) return cached.value;
        const value = this.#arrived(key);
        cache.set(key, { value, untilMs: nowMs + this.#lagMs });
        return value;
      },
      put: async (key, value) => {
        this.#store(key, value);
        // Who writes sees its own write at once.
        cache.set(key, { value, untilMs: this.#clock.nowMs + this.#lagMs });
      },
      delete: async (key) => {
        this.#store(key, null);
        cache.set(key, { value: null, untilMs: this.#clock.nowMs + this.#lagMs });
      },
      list: async ({ prefix }) => ({
        keys: [...this.#history.keys()]
          .filter((name) => name.startsWith(prefix) && this.#arrived(name) !== null)
          .map((name) => ({ name })),
        list_complete: true,
      }),
    };
  }

  #arrived(key: string): string | null {
    const seenMs = this.#clock.nowMs - this.#lagMs;
    const arrived = (this.#history.get(key) ?? []).filter(({ atMs }) => atMs <= seenMs);
    return arrived.at(-1)?.value ?? null;
  }

  #store(key: string, value: string | null): void {
    const atMs = this.#clock.nowMs;
    const history = this.#history.get(key) ?? [];
    const last = history.at(-1);
    if (last !== undefined && atMs - last.atMs < 1_000) {
      throw new Error("KV PUT failed: 429 Too Many Requests");
    }
    history.push({ value, atMs });
    this.#history.set(key, history);
    this.writes.push({ key, value, atMs });
  }
}
