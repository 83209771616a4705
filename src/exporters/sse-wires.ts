import type { EndSignal } from "../events/end-signal.ts";
import type { Wire } from "./sse-client.ts";

/** What is used of a request of Node's http server, or of one built on it. */
export interface NodeRequest {
  readonly method?: string | undefined;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** What is used of a response of Node's http server, or of one built on it. */
export interface NodeResponse {
  readonly destroyed?: boolean;
  /** Bytes that the connection has not taken. */
  readonly writableLength?: number;
  writeHead(status: number, headers: Readonly<Record<string, string>>): unknown;
  write(text: string): boolean;
  end(): unknown;
  destroy(): unknown;
  on(event: "close" | "drain" | "error", listener: () => void): unknown;
  off(event: "close" | "drain" | "error", listener: () => void): unknown;
}

/** What is used of a `Request`. */
export interface FetchStreamRequest {
  readonly method: string;
  readonly headers: { get(name: string): string | null };
  readonly signal?: EndSignal;
}

/** What happens on a wire. */
export interface WireEvents {
  /** It has taken what it was given. */
  ready(): void;
  /** It is gone, whoever ended it; told once. */
  gone(): void;
}

/** A stream that waits for its client holds no more than this, and the message that goes beyond it. */
const HIGH_WATER_BYTES = 65_536;

/** The wire to a client of a Node server, whose head has been written. */
export function nodeWire(response: NodeResponse, { ready, gone }: WireEvents): Wire {
  let blocked = false;
  const drained = (): void => {
    blocked = false;
    ready();
  };
  const closed = (): void => {
    response.off("drain", drained);
    response.off("close", closed);
    response.off("error", failed);
    gone();
  };
  // A close follows.
  const failed = (): void => {};
  response.on("drain", drained);
  response.on("close", closed);
  response.on("error", failed);
  return {
    write(text) {
      blocked = !response.write(text);
      return !blocked;
    },
    waiting: () => response.writableLength ?? null,
    // The end of one that takes nothing would wait behind what it does not take.
    end: () => void (blocked ? response.destroy() : response.end()),
    drop: () => void response.destroy(),
  };
}

/** The wire to a client of a fetch-style server, and the body that its response has to have. */
export function fetchWire(
  signal: EndSignal | undefined,
  { ready, gone }: WireEvents,
): { readonly wire: Wire; readonly body: ReadableStream<Uint8Array> } {
  const encoder = new TextEncoder();
  let controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  const over = (finish?: (open: ReadableStreamDefaultController<Uint8Array>) => void): void => {
    const open = controller;
    if (open === null) return;
    controller = null;
    signal?.removeEventListener("abort", aborted);
    finish?.(open);
    gone();
  };
  const aborted = (): void => over((open) => open.close());
  let isEnding = false;
  const pull = (): void => {
    if (isEnding && queued() === 0) over((open) => open.close());
    else ready();
  };
  const queued = (): number =>
    controller === null ? 0 : HIGH_WATER_BYTES - (controller.desiredSize ?? 0);
  const body = new ReadableStream<Uint8Array>(
    {
      start(made) {
        controller = made;
      },
      pull,
      cancel: () => over(),
    },
    new ByteLengthQueuingStrategy({ highWaterMark: HIGH_WATER_BYTES }),
  );
  signal?.addEventListener("abort", aborted);
  const wire: Wire = {
    write(text) {
      controller?.enqueue(encoder.encode(text));
      return (controller?.desiredSize ?? 0) > 0;
    },
    waiting: queued,
    end() {
      // The end of one that takes nothing would wait behind what it does not take.
      if (queued() >= HIGH_WATER_BYTES) {
        over((open) => open.error(new Error("The stream has ended, and the client took nothing")));
      } else if (queued() === 0) over((open) => open.close());
      // Once it has taken what it was given, which may be never.
      else isEnding = true;
    },
    drop: () => over((open) => open.error(new Error("The client took nothing for too long"))),
  };
  return { wire, body };
}
