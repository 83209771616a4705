import type { ServerResponse } from "node:http";
import type { CircuitEvent, EventBus } from "../../index.ts";

const HEARTBEAT_MS = 5_000;
/** What may wait for a client that reads slowly; then the client is dropped, and may connect again. */
const BACKLOG_LIMIT_BYTES = 1_048_576;

/**
 * A bus as server-sent events: the event's `seq` is the id, its type the name. Listens to the bus only while somebody
 * is connected, so an idle stream costs nothing per call.
 */
export class EventStream {
  readonly #bus: EventBus;
  readonly #clients = new Set<ServerResponse>();
  #off: (() => void) | null = null;

  constructor(bus: EventBus) {
    this.#bus = bus;
  }

  /** Makes a response a stream of events, until the client leaves. */
  attach(response: ServerResponse): void {
    response.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    });
    response.write("retry: 1000\n\n");
    const heartbeat = setInterval(() => this.#write(response, ": heartbeat\n\n"), HEARTBEAT_MS);
    response.on("close", () => {
      clearInterval(heartbeat);
      this.#leave(response);
    });
    this.#clients.add(response);
    this.#off ??= this.#bus.on("circuit.*", (event) => this.#send(event), { sink: "sse" });
  }

  #send(event: CircuitEvent): void {
    const text = `id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
    for (const client of this.#clients) this.#write(client, text);
  }

  #write(client: ServerResponse, text: string): void {
    if (client.writableLength > BACKLOG_LIMIT_BYTES) client.destroy();
    else client.write(text);
  }

  #leave(client: ServerResponse): void {
    this.#clients.delete(client);
    if (this.#clients.size > 0) return;
    this.#off?.();
    this.#off = null;
  }
}
