import { get, type IncomingMessage } from "node:http";
import { setImmediate as turn } from "node:timers/promises";

/** A message as a client understands it. */
export interface Message {
  readonly id: string;
  readonly event: string;
  // Parsed from JSON; the tests look at what it holds.
  readonly data: Readonly<Record<string, unknown>>;
}

/** What was read of an event stream. */
export class SseReader {
  text = "";

  get messages(): Message[] {
    return this.text
      .split("\n\n")
      .slice(0, -1)
      .filter((block) => /^data: /m.test(block))
      .map((block) => {
        const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1] ?? "";
        return { id: field("id"), event: field("event"), data: JSON.parse(field("data")) };
      });
  }

  get names(): string[] {
    return this.messages.map(({ event }) => event);
  }

  /** The id that the client would come back with. */
  get lastId(): string {
    return [...this.text.matchAll(/^id: (.*)$/gm)].at(-1)?.[1] ?? "";
  }

  /** Waits until this many messages have come; the test's own limit ends a wait for what never comes. */
  async until(isSo: (reader: this) => boolean): Promise<void> {
    while (!isSo(this)) await turn();
  }
}

/** A client of a Node server on a loopback port. */
export interface HttpClient {
  readonly response: IncomingMessage;
  readonly reader: SseReader;
  leave(): Promise<void>;
}

export async function connect(
  port: number,
  lastId?: string,
  path = "/events",
): Promise<HttpClient> {
  const headers = lastId === undefined ? {} : { "last-event-id": lastId };
  const request = get({ host: "127.0.0.1", port, path, headers, agent: false });
  const response: IncomingMessage = await new Promise((resolve, reject) =>
    request.on("response", resolve).on("error", reject),
  );
  const reader = new SseReader();
  response.setEncoding("utf8");
  response.on("data", (chunk: string) => {
    reader.text += chunk;
  });
  response.on("error", () => {});
  const leave = async () => {
    response.destroy();
    while (!response.closed) await turn();
  };
  return { response, reader, leave };
}
