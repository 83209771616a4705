import { DropReport } from "../events/drop-report.ts";
import type { EventType, TelltaleEvent } from "../events/event.ts";
import type { EventBus, ListenOptions } from "../events/event-bus.ts";
import { isData, refuseFaults } from "../events/event-shape.ts";
import { beginAll } from "./per-bus.ts";

/** What a destination is to its bus. */
export interface TapSettings {
  readonly bus: EventBus;
  /** Under which name its losses are counted. */
  readonly sink: string;
  readonly types: readonly EventType[];
  /** Whether it would do anything with an event of this type now; it would, when this is left out. */
  wants?(type: EventType): boolean;
  /** Takes an event; what it throws says that the event is lost. */
  take(event: TelltaleEvent): void;
  /** What the listener of a type says of itself. */
  listenOptions?(type: EventType): ListenOptions;
}

/**
 * Hands the chosen events of a bus to a destination. An event that does not fit the catalogue is refused, and so counts
 * what the destination fails to take: as `bus.dropped`, never as an error of whoever emitted it.
 */
export class EventTap {
  /** What the destination lost. */
  readonly drops: DropReport;
  readonly #take: TapSettings["take"];
  readonly #wants: TapSettings["wants"];
  readonly #off: () => void;
  #ended = false;

  constructor({ bus, sink, types, wants, take, listenOptions }: TapSettings) {
    this.drops = new DropReport(bus, sink);
    this.#take = take;
    this.#wants = wants;
    this.#off = beginAll(
      types.map((type) => () => bus.on(type, this.#receive, listenOptions?.(type) ?? { sink })),
    );
  }

  /**
   * Unsubscribes, once.
   * @throws {AggregateError} when a bus of the user's making refuses to let a listener go; the others are let go
   */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#off();
  }

  readonly #receive = (event: TelltaleEvent): void => {
    try {
      if (this.#wants?.(event.type) === false) return;
      refuseFaults(event);
      this.#take(event);
    } catch (value) {
      this.drops.add(told(event), 1, { value });
    }
  };
}

/** What may be said of an event that may be none. */
function told(event: unknown): { readonly type: string; readonly atMs: number } {
  let type: unknown;
  let atMs: unknown;
  try {
    if (isData(event)) ({ type, atMs } = event);
  } catch {
    // It cannot be read, which its report says.
  }
  return {
    type: String(type),
    atMs: typeof atMs === "number" && Number.isFinite(atMs) ? atMs : Date.now(),
  };
}
