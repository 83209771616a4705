import type { Board } from "../../dashboard/board/board.ts";
import { LiveStream } from "../../dashboard/board/live-stream.ts";
import type { NamedSource } from "../named-source.ts";
import { followed } from "../reading/followed-file.ts";
import { readNamed } from "../reading/named-record.ts";

/** What happens to the sources of a board. */
export interface FeedListener {
  /** Something was told, or a stream is doing otherwise. */
  changed(): void;
  /** A source can never be shown; the message says which and why. */
  failed(message: string): void;
  /** There is nothing more to come, from any of them. */
  ended(): void;
}

/** Fills a board from streams and files, until it is closed. */
export class Feeds {
  readonly #board: Board;
  readonly #listener: FeedListener;
  readonly #streams: LiveStream[] = [];
  readonly #ending = new AbortController();
  #left: number;

  constructor(board: Board, sources: readonly NamedSource[], listener: FeedListener) {
    this.#board = board;
    this.#listener = listener;
    this.#left = sources.length;
    for (const [at, named] of sources.entries()) {
      if (named.kind === "stream") this.#stream(at, named.url);
      else this.#file(at, named.file);
    }
  }

  close(): void {
    this.#ending.abort();
    for (const stream of this.#streams) stream.close();
  }

  #stream(at: number, url: string): void {
    const source = this.#board.sources[at];
    const stream: LiveStream = new LiveStream(
      { url },
      {
        message: (message) => {
          this.#board.take(at, message, Date.now());
          this.#listener.changed();
        },
        status: (status) => {
          if (source !== undefined) source.status = status;
          // Later on a service that answers otherwise may only be on its way up.
          if (status.kind === "lost" && status.isRefused && !stream.wasLive) {
            this.#listener.failed(`${url}: ${status.why}`);
          } else this.#listener.changed();
        },
      },
    );
    this.#streams.push(stream);
    stream.open();
  }

  #file(at: number, file: string): void {
    const source = this.#board.sources[at];
    if (source !== undefined) source.isRecord = true;
    const read = readNamed();
    let isLive = false;
    void followed(file, {
      signal: this.#ending.signal,
      line: (text) => {
        const told = read(text);
        if (told === null) return;
        this.#board.take(at, told, Date.now());
        this.#listener.changed();
      },
      caughtUp: () => {
        if (isLive || source === undefined) return;
        isLive = true;
        source.status = { kind: "live" };
        this.#listener.changed();
      },
    }).then((fault) => {
      this.#left--;
      if (fault !== null) this.#listener.failed(fault);
      else if (this.#left === 0) this.#listener.ended();
    });
  }
}
