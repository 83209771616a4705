import type { EventBus } from "../../src/index.ts";
import { createMemoryStore } from "../../src/state/index.ts";
import { connectOwner } from "../../src/workers/index.ts";
import { OwnerWorld } from "./owner-world.ts";

/**
 * An owner that cannot be asked for a while and whose warm start cannot be written, a spend that its ledger refuses, and
 * one that waits for too long.
 */
export async function ownerRun({ bus }: { bus: EventBus }): Promise<void> {
  const warmStart = createMemoryStore();
  await warmStart.close();
  // What its breakers do is told by others.
  const owners: EventBus = {
    ...(bus.instance === undefined ? {} : { instance: bus.instance }),
    emit: (event) => bus.emit(event),
    on: (type, listener) => bus.on(type, listener),
    has: (type) => type.startsWith("owner.") && bus.has(type),
  };
  const ledger = { prices: {} };
  const world = new OwnerWorld({ breakers: { chat: {} }, ledger, warmStart, bus: owners });
  const { time, namespace, lifetime } = world;
  const shared = { clock: time, timers: time, random: () => 0.5, bus };
  const connection = connectOwner("openai", { ...shared, spendLimit: 1 });
  const calls = connection.within({ namespace, lifetime });
  const spend = (id: string) => {
    time.nowMs += 1;
    return time.until(calls.spend({ provider: "openai", model: "gpt-5", usd: "9000000", id }));
  };
  world.owner.control({ breaker: "chat", action: "forceOpen" });
  world.owner.control({ breaker: "chat", action: "reset" });
  await world.settled();
  world.fates = ["hangs", "refused"];
  await time.until(calls.execute("chat", () => 1));
  time.nowMs += 2_000;
  await time.until(calls.execute("chat", () => 1));
  await spend("first");
  world.fates = ["refused", "refused", "refused", "refused"];
  await spend("gives way");
  await spend("refused");
}
