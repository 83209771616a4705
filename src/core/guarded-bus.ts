import type { EventOf, EventType, TelltaleEvent } from "../events/event.ts";
import { type EventBus, SynchronousEventBus } from "../events/event-bus.ts";
import { listenerFailed } from "../events/listener-failed.ts";

/** What the journal asks of a bus. */
export interface Audience {
  /** Another number than before means: ask `has` again. */
  readonly version: number;
  readonly instance?: string;
  has(type: EventType): boolean;
  /** Whether every listener has counted the refusal and needs no event of it. */
  declines(skip: EventOf<"circuit.skip">): boolean;
  emit(event: TelltaleEvent): void;
}

/** A bus of the user's making: it may throw, and it does not say when its listeners change. */
class GuardedBus implements Audience {
  /** Never equal to itself, so that `has` is asked at each call. */
  readonly version = Number.NaN;
  declare readonly instance?: string;
  readonly #bus: EventBus;

  constructor(bus: EventBus) {
    this.#bus = bus;
    const instance = instanceOf(bus);
    if (instance !== undefined) this.instance = instance;
  }

  has(type: EventType): boolean {
    try {
      return Boolean(this.#bus.has(type));
    } catch {
      // A bus that cannot say who listens gets everything: better one event too many than an outage untold.
      return true;
    }
  }

  /** Such a bus has no way to ask its listeners. */
  declines(): boolean {
    return false;
  }

  emit(event: TelltaleEvent): void {
    try {
      // Declared void, which an async function satisfies: its rejection must not end the process.
      const returned: unknown = this.#bus.emit(event);
      if (returned instanceof Promise) returned.catch((thrown) => this.#report(event, thrown));
    } catch (thrown) {
      this.#report(event, thrown);
    }
  }

  #report(event: TelltaleEvent, thrown: unknown): void {
    try {
      const failure = { sink: "bus", failedType: event.type, atMs: event.atMs };
      const returned: unknown = this.#bus.emit(listenerFailed(failure, thrown));
      if (returned instanceof Promise) returned.catch(() => {});
    } catch {
      // The bus refuses even the report of its own failure: there is nobody left to tell, and the call must go on.
    }
  }
}

/** Our own bus as it is; any other behind a guard. */
export function audienceOf(bus: EventBus): Audience {
  return bus instanceof SynchronousEventBus ? bus : new GuardedBus(bus);
}

function instanceOf(bus: EventBus): string | undefined {
  try {
    const { instance } = bus;
    return typeof instance === "string" ? instance : undefined;
  } catch {
    // Events then do not name the process; they are told all the same.
    return undefined;
  }
}
