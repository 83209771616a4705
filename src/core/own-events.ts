import { endWith } from "../events/end-signal.ts";
import type { CircuitEvent, CircuitPattern } from "../events/event.ts";
import type { EventBus, ListenOptions } from "../events/event-bus.ts";
import type { Circuit } from "./circuit.ts";

/** Listens on a bus to the events of one breaker, also when others share it: they are told apart by name. */
export function listenToOwn(
  circuit: Circuit,
  bus: EventBus,
  {
    type,
    heard,
    options = {},
  }: {
    readonly type: CircuitPattern;
    readonly heard: (event: CircuitEvent) => unknown;
    readonly options: ListenOptions | undefined;
  },
): () => void {
  const { name } = circuit;
  // What the listener returns goes back to the bus, which reports the failure of an async one.
  const own = (event: CircuitEvent): unknown => (event.breaker === name ? heard(event) : undefined);
  const { signal, declines, ...passed } = options;
  if (signal?.aborted === true) return () => {};
  const off = bus.on<CircuitPattern>(
    type,
    own,
    declines === undefined
      ? passed
      : // Nor does the listener need the refusals of other breakers on the bus.
        { ...passed, declines: (skip) => skip.breaker !== name || declines(skip) },
  );
  // Here, because a bus of the user's making need not know signals.
  return circuit.journal?.subscriptions?.hold(off, signal) ?? endWith(signal, off);
}
