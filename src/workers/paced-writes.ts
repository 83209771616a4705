import type { Clock } from "../core/clock.ts";
import type { Timers } from "../platform.ts";

/** How often a key may be written, and what tells the time. */
export interface Pace {
  readonly intervalMs: number;
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly timers: Timers;
}

interface KeyPace {
  /** Writes that were asked for, and the one that was done last. */
  asked: number;
  written: number;
  latest: string | null;
  /** No write before this moment. */
  freeAtMs: number;
}

/** Longer than any write takes: one that was cut off with its request frees the key after it. */
const LONGEST_WRITE_MS = 30_000;
const MOST_IDLE_KEYS = 1_000;

/**
 * Writes each key no oftener than the pace allows, the last of what waits. Everybody who writes waits by itself and does
 * its own write: on Workers what one request began ends with it, and nobody else may wait for that.
 */
export class PacedWrites {
  readonly #pace: Pace;
  readonly #keys = new Map<string, KeyPace>();
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(pace: Pace) {
    this.#pace = pace;
  }

  /** Resolves when this text, or a later one of the key, was written. */
  write(
    key: string,
    text: string | null,
    put: (latest: string | null) => Promise<void>,
  ): Promise<void> {
    const paced = this.#paced(key);
    paced.latest = text;
    const done = this.#write(paced, ++paced.asked, put).finally(() => this.#underWay.delete(done));
    this.#underWay.add(done);
    return done;
  }

  /** Resolves when no write is under way. */
  async ended(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
  }

  async #write(
    paced: KeyPace,
    own: number,
    put: (latest: string | null) => Promise<void>,
  ): Promise<void> {
    const { intervalMs, clock } = this.#pace;
    while (paced.written < own) {
      const nowMs = clock.monotonicMs();
      if (nowMs < paced.freeAtMs) {
        // Not until the end of a write under way, which may be sooner.
        await this.#sleep(Math.min(paced.freeAtMs - nowMs, intervalMs));
        continue;
      }
      const { asked, latest } = paced;
      paced.freeAtMs = nowMs + LONGEST_WRITE_MS;
      try {
        await put(latest);
        paced.written = Math.max(paced.written, asked);
      } finally {
        paced.freeAtMs = clock.monotonicMs() + intervalMs;
      }
    }
  }

  #sleep(forMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#pace.timers.start(resolve, forMs);
    });
  }

  #paced(key: string): KeyPace {
    const known = this.#keys.get(key);
    if (known !== undefined) return known;
    if (this.#keys.size >= MOST_IDLE_KEYS) this.#forgetIdle();
    const paced = { asked: 0, written: 0, latest: null, freeAtMs: Number.NEGATIVE_INFINITY };
    this.#keys.set(key, paced);
    return paced;
  }

  #forgetIdle(): void {
    const nowMs = this.#pace.clock.monotonicMs();
    for (const [key, { asked, written, freeAtMs }] of this.#keys) {
      if (asked === written && freeAtMs <= nowMs) this.#keys.delete(key);
    }
  }
}
