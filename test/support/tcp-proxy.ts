import { once } from "node:events";
import { createConnection, createServer, type Socket } from "node:net";

/** What the wire does: lets everything pass, holds back one direction or both, or is cut. */
export type Wire = "whole" | "stalled to the server" | "stalled to the client" | "stalled" | "cut";

/** A wire of the test's own between a client and a server on 127.0.0.1. */
export interface TcpProxy {
  readonly port: number;
  readonly url: string;
  /** Connections that are there now. */
  readonly connections: number;
  /** Cut: what there is ends, and nobody gets through. Stalled: everything waits, nothing is lost and nothing ends. */
  set(wire: Wire): void;
  stop(): Promise<void>;
}

export async function startProxy(targetPort: number): Promise<TcpProxy> {
  let wire: Wire = "whole";
  const pairs = new Set<readonly [client: Socket, server: Socket]>();
  const passes = (direction: "to the server" | "to the client") =>
    wire === "whole" || (wire !== "stalled" && wire !== "cut" && wire !== `stalled ${direction}`);
  const align = ([client, server]: readonly [Socket, Socket]): void => {
    if (wire === "cut") {
      client.destroy();
      server.destroy();
      return;
    }
    if (passes("to the server")) client.resume();
    else client.pause();
    if (passes("to the client")) server.resume();
    else server.pause();
  };
  const listener = createServer((client) => {
    const server = createConnection({ host: "127.0.0.1", port: targetPort });
    const pair = [client, server] as const;
    pairs.add(pair);
    client.on("data", (chunk) => server.write(chunk));
    server.on("data", (chunk) => client.write(chunk));
    for (const [one, other] of [pair, [server, client] as const]) {
      one.setNoDelay(true);
      one.on("error", () => {});
      one.on("close", () => {
        other.destroy();
        pairs.delete(pair);
      });
    }
    align(pair);
  }).listen(0, "127.0.0.1");
  await once(listener, "listening");
  const address = listener.address();
  if (address === null || typeof address === "string") throw new Error("A port was expected");
  const { port } = address;
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    get connections() {
      return pairs.size;
    },
    set: (next) => {
      wire = next;
      for (const pair of [...pairs]) align(pair);
    },
    stop: async () => {
      for (const pair of [...pairs]) for (const socket of pair) socket.destroy();
      listener.close();
      await once(listener, "close");
    },
  };
}
