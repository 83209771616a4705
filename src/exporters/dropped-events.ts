import type { EventBus, ListenOptions } from "../events/event-bus.ts";
import { OTHER, SINKS } from "../events/metrics.ts";

interface Heard {
  listeners: number;
  readonly off: () => void;
}

/** The sinks whose own names are kept; the names come from the code that listens, and could be made per connection. */
const SINK_LIMIT = 50;

/** Counts the events that sinks failed to take, as the buses of the breakers report it. */
export class DroppedEvents {
  readonly #options: ListenOptions;
  readonly #bySink = new Map<string, number>(SINKS.map((sink) => [sink, 0]));
  readonly #buses = new Map<EventBus, Heard>();

  constructor(options: ListenOptions) {
    this.#options = options;
  }

  /** The count of each sink, zeros included. */
  get bySink(): ReadonlyMap<string, number> {
    return this.#bySink;
  }

  /** Listens to a bus, once however many breakers share it; returns a function that gives this share back. */
  listen(bus: EventBus): () => void {
    const heard = this.#buses.get(bus) ?? this.#subscribe(bus);
    heard.listeners++;
    return () => {
      heard.listeners--;
      if (heard.listeners > 0) return;
      this.#buses.delete(bus);
      heard.off();
    };
  }

  #subscribe(bus: EventBus): Heard {
    const off = bus.on("bus.listener_failed", (event) => this.#add(event), this.#options);
    const heard = { listeners: 0, off };
    this.#buses.set(bus, heard);
    return heard;
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
