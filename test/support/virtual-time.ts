import { setImmediate as turn } from "node:timers/promises";
import type { Timers } from "../../src/index.ts";
import { FakeClock } from "./fake-clock.ts";

interface Scheduled {
  readonly atMs: number;
  readonly callback: () => void;
}

/** A fake clock with timers that fire when it is told to move: `new VirtualTime()` is a `clock` and `timers` at once. */
export class VirtualTime extends FakeClock implements Timers {
  /** In the order they were started. */
  readonly #scheduled = new Set<Scheduled>();

  /** Timers that were started and have neither fired nor been stopped. */
  get pending(): number {
    return this.#scheduled.size;
  }

  start(callback: () => void, delayMs: number): unknown {
    if (!(delayMs >= 0)) throw new RangeError(`No timer waits ${delayMs} ms`);
    const timer = { atMs: this.nowMs + delayMs, callback };
    this.#scheduled.add(timer);
    return timer;
  }

  stop(timer: unknown): void {
    // A timer is what `start` returned; stopping any other does nothing, as with the host's.
    this.#scheduled.delete(timer as Scheduled);
  }

  /** Lets time pass, firing what is due in its order, and everything that follows from it. */
  async pass(durationMs: number): Promise<void> {
    const untilMs = this.nowMs + durationMs;
    await turn();
    for (let next = this.#next(untilMs); next !== undefined; next = this.#next(untilMs)) {
      this.#fire(next);
      await turn();
    }
    this.nowMs = untilMs;
  }

  /** Lets time pass until a promise is settled. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const end = () => {
      settled = true;
    };
    promise.then(end, end);
    await turn();
    for (let fired = 0; !settled; fired++) {
      const next = this.#next(Number.POSITIVE_INFINITY);
      if (next === undefined) throw new Error("Nothing is left that could settle the promise");
      if (fired > 100_000) throw new Error("Time passes without end");
      this.#fire(next);
      await turn();
    }
    return promise;
  }

  #fire(timer: Scheduled): void {
    this.#scheduled.delete(timer);
    this.nowMs = Math.max(this.nowMs, timer.atMs);
    timer.callback();
  }

  #next(untilMs: number): Scheduled | undefined {
    let first: Scheduled | undefined;
    for (const timer of this.#scheduled) {
      if (timer.atMs <= untilMs && (first === undefined || timer.atMs < first.atMs)) first = timer;
    }
    return first;
  }
}
