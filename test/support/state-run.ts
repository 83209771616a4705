import { BreakerRegistry, type EventBus, type Scalar } from "../../src/index.ts";
import { persist } from "../../src/state/index.ts";
import { FlakyStore } from "./flaky-store.ts";
import { VirtualTime } from "./virtual-time.ts";

/** A registry on the bus whose store fails a write, and recovers. */
export async function stateRun(
  bus: EventBus,
  attributes: Readonly<Record<string, Scalar>>,
): Promise<void> {
  const time = new VirtualTime();
  const defaults = { clock: time, random: () => 0.5, attributes };
  const registry = new BreakerRegistry({ bus, defaults });
  const store = new FlakyStore();
  const state = await persist(registry, store, { clock: time, timers: time });
  store.failure = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:6379"), {
    code: "ECONNREFUSED",
  });
  registry.get("kept").forceOpen();
  await time.pass(1_500);
  store.failure = null;
  await time.pass(2_000);
  await time.until(state.close());
}
