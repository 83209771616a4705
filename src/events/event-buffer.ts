import { DropReport } from "./drop-report.ts";
import type { TelltaleEvent } from "./event.ts";
import type { EventBus } from "./event-bus.ts";

/** What a buffer that is full does with a further event: gives up the oldest that waits, or the new one. */
export const WHEN_FULL = ["drop-oldest", "drop-newest"] as const;
/** What a buffer that is full does with a further event: gives up the oldest that waits, or the new one. */
export type WhenFull = (typeof WHEN_FULL)[number];

/** How much may wait for one consumer. */
export interface BufferSettings {
  readonly bus: EventBus;
  readonly sink: string;
  readonly bufferLimit: number;
  readonly whenFull: WhenFull;
}

/**
 * The events that wait for one consumer, who takes them one at a time: a bounded ring. What does not fit is counted and
 * told as `bus.dropped`.
 */
export class EventBuffer<E extends TelltaleEvent> {
  readonly #limit: number;
  readonly #dropsOldest: boolean;
  readonly #drops: DropReport;
  /** Grows up to the limit; then the oldest place is taken again. */
  readonly #ring: (E | undefined)[] = [];
  #first = 0;
  #size = 0;
  /** Those who asked while nothing was there, in order; only ever somebody while the ring is empty. */
  #asking: ((result: IteratorResult<E, undefined>) => void)[] = [];
  #ended = false;

  constructor({ bus, sink, bufferLimit, whenFull }: BufferSettings) {
    this.#limit = bufferLimit;
    this.#dropsOldest = whenFull === "drop-oldest";
    this.#drops = new DropReport(bus, sink);
  }

  put(event: E): void {
    if (this.#ended) return;
    const asking = this.#asking.shift();
    if (asking !== undefined) {
      this.#drops.heard(event);
      asking({ done: false, value: event });
      return;
    }
    if (this.#size < this.#limit) {
      this.#drops.heard(event);
      this.#store(event);
      return;
    }
    if (this.#dropsOldest) {
      this.#take();
      this.#store(event);
    }
    this.#drops.add(event);
  }

  /** Counts what was handed over as an event and is none. */
  refuse(): void {
    if (this.#ended) return;
    const value = new TypeError("Cannot take an event: it has no type or no moment");
    this.#drops.add({ type: "none", atMs: Number.NaN }, 1, { value });
  }

  /** The next event, when there is one. */
  next(): Promise<IteratorResult<E, undefined>> {
    const value = this.#take();
    if (value !== undefined) {
      if (this.#size === 0) this.#drops.caughtUp();
      return Promise.resolve({ done: false, value });
    }
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#asking.push(resolve));
  }

  /** Gives up what waits: nobody will take it any more. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#ring.length = 0;
    this.#size = 0;
    for (const asking of this.#asking.splice(0)) asking({ done: true, value: undefined });
    this.#drops.end();
  }

  #store(event: E): void {
    this.#ring[(this.#first + this.#size) % this.#limit] = event;
    this.#size++;
  }

  #take(): E | undefined {
    if (this.#size === 0) return undefined;
    const event = this.#ring[this.#first];
    this.#ring[this.#first] = undefined;
    this.#size--;
    // An empty ring begins anew, so that a consumer who keeps up needs few places of a large one.
    this.#first = this.#size === 0 ? 0 : (this.#first + 1) % this.#limit;
    return event;
  }
}
