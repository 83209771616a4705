import { once } from "node:events";
import { createServer } from "node:http";
import { InactiveToken, type Introspected } from "./introspection.ts";

export interface ResourceService {
  readonly url: string;
  stop(): Promise<void>;
}

/** A service whose every request needs a good token. */
export async function resourceService(
  introspect: (token: string) => Promise<Introspected>,
): Promise<ResourceService> {
  const server = createServer(async (request, response) => {
    const [, token] = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? "") ?? [];
    if (token === undefined) {
      response.writeHead(401, { "www-authenticate": "Bearer" }).end();
      return;
    }
    try {
      const { token: known, ageMs } = await introspect(token);
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ orders: [], for: known.sub, tokenAgeMs: Math.round(ageMs) }));
    } catch (error) {
      // Not good, or nobody can say: the first will not change, the second will.
      if (error instanceof InactiveToken) {
        response.writeHead(401, { "www-authenticate": 'Bearer error="invalid_token"' }).end();
      } else {
        response.writeHead(503, { "retry-after": "1" }).end();
      }
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("A port was expected");
  return {
    url: `http://127.0.0.1:${address.port}`,
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}
