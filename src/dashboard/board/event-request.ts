import { printable } from "../../events/printable.ts";

/** The server answers, but with something else than an event stream: the address is wrong. */
export class NoEventStream extends Error {
  override readonly name = "NoEventStream";
}

/** How a stream is asked for. */
export interface StreamRequest {
  readonly signal: AbortSignal;
  /** The id to go on from; empty to begin. */
  readonly lastId?: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** Asks for an event stream, with its history and with readings. */
export function askFor(
  url: string,
  { signal, lastId = "", headers }: StreamRequest,
): Promise<Response> {
  return fetch(url, {
    headers: {
      ...headers,
      accept: "text/event-stream",
      prefer: "readings, history",
      ...(lastId === "" ? {} : { "last-event-id": lastId }),
    },
    cache: "no-store",
    signal,
  });
}

/**
 * The body of an event stream.
 * @throws {NoEventStream} when the answer is something else, for good
 * @throws {Error} when it is a failure that may pass
 */
export async function streamBody(response: Response): Promise<ReadableStream<Uint8Array>> {
  const { ok, status, headers, body } = response;
  const type = headers.get("content-type") ?? "";
  if (ok && type.startsWith("text/event-stream") && body !== null) return body;
  if (ok) {
    await body?.cancel();
    throw new NoEventStream(
      `it answers ${type === "" ? "without a content type" : type}, which is no event stream: ${ADVICE}`,
    );
  }
  const text = type.startsWith("text/plain") ? await shortText(response) : "";
  const message = `it answers ${status}${text === "" ? "" : `: ${text}`}`;
  // 502 and the like, and too many clients, may be otherwise the next time.
  if (status === 429 || status >= 500) throw new Error(message);
  throw new NoEventStream(`${message}; ${ADVICE}`);
}

const ADVICE =
  "give the address that serveEvents answers at, such as /events, or that of a live page with ?events";

async function shortText(response: Response): Promise<string> {
  try {
    return printable((await response.text()).slice(0, 300)).trim();
  } catch {
    // What it says besides its status is of no account.
    return "";
  }
}

/** Why a request failed, in a line. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  // fetch() of Node says what happened in the cause only.
  const message = cause instanceof Error && cause.message !== "" ? cause.message : error.message;
  return printable(message).slice(0, 300);
}
