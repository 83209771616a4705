import type { ServerResponse } from "node:http";
import { afterEach, beforeEach } from "vitest";
import { type GuardFetchOptions, guardFetch } from "../../src/http/index.ts";
import type { TelltaleEvent } from "../../src/index.ts";
import { CircuitBreaker, createEventBus, type EventBus } from "../../src/index.ts";
import { FakeClock } from "./fake-clock.ts";
import { type Loopback, loopback } from "./loopback.ts";

/** A real server, and what guards of requests to it share. */
export interface GuardedServer {
  readonly server: Loopback;
  readonly clock: FakeClock;
  readonly bus: EventBus;
  readonly events: TelltaleEvent[];
  readonly breaker: CircuitBreaker;
  /** The names of the events so far, and forgets them. */
  told(): string[];
}

export async function guardedServer(): Promise<GuardedServer> {
  const server = await loopback();
  const clock = new FakeClock();
  const bus = createEventBus();
  const events: TelltaleEvent[] = [];
  const since: string[] = [];
  bus.on("circuit.*", (event) => {
    events.push(event);
    since.push(event.type);
  });
  const breaker = new CircuitBreaker("upstream", {
    bus,
    clock,
    failureThreshold: 2,
    cooldownMs: 1_000,
    latencyTripMs: 500,
  });
  return { server, clock, bus, events, breaker, told: () => since.splice(0) };
}

/** Bodies that begin and then wait for the test. */
export function begun(server: Loopback): { readonly open: ServerResponse[] } {
  const open: ServerResponse[] = [];
  server.answer = (_, response) => {
    response.writeHead(200).write("begun ");
    open.push(response);
  };
  return { open };
}

/** Cuts them off. */
export function breaks(open: readonly ServerResponse[]): void {
  for (const response of open) response.destroy();
}

/** A guarded server of its own for each test of a file, and what the tests ask of it. */
export function eachGuarded() {
  // Filled before each test.
  const given = {} as GuardedServer;
  beforeEach(async () => {
    Object.assign(given, await guardedServer());
  });
  afterEach(() => given.server.stop());
  const guard = (options: GuardFetchOptions = {}) => {
    const { breaker, clock } = given;
    return guardFetch(fetch, { breaker, clock, ...options });
  };
  return { given, guard, calls: () => given.breaker.stats.calls };
}
