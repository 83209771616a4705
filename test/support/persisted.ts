import {
  BreakerRegistry,
  type BreakerRegistryOptions,
  type BreakerSnapshot,
  type TelltaleEvent,
} from "../../src/index.ts";
import { type PersistOptions, persist } from "../../src/state/index.ts";
import type { FlakyStore } from "./flaky-store.ts";
import { VirtualTime } from "./virtual-time.ts";

/** A process with a registry that is kept in a store. */
export async function processOf(
  store: FlakyStore,
  options: PersistOptions = {},
  given: BreakerRegistryOptions = {},
  time = new VirtualTime(),
  waits = true,
) {
  const registry = new BreakerRegistry({ defaults: { clock: time }, ...given });
  const told: TelltaleEvent[] = [];
  for (const family of ["state.*", "circuit.restore", "registry.*"] as const) {
    registry.on(family, (event) => told.push(event));
  }
  const persisting = persist(registry, store, { clock: time, timers: time, ...options });
  await (waits ? persisting : time.pass(0));
  return {
    time,
    registry,
    told,
    persisting,
    types: () => told.splice(0).map(({ type }) => type),
    /** Of the row of a breaker. */
    row: (name: string): BreakerSnapshot => JSON.parse(store.rows.get(`breaker:${name}`) ?? "null"),
  };
}
