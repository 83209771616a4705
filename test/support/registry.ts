import {
  BreakerRegistry,
  type BreakerRegistryOptions,
  type EventType,
  type TelltaleEvent,
} from "../../src/index.ts";
import { FakeClock } from "./fake-clock.ts";

/** A registry under a fake clock, with everything that its bus carries. */
export interface WatchedRegistry {
  readonly registry: BreakerRegistry;
  readonly clock: FakeClock;
  readonly events: TelltaleEvent[];
  /** The events of a type so far. */
  of<T extends EventType>(type: T): (TelltaleEvent & { readonly type: T })[];
  /** The names of the breakers, in the order in which they were made. */
  names(): string[];
}

/** Makes a registry whose breakers trip at two failures and wait a second. */
export function watchRegistry(options: BreakerRegistryOptions = {}): WatchedRegistry {
  const clock = new FakeClock();
  const defaults = { clock, failureThreshold: 2, cooldownMs: 1_000, ...options.defaults };
  const registry = new BreakerRegistry({ ...options, defaults });
  const events: TelltaleEvent[] = [];
  for (const family of ["circuit.*", "registry.*", "bus.*"] as const) {
    registry.on(family, (event) => events.push(event));
  }
  return {
    registry,
    clock,
    events,
    of: <T extends EventType>(type: T) =>
      events.filter((event): event is TelltaleEvent & { readonly type: T } => event.type === type),
    names: () => [...registry].map(({ name }) => name),
  };
}
