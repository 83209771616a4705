import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import {
  askFor,
  NoEventStream,
  reasonOf,
  streamBody,
} from "../../dashboard/board/event-request.ts";
import { plain } from "../../dashboard/page-answer.ts";
import { send } from "../../dashboard/serve-dashboard.ts";
import type { PageSource } from "./page-source.ts";

/** How long the first answer may take before the page is served without it. */
const FIRST_ANSWER_MS = 5_000;

/** An event stream of a service, handed on to the page: the page itself may ask nobody but this server. */
export class RelayedStream implements PageSource {
  readonly #url: string;
  readonly #ending = new AbortController();

  constructor(url: string) {
    this.#url = url;
  }

  async begin(): Promise<string | null> {
    const limit = AbortSignal.any([this.#ending.signal, AbortSignal.timeout(FIRST_ANSWER_MS)]);
    try {
      const body = await streamBody(await askFor(this.#url, { signal: limit }));
      await body.cancel();
      return null;
    } catch (error) {
      if (error instanceof NoEventStream) return `${this.#url}: ${error.message}`;
      process.stderr.write(
        `${this.#url} cannot be reached yet (${reasonOf(error)}): the page waits for it\n`,
      );
      return null;
    }
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    const signal = AbortSignal.any([this.#ending.signal, gone.signal]);
    const lastId = request.headers["last-event-id"];
    this.#relay(response, signal, typeof lastId === "string" ? lastId : "").catch(
      (error: unknown) => {
        if (response.headersSent) response.destroy();
        else send(response, plain(502, `${reasonOf(error)}\n`));
      },
    );
  }

  end(): void {
    this.#ending.abort();
  }

  async #relay(response: ServerResponse, signal: AbortSignal, lastId: string): Promise<void> {
    const body = await streamBody(await askFor(this.#url, { signal, lastId }));
    response.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache, no-transform",
    });
    response.flushHeaders();
    // The same stream by another name: Node declares its own beside that of the standard.
    await pipeline(Readable.fromWeb(body as import("node:stream/web").ReadableStream), response);
  }
}
