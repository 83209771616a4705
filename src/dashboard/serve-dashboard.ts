import { describeError } from "../events/describe-error.ts";
import {
  type EventEndpoint,
  type FetchStreamRequest,
  type NodeRequest,
  type NodeResponse,
  serveEvents,
} from "../exporters/sse.ts";
import {
  type DashboardOptions,
  type DashboardSettings,
  type DashboardSource,
  dashboardSettings,
} from "./dashboard-options.ts";
import { obey, type PageRequest } from "./operator-request.ts";
import { pageAnswer, type TextAnswer } from "./page-answer.ts";
import type { PageConfig } from "./page-config.ts";

/** What is used of a request of Node's http server, or of a framework on it. */
export interface NodePageRequest extends NodeRequest {
  readonly url?: string | undefined;
  /** The body, where something before has read it already, as Express's `json()` does. */
  readonly body?: unknown;
  readonly socket?: { readonly remoteAddress?: string | undefined } | undefined;
  on(event: "data", listener: (chunk: Uint8Array) => void): unknown;
  on(event: "end" | "error", listener: () => void): unknown;
}

/** What is used of a `Request`. */
export interface FetchPageRequest extends FetchStreamRequest {
  readonly url: string;
  text(): Promise<string>;
}

/** The live page of a service. Its functions may be passed on as they are. */
export interface Dashboard {
  /** Answers a request of Node's http server, or of a framework on it, whatever path it is put at. */
  readonly handle: (request: NodePageRequest, response: NodeResponse) => void;
  /** Answers a request of a fetch-style server. */
  readonly respond: (request: FetchPageRequest) => Promise<Response>;
  /** Ends its event stream; from then on the page says that it is no longer told anything. */
  readonly detach: () => void;
}

/**
 * Serves a page that shows breakers live: states over time, calls refused, how near a trip is, when the next probe runs,
 * incidents and times to recovery. Put it at any path; everything it asks for is at that same path. It needs no other
 * file and no network.
 *
 * Whoever may open the page may read what the events carry: put it behind the same door as the metrics. With `operators`
 * it also lets those who have a token force breakers open and reset them, each told by an event with who and why.
 *
 * @throws {TypeError|RangeError} when an argument or an option is not what it must be
 * @example
 * const dashboard = serveDashboard(registry);
 * createServer((request, response) => {
 *   if (request.url?.startsWith("/breakers")) dashboard.handle(request, response);
 * });
 */
export function serveDashboard(source: DashboardSource, options: DashboardOptions = {}): Dashboard {
  const settings = dashboardSettings(source, options);
  const { bus, stream, breakers } = settings;
  const events = serveEvents(bus, { ...stream, breakers });
  const answer = answerer(settings);
  return {
    handle: (request, response) => {
      const [asked] = queryOf(request.url ?? "/");
      if (asked === "events") events.handle(request, response);
      else
        void answer(asked, nodeRequest(request))
          .then((text) => send(response, text))
          .catch(() => response.destroy());
    },
    respond: async (request) => {
      const [asked] = queryOf(request.url);
      if (asked === "events") return events.respond(request);
      const { status, headers, body } = await answer(asked, fetchRequest(request));
      return new Response(request.method === "HEAD" ? null : body, { status, headers });
    },
    detach: detachOf(events),
  };
}

const detachOf = (events: EventEndpoint) => (): void => events.detach();

function answerer(settings: DashboardSettings) {
  const config: PageConfig = {
    title: settings.title,
    sources: [{ name: settings.title, url: "?events", isRecord: false }],
    hasOperators: settings.operators.length > 0,
  };
  return async (asked: string, request: PageRequest): Promise<TextAnswer> => {
    try {
      if (asked !== "action") return await pageAnswer(asked, request.method, config);
      const { status, message } = await obey(request, settings);
      return jsonAnswer(status, { message });
    } catch (error) {
      // A page that cannot be shown must not end the service that shows it.
      const { name, message } = describeError(error);
      return jsonAnswer(500, { message: `${name}: ${message}` });
    }
  };
}

const jsonAnswer = (status: number, value: unknown): TextAnswer => ({
  status,
  headers: { "content-type": "application/json", "cache-control": "no-store" },
  body: JSON.stringify(value),
});

/** What a request is about: the first name in the query, empty for the page itself, and its value. */
export function queryOf(url: string): readonly [name: string, value: string] {
  const query = url.indexOf("?");
  const [name = "", value = ""] =
    query < 0
      ? []
      : (url
          .slice(query + 1)
          .split(/[&#]/, 1)[0]
          ?.split("=") ?? []);
  return [name, value];
}

/** Sends a whole answer. */
export function send(response: NodeResponse, { status, headers, body }: TextAnswer): void {
  response.writeHead(status, headers);
  response.write(body);
  response.end();
}

function nodeRequest(request: NodePageRequest): PageRequest {
  const { method = "GET", headers, socket } = request;
  return {
    method,
    isLocal: isLoopback(socket?.remoteAddress),
    header(name) {
      const value = headers[name];
      return typeof value === "string" ? value : null;
    },
    body: (limit) => nodeBody(request, limit),
  };
}

function fetchRequest(request: FetchPageRequest): PageRequest {
  return {
    method: request.method,
    isLocal: null,
    header: (name) => request.headers.get(name),
    async body(limit) {
      const text = await request.text();
      return text.length > limit ? null : text;
    },
  };
}

function nodeBody(request: NodePageRequest, limit: number): Promise<string | null> {
  const { body } = request;
  if (body !== undefined) {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    return Promise.resolve(text.length > limit ? null : text);
  }
  return new Promise((resolve) => {
    const decoder = new TextDecoder();
    let text = "";
    request.on("data", (chunk) => {
      text += decoder.decode(chunk, { stream: true });
      // What comes beyond it is read and dropped, so that the answer arrives.
      if (text.length > limit) resolve(null);
    });
    request.on("end", () => resolve(text.length > limit ? null : text));
    request.on("error", () => resolve(""));
  });
}

function isLoopback(address: string | undefined): boolean | null {
  if (address === undefined) return null;
  return address === "::1" || /^(?:::ffff:)?127\./.test(address);
}
