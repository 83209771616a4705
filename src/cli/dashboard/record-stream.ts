import type { IncomingMessage, ServerResponse } from "node:http";
import { plain } from "../../dashboard/page-answer.ts";
import { send } from "../../dashboard/serve-dashboard.ts";
import { EventRing } from "../../exporters/event-ring.ts";
import { type Source, StreamClient } from "../../exporters/sse-client.ts";
import { greeting, MessageIds, message } from "../../exporters/sse-message.ts";
import { nodeWire } from "../../exporters/sse-wires.ts";
import { followed } from "../reading/followed-file.ts";
import { readNamed } from "../reading/named-record.ts";
import type { PageSource } from "./page-source.ts";

/** The last events of a record are enough to look at; `telltale report` tells of all. */
const KEPT_EVENTS = 20_000;
const RETRY_MS = 1_000;
const BEAT_MS = 5_000;

/** The events of a file or of standard input as a stream, which goes on while the file grows. */
export class RecordStream implements PageSource, Source {
  readonly ring = new EventRing(KEPT_EVENTS);
  readonly #file: string;
  readonly #ids = new MessageIds();
  readonly #clients = new Set<StreamClient>();
  readonly #ending = new AbortController();
  readonly #read = readNamed();
  #beat: NodeJS.Timeout | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  async begin(): Promise<string | null> {
    this.#beat = setInterval(() => {
      for (const client of this.#clients) client.beat();
    }, BEAT_MS);
    return new Promise((resolve) => {
      void followed(this.#file, {
        signal: this.#ending.signal,
        line: (text) => this.#take(text),
        // The page is served once what is there has been read.
        caughtUp: () => resolve(null),
      }).then((fault) => {
        // What came before the fault can be looked at.
        if (fault !== null && this.ring.last > 0) process.stderr.write(`${fault}\n`);
        resolve(this.ring.last === 0 ? fault : null);
      });
    });
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    if (request.method !== "GET") {
      send(response, plain(405, "Use GET\n", { allow: "GET" }));
      return;
    }
    let client: StreamClient | undefined;
    const wire = nodeWire(response, {
      ready: () => client?.ready(),
      gone: () => {
        if (client !== undefined) this.#clients.delete(client);
      },
    });
    response.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache, no-transform",
    });
    const { "last-event-id": lastId } = request.headers;
    const number = typeof lastId === "string" ? this.#ids.numberOf(lastId) : null;
    const { first } = this.ring;
    const after = Math.max(first - 1, number ?? 0);
    const missed = after - (number ?? 0);
    const wants = { wantsSnapshot: false, wantsReadings: false };
    wire.write(greeting(this.#ids.of(after), RETRY_MS));
    client = new StreamClient(this, wire, { after, ...(missed > 0 ? { missed } : {}), ...wants });
    this.#clients.add(client);
    client.serve();
  }

  gap(missed: number | null, number: number): string {
    return message(this.#ids.of(number), "gap", JSON.stringify({ missed }));
  }

  snapshot(): null {
    return null;
  }

  readingsSince(): null {
    return null;
  }

  lost(): void {}

  end(): void {
    this.#ending.abort();
    clearInterval(this.#beat);
    for (const client of this.#clients) client.end();
  }

  #take(text: string): void {
    const told = this.#read(text);
    if (told === null) return;
    this.ring.push((number) => message(this.#ids.of(number), told.name, told.data));
    for (const client of this.#clients) client.serve();
  }
}
