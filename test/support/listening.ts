import { once } from "node:events";
import type { Server } from "node:http";
import { afterEach } from "vitest";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** Ends what a test has begun, after it. */
export function afterTest(end: () => unknown): void {
  ends.push(end);
}

/** Where a server listens that was told to; it is stopped after the test. */
export async function listening(server: Server): Promise<string> {
  if (!server.listening) await once(server, "listening");
  afterTest(async () => {
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("A port was expected");
  return `http://127.0.0.1:${address.port}`;
}
