import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { httpError } from "./policies.ts";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A real HTTP server on 127.0.0.1 whose answers the test decides. */
export interface Loopback {
  readonly url: string;
  /** Requests so far, whatever became of them. */
  readonly requests: number;
  /** Requests whose client went away before an answer. */
  readonly given: number;
  answer: Answer;
  /** Stops listening and cuts every connection: the server is gone. */
  stop(): Promise<void>;
  /** Listens again, on the same port. */
  start(): Promise<void>;
}

export const ok: Answer = (request, response) => void response.end(`answer to ${request.url}`);
export const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  (_, response) =>
    void response.writeHead(code, headers).end("no");
/** Never answers. */
export const hang: Answer = () => {};

export async function loopback(): Promise<Loopback> {
  let port = 0;
  const state = { requests: 0, given: 0, answer: ok };
  const server = createServer((request, response) => {
    state.requests++;
    response.on("close", () => {
      if (!response.writableEnded) state.given++;
    });
    state.answer(request, response);
  });
  const start = async (): Promise<void> => {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("A port was expected");
    ({ port } = address);
  };
  const stop = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  };
  await start();
  return Object.defineProperties(
    { url: `http://127.0.0.1:${port}`, start, stop, requests: 0, given: 0, answer: ok },
    {
      requests: { get: () => state.requests },
      given: { get: () => state.given },
      answer: {
        set: (answer: Answer) => {
          state.answer = answer;
        },
      },
    },
  );
}

/** Fetches a text as a client would: a status that is no success is thrown, with its headers. */
export async function fetchText(url: string, signal?: AbortSignal): Promise<string> {
  const response = await fetch(url, signal === undefined ? {} : { signal });
  const text = await response.text();
  if (!response.ok) throw httpError(response.status, Object.fromEntries(response.headers));
  return text;
}
