import { EventEmitter, once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, vi } from "vitest";
import {
  type EventEndpointOptions,
  type NodeRequest,
  type NodeResponse,
  serveEvents,
} from "../../src/exporters/sse.ts";
import { CircuitBreaker, createEventBus, type EventOf } from "../../src/index.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { SseReader } from "../support/sse-client.ts";

/** What ends the servers and streams of the present test. */
export const closers: (() => unknown)[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const close of closers.splice(0).toReversed()) await close();
});

/** An endpoint that streams the events of one breaker. */
export function streamed(options: EventEndpointOptions = {}) {
  const bus = createEventBus();
  const breaker = new CircuitBreaker("payments", { bus, clock: new FakeClock() });
  const dropped: EventOf<"bus.dropped">[] = [];
  bus.on("bus.dropped", (event) => dropped.push(event));
  const endpoint = serveEvents(bus, { events: ["circuit.*"], ...options });
  closers.push(() => endpoint.detach());
  const turnover = (times = 1) => {
    for (let n = 0; n < times; n++) {
      breaker.forceOpen();
      breaker.reset();
    }
  };
  const lost = () => dropped.reduce((sum, { count }) => sum + count, 0);
  return { bus, breaker, endpoint, turnover, lost };
}

/** The port of a server on loopback, which is closed after the test. */
export async function portOf(server: Server): Promise<number> {
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  if (!server.listening) await once(server, "listening");
  // A server that listens on a port has this form of address.
  return (server.address() as AddressInfo).port;
}

/** A response that takes nothing more when it is told to. */
export class FakeResponse extends EventEmitter implements NodeResponse {
  readonly reader = new SseReader();
  destroyed = false;
  ended = false;
  full = false;
  /** What the connection has not taken; undefined for one that does not say. */
  writableLength?: number;

  writeHead(): this {
    return this;
  }

  write(text: string): boolean {
    this.reader.text += text;
    if (this.writableLength !== undefined) this.writableLength += text.length;
    return !this.full;
  }

  end(): this {
    this.ended = true;
    return this;
  }

  destroy(): this {
    this.destroyed = true;
    this.emit("close");
    return this;
  }

  drain(): void {
    this.full = false;
    this.emit("drain");
  }

  get listening(): number {
    return this.eventNames().length;
  }
}

export const GET: NodeRequest = { method: "GET", headers: {} };
