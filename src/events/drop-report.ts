import { describeError } from "./describe-error.ts";
import type { EventOf } from "./event.ts";
import type { EventBus } from "./event-bus.ts";
import type { ErrorInfo } from "./field.ts";

/** What a report needs to know of an event. */
interface Lost {
  readonly type: string;
  readonly atMs: number;
}

/** While losses go on they are told at least this often, by the time of the events. */
const HEARTBEAT_MS = 10_000;
/** A destination that has caught up tells the rest when it is more than this share of what was told before. */
const WORTH_TELLING = 1 / 8;

/**
 * Counts the events that one destination loses, and tells them as few `bus.dropped` whose counts add up to the loss:
 * at the first, each time the number has doubled, when the destination has caught up, at least every ten seconds of
 * the events' time, and at the end. There is no timer: what is left after the last of these waits for the next event.
 */
export class DropReport {
  readonly #bus: EventBus;
  readonly #sink: string;
  /** Lost and not told yet. */
  #pending = 0;
  /** Told in this run of losses. */
  #told = 0;
  #toldAtMs = Number.NEGATIVE_INFINITY;
  #lastAtMs = 0;
  #error: ErrorInfo | undefined;

  constructor(bus: EventBus, sink: string) {
    this.#bus = bus;
    this.#sink = sink;
  }

  /** Some events were lost, of which this is the last; `thrown` is what stood in the way, if something did. */
  add({ type, atMs }: Lost, count = 1, thrown?: { readonly value: unknown }): void {
    this.#pending += count;
    // What is no event has no moment of its own.
    if (Number.isFinite(atMs)) this.#lastAtMs = atMs;
    this.#error = thrown === undefined ? undefined : describeError(thrown.value);
    // Telling the loss of such a report could go on for ever: it is told with the next.
    if (type === "bus.dropped") return;
    const isBeat = this.#isBeat(this.#lastAtMs);
    if (isBeat) this.#told = 0;
    if (isBeat || this.#pending >= this.#told) this.#tell();
  }

  /** An event came and was not lost. */
  heard({ atMs }: Lost): void {
    if (this.#pending > 0 && this.#isBeat(atMs)) this.#tell();
  }

  /** The destination holds nothing back any more. */
  caughtUp(): void {
    if (this.#pending > this.#told * WORTH_TELLING) this.#tell();
  }

  /** Nothing more will be lost. */
  end(): void {
    if (this.#pending > 0) this.#tell();
  }

  /** The wall clock may have been set back. */
  #isBeat(atMs: number): boolean {
    return Math.abs(atMs - this.#toldAtMs) >= HEARTBEAT_MS;
  }

  #tell(): void {
    try {
      // Before anything is built; what nobody hears now is told with the next.
      if (!this.#bus.has("bus.dropped")) return;
    } catch {
      return;
    }
    const count = this.#pending;
    const report: EventOf<"bus.dropped"> = {
      type: "bus.dropped",
      v: 1,
      // Nothing here has a clock: the moment is that of the last event lost.
      atMs: this.#lastAtMs,
      sink: this.#sink,
      count,
      ...(this.#error === undefined ? {} : { error: this.#error }),
    };
    this.#pending = 0;
    this.#told += count;
    this.#toldAtMs = this.#lastAtMs;
    try {
      this.#bus.emit(Object.freeze(report));
    } catch {
      // A bus of the user's making that fails: the loss is told with the next report.
      this.#pending += count;
    }
  }
}
