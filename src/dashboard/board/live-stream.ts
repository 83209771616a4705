import { askFor, NoEventStream, reasonOf, streamBody } from "./event-request.ts";
import { SseParser, type StreamMessage } from "./sse-parser.ts";

/** How a stream is doing. */
export type StreamStatus =
  /** It is asked for, and nothing has come yet. */
  | { readonly kind: "connecting" }
  | { readonly kind: "live" }
  /** The connection stands, but nothing has come for too long. */
  | { readonly kind: "silent"; readonly sinceMs: number }
  /** There is none; `retryAtMs` is when it is tried again. */
  | {
      readonly kind: "lost";
      readonly sinceMs: number;
      readonly retryAtMs: number;
      readonly why: string;
      /** It is answered, with something that is no event stream: the address is wrong. */
      readonly isRefused: boolean;
    };

/** What a stream tells. */
export interface StreamListener {
  message(message: StreamMessage): void;
  status(status: StreamStatus): void;
}

/** Where a stream is, and how it is reached. */
export interface StreamOptions {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Wall clock, epoch milliseconds. */
  readonly now?: () => number;
}

/** Without a byte for so long, heartbeats of 15 s included, nobody knows how things stand. */
const SILENT_MS = 40_000;
/** The same for a server that sends readings every two seconds. */
const SILENT_WITH_READINGS_MS = 8_000;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 30_000;
const LOOK_MS = 1_000;

/**
 * One event stream, for as long as it is wanted: asks for the history and readings, comes back by itself when the
 * connection is lost, from where it was, and says when nothing comes any more.
 */
export class LiveStream {
  /** Whether the stream has been there at all. */
  wasLive = false;
  readonly #options: StreamOptions;
  readonly #listener: StreamListener;
  readonly #parser: SseParser;
  readonly #now: () => number;
  #status: StreamStatus = { kind: "connecting" };
  #connection: AbortController | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #watch: ReturnType<typeof setInterval> | undefined;
  #heardAtMs = 0;
  #sinceMs: number;
  #hasReadings = false;
  #failures = 0;
  #closed = false;

  constructor(options: StreamOptions, listener: StreamListener) {
    this.#options = options;
    this.#listener = listener;
    this.#now = options.now ?? Date.now;
    this.#sinceMs = this.#now();
    this.#parser = new SseParser((message) => {
      if (message.name === "readings") this.#hasReadings = true;
      this.#listener.message(message);
    });
  }

  get status(): StreamStatus {
    return this.#status;
  }

  /** Begins, and tries again without waiting when the stream is lost. */
  open(): void {
    if (this.#closed || this.#connection !== null) return;
    clearTimeout(this.#timer);
    this.#watch ??= setInterval(() => this.#look(), LOOK_MS);
    const connection = new AbortController();
    this.#connection = connection;
    void this.#run(connection);
  }

  /** Ends it for good. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearInterval(this.#watch);
    this.#connection?.abort();
  }

  async #run(connection: AbortController): Promise<void> {
    let fault: unknown = new Error("the server ended the stream");
    try {
      for await (const text of this.#texts(connection.signal)) {
        this.#heard();
        this.#parser.push(text);
      }
    } catch (error) {
      fault = error;
    }
    connection.abort();
    this.#connection = null;
    this.#parser.reset();
    if (!this.#closed) this.#retry(fault);
  }

  async *#texts(signal: AbortSignal): AsyncGenerator<string, void, undefined> {
    const { url, headers } = this.#options;
    const { lastId } = this.#parser;
    const body = await streamBody(await askFor(url, { signal, lastId, headers }));
    const decoder = new TextDecoder();
    const reader = body.getReader();
    this.#heard();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield decoder.decode(value, { stream: true });
    }
  }

  #heard(): void {
    this.#heardAtMs = this.#now();
    this.#failures = 0;
    this.wasLive = true;
    if (this.#status.kind !== "live") this.#tell({ kind: "live" });
  }

  #retry(fault: unknown): void {
    const nowMs = this.#now();
    if (this.#status.kind === "live" || this.#status.kind === "silent")
      this.#sinceMs = this.#heardAtMs;
    const askedMs = this.#parser.retryMs ?? FIRST_RETRY_MS;
    const grownMs = Math.max(FIRST_RETRY_MS, askedMs) * 1.6 ** this.#failures;
    // Half of it by chance, so that not all come back at once.
    const waitMs = Math.min(LONGEST_RETRY_MS, grownMs) * (0.5 + Math.random() / 2);
    this.#failures++;
    this.#tell({
      kind: "lost",
      sinceMs: this.#sinceMs,
      retryAtMs: nowMs + waitMs,
      why: reasonOf(fault),
      isRefused: fault instanceof NoEventStream,
    });
    this.#timer = setTimeout(() => this.open(), waitMs);
  }

  #look(): void {
    if (this.#status.kind !== "live" && this.#status.kind !== "silent") return;
    const limitMs = this.#hasReadings ? SILENT_WITH_READINGS_MS : SILENT_MS;
    const silentMs = this.#now() - this.#heardAtMs;
    if (silentMs < limitMs) return;
    if (this.#status.kind === "live") this.#tell({ kind: "silent", sinceMs: this.#heardAtMs });
    // A connection that nobody ended may still be dead.
    if (silentMs > limitMs * 2) this.#connection?.abort(new Error("nothing came for too long"));
  }

  #tell(status: StreamStatus): void {
    this.#status = status;
    this.#listener.status(status);
  }
}
