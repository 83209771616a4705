import type { EventBus } from "../events/event-bus.ts";

/** Who is listened to on one bus: how often each breaker is held, by name. */
export type HeldNames = ReadonlyMap<string, number>;

/** What was begun on one bus. */
export interface Listening {
  /** The last breaker of the bus is given back. */
  end(): void;
  /** A breaker is given back, and may be the last one. */
  leave?(name: string): void;
}

interface Held {
  readonly names: Map<string, number>;
  readonly listening: Listening;
}

/**
 * Listens to each bus once, however many breakers share it: a listener for each of a thousand breakers would be asked
 * a thousand times about every event.
 */
export class PerBus {
  readonly #begin: (bus: EventBus, names: HeldNames) => Listening;
  /** Weak, because nobody has to detach before a bus is given up. */
  readonly #buses = new WeakMap<EventBus, Held>();

  /** `begin` begins to listen; it hears every event of the bus and has to leave out those of other names. */
  constructor(begin: (bus: EventBus, names: HeldNames) => Listening) {
    this.#begin = begin;
  }

  /** Listens to one breaker more; returns a function that gives this share back, once. */
  hold(bus: EventBus, name: string): () => void {
    const held = this.#buses.get(bus) ?? this.#listen(bus);
    const { names } = held;
    names.set(name, (names.get(name) ?? 0) + 1);
    let holds = true;
    return () => {
      if (!holds) return;
      holds = false;
      this.#giveBack(bus, held, name);
    };
  }

  #listen(bus: EventBus): Held {
    const names = new Map<string, number>();
    const held = { names, listening: this.#begin(bus, names) };
    this.#buses.set(bus, held);
    return held;
  }

  #giveBack(bus: EventBus, { names, listening }: Held, name: string): void {
    const left = (names.get(name) ?? 0) - 1;
    if (left > 0) {
      names.set(name, left);
      return;
    }
    names.delete(name);
    listening.leave?.(name);
    if (names.size > 0) return;
    this.#buses.delete(bus);
    listening.end();
  }
}

/** Makes subscriptions, all of them or none; returns a function that ends them. */
export function beginAll(subscribes: readonly (() => () => void)[]): () => void {
  const offs: (() => void)[] = [];
  try {
    for (const subscribe of subscribes) offs.push(subscribe());
  } catch (thrown) {
    endAll(offs);
    throw thrown;
  }
  return () => endAll(offs);
}

/** Ends every subscription, also when one of them refuses. */
export function endAll(offs: Iterable<() => void>): void {
  const failures: unknown[] = [];
  for (const off of offs) {
    try {
      off();
    } catch (thrown) {
      failures.push(thrown);
    }
  }
  if (failures.length > 0) {
    throw new AggregateError(failures, "Cannot stop listening: a bus refused to let a listener go");
  }
}
