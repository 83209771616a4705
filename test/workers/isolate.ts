import { createEventBus, type TelltaleBus, type TelltaleEvent } from "../../src/index.ts";
import {
  connectOwner,
  type OwnerConnection,
  type OwnerConnectionOptions,
  type OwnerOptions,
} from "../../src/workers/index.ts";
import { BOOM } from "../support/breaker.ts";
import { OwnerWorld } from "../support/owner-world.ts";

export const OPTIONS: OwnerOptions = {
  breakers: { chat: { failureThreshold: 2, cooldownMs: 10_000, latencyTripMs: 1_000 }, embed: {} },
  ledger: {
    prices: { openai: { "gpt-5": { perMillion: { output: 1 } } } },
    budgets: [{ name: "month", usdPerMonth: 1, hard: true }],
  },
};
export const SPEND = { provider: "openai", model: "gpt-5" };

/** A Worker's isolate: what it keeps between requests. */
export class Isolate {
  readonly world: OwnerWorld;
  readonly bus: TelltaleBus = createEventBus();
  readonly events: TelltaleEvent[] = [];
  readonly connection: OwnerConnection;

  constructor(world: OwnerWorld, options: OwnerConnectionOptions = {}) {
    this.world = world;
    const { time } = world;
    this.bus.on("owner.*", (event) => void this.events.push(event));
    const shared = { clock: time, timers: time, random: () => 0.5, bus: this.bus };
    this.connection = connectOwner("openai", { ...shared, ...options });
  }

  within(scope: object = {}) {
    const { namespace, lifetime } = this.world;
    return this.connection.within({ namespace, lifetime, ...scope });
  }

  ok(breaker = "chat", options = {}) {
    return this.world.time.until(this.within().execute(breaker, async () => "fine", options));
  }

  fail(breaker = "chat") {
    return this.world.time.until(this.within().execute(breaker, () => Promise.reject(BOOM)));
  }

  types(): string[] {
    return this.events.map(({ type }) => type);
  }
}

/** An owner and two isolates that ask it. */
export function world(options: Partial<OwnerOptions> = {}) {
  const made = new OwnerWorld({ ...OPTIONS, ...options });
  return { world: made, one: new Isolate(made), other: new Isolate(made) };
}
