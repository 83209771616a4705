import { randomInt } from "node:crypto";
import { createServer, type RequestListener, type Server } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { FromUpstream, ToUpstream } from "./messages.ts";
import { connectToDemo } from "./parent.ts";
import { type PhaseName, SLOW_MS } from "./script.ts";

/**
 * Below the ports that Linux, macOS and Windows give to outgoing connections. While the upstream is gone, a
 * connection to a port from that range could be given the same port as its own and so be connected to itself.
 */
const PORTS = { lowest: 20_000, highest: 29_999 };
const PORT_ATTEMPTS = 50;
const LISTEN_AGAIN_ATTEMPTS = 20;
const LISTEN_AGAIN_MS = 100;

/** The process of the upstream: a real HTTP server that behaves as the demo tells it, and counts what it served. */
export async function runUpstream(): Promise<number> {
  const upstream = new Upstream();
  const send = connectToDemo<ToUpstream, FromUpstream>(async (message) => {
    switch (message.kind) {
      case "enter":
        await upstream.enter(message.phase);
        send({ kind: "entered", phase: message.phase });
        break;
      case "fail-next":
        upstream.toFail = message.calls;
        break;
      case "count":
        send({ kind: "counted", served: upstream.served });
    }
  });
  send({ kind: "listening", port: await upstream.start() });
  return 0;
}

class Upstream {
  readonly served: Record<PhaseName, number> = { healthy: 0, slow: 0, failing: 0, gone: 0 };
  /** Calls still to be answered with a 500, whatever the phase. */
  toFail = 0;
  #phase: PhaseName = "healthy";
  #port = 0;
  #server: Server | null = null;

  async start(): Promise<number> {
    for (let attempt = 1; ; attempt++) {
      this.#port = randomInt(PORTS.lowest, PORTS.highest + 1);
      try {
        await this.#listen();
        return this.#port;
      } catch (error) {
        if (attempt === PORT_ATTEMPTS) throw error;
      }
    }
  }

  async enter(phase: PhaseName): Promise<void> {
    if (phase === "gone") {
      // A closed server answers what it has accepted and accepts nothing more: each request is either counted and
      // answered, or its connection was refused or reset before it was read.
      this.#server?.close();
      this.#server = null;
    } else if (this.#server === null) {
      await this.#listenAgain();
    }
    this.#phase = phase;
  }

  readonly #serve: RequestListener = (request, response) => {
    this.served[this.#phase]++;
    request.resume();
    const failing = this.#phase === "failing" || this.toFail > 0;
    if (this.toFail > 0) this.toFail--;
    response.statusCode = failing ? 500 : 200;
    const answer = () => response.end(failing ? "error\n" : "ok\n");
    if (this.#phase === "slow") setTimeout(answer, SLOW_MS);
    else answer();
  };

  #listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      const server = createServer(this.#serve);
      server.once("error", reject);
      server.listen(this.#port, "127.0.0.1", () => {
        this.#server = server;
        resolve();
      });
    });
  }

  async #listenAgain(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#listen();
      } catch (error) {
        if (attempt === LISTEN_AGAIN_ATTEMPTS) throw error;
        await sleep(LISTEN_AGAIN_MS);
      }
    }
  }
}
