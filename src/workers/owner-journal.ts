import type { EventOf } from "../events/event.ts";
import type { EventBus } from "../events/event-bus.ts";
import type { OWNER_EVENTS } from "../events/owner-events.ts";

type OwnerEventType = keyof typeof OWNER_EVENTS;
type OwnFields<T extends OwnerEventType> = Omit<
  EventOf<T>,
  "type" | "v" | "instance" | "atMs" | "owner"
>;

/** Tells what happens between a Worker and its owner. */
export class OwnerJournal {
  readonly #owner: string;
  readonly #bus: EventBus | undefined;
  readonly #epochMs: () => number;

  constructor(owner: string, bus: EventBus | undefined, epochMs: () => number) {
    this.#owner = owner;
    this.#bus = bus;
    this.#epochMs = epochMs;
  }

  tell<T extends OwnerEventType>(type: T, build: () => OwnFields<T>): void {
    const bus = this.#bus;
    if (bus === undefined) return;
    try {
      if (!bus.has(type)) return;
      const { instance } = bus;
      const event = { type, v: 1, atMs: this.#epochMs(), owner: this.#owner, ...build() };
      const told = instance === undefined ? event : { ...event, instance };
      // The envelope and the own fields of T are all there: the compiler does not see it through the type parameter.
      bus.emit(Object.freeze(told) as unknown as EventOf<T>);
    } catch {
      // A bus of the user's making failed: calls go on all the same.
    }
  }
}
