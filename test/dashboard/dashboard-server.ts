import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach } from "vitest";
import type { DashboardOptions } from "../../src/dashboard/dashboard-options.ts";
import { serveDashboard } from "../../src/dashboard/serve-dashboard.ts";
import { BreakerRegistry, createEventBus } from "../../src/index.ts";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

/** A server on a free port of 127.0.0.1, which is stopped after the test. */
export async function listen(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  given = 0,
): Promise<{ readonly port: number; readonly server: Server; stop(): Promise<void> }> {
  const server = createServer(answer).listen(given, "127.0.0.1");
  await once(server, "listening");
  const stop = async (): Promise<void> => {
    if (!server.listening) return;
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  };
  ends.push(stop);
  // A server that listens on a port has this form of address.
  const { port } = server.address() as AddressInfo;
  return { port, server, stop };
}

/** A service with a registry of breakers and its live page, at any path. */
export async function service(options: DashboardOptions = {}) {
  const bus = createEventBus({ instance: "checkout-1" });
  const registry = new BreakerRegistry({
    ...{ bus, limit: 5_000 },
    defaults: { cooldownMs: 60_000, failureThreshold: 5 },
  });
  const stream = { readingsEveryMs: 100, retryMs: 100, ...options.stream };
  const dashboard = serveDashboard(registry, { ...options, stream });
  ends.push(() => dashboard.detach());
  const { port, server, stop } = await listen(dashboard.handle);
  const url = `http://127.0.0.1:${port}/breakers`;
  const again = () => listen(dashboard.handle, port);
  return { bus, registry, dashboard, port, server, stop, again, url };
}
