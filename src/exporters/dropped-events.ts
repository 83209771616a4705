import type { EventBus, ListenOptions } from "../events/event-bus.ts";
import { OTHER, SINKS } from "../events/metrics.ts";
import { PerBus } from "./per-bus.ts";

/** The sinks whose own names are kept; the names come from the code that listens, and could be made per connection. */
const SINK_LIMIT = 50;

/** Counts the events that sinks failed to take, as the buses of the breakers report it. */
export class DroppedEvents {
  readonly #bySink = new Map<string, number>(SINKS.map((sink) => [sink, 0]));
  readonly #buses: PerBus;

  constructor(options: ListenOptions) {
    this.#buses = new PerBus((bus) => ({
      end: bus.on("bus.listener_failed", (event) => this.#add(event), options),
    }));
  }

  /** The count of each sink, zeros included. */
  get bySink(): ReadonlyMap<string, number> {
    return this.#bySink;
  }

  /** Listens to the bus of a breaker, once however many share it; returns a function that gives this share back. */
  listen(bus: EventBus, name: string): () => void {
    return this.#buses.hold(bus, name);
  }

  /** A stranger's bus may say anything: such a report is one of the bus, so that the counters stay numbers. */
  #add(report: { readonly sink: unknown; readonly count: unknown }): void {
    const sink = typeof report.sink === "string" ? report.sink : "bus";
    const count = Number.isSafeInteger(report.count) ? Math.max(1, Number(report.count)) : 1;
    const known = this.#bySink.has(sink) || this.#bySink.size < SINK_LIMIT;
    const name = known ? sink : OTHER;
    this.#bySink.set(name, (this.#bySink.get(name) ?? 0) + count);
  }
}
