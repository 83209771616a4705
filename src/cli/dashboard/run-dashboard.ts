import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { basename } from "node:path";
import { pageAnswer, plain } from "../../dashboard/page-answer.ts";
import type { PageConfig } from "../../dashboard/page-config.ts";
import { queryOf, send } from "../../dashboard/serve-dashboard.ts";
import { EXIT } from "../command-line.ts";
import type { NamedSource } from "../named-source.ts";
import type { PageSource } from "./page-source.ts";
import { RecordStream } from "./record-stream.ts";
import { RelayedStream } from "./relayed-stream.ts";

/** What the command line asked for. */
export interface DashboardSettings {
  readonly sources: readonly NamedSource[];
  readonly title: string;
  readonly host: string;
  readonly port: number;
}

/** Serves the page until a signal asks to end; returns the exit code. */
export async function runDashboard(settings: DashboardSettings): Promise<number> {
  const sources = settings.sources.map((named) =>
    named.kind === "stream" ? new RelayedStream(named.url) : new RecordStream(named.file),
  );
  const ended = signalled();
  try {
    for (const fault of await Promise.all(sources.map((source) => source.begin()))) {
      if (fault === null) continue;
      process.stderr.write(`Cannot show the dashboard: ${fault}\n`);
      return EXIT.failed;
    }
    const server = createServer(answerer(settings, sources));
    const fault = await listening(server, settings);
    if (fault !== null) {
      process.stderr.write(`Cannot serve the dashboard: ${fault}\n`);
      return EXIT.failed;
    }
    process.stdout.write(`Dashboard ${addressOf(server)} (Ctrl-C ends it)\n`);
    await ended;
    server.closeAllConnections();
    server.close();
    return EXIT.done;
  } finally {
    for (const source of sources) source.end();
  }
}

function answerer({ sources, title, host }: DashboardSettings, streams: readonly PageSource[]) {
  const config: PageConfig = {
    title,
    sources: sources.map((named, at) => ({
      name: named.kind === "stream" ? named.url : nameOf(named.file),
      url: `?events=${at}`,
      isRecord: named.kind === "file",
    })),
    hasOperators: false,
  };
  const isLocal = isLoopback(host);
  return (request: IncomingMessage, response: ServerResponse): void => {
    // A name that somebody else has pointed at this machine is how a foreign page would read this one.
    if (isLocal && !isLoopback(hostOf(request))) {
      send(response, plain(403, "Use the address that telltale dashboard printed\n"));
      return;
    }
    const [asked, value] = queryOf(request.url ?? "/");
    const stream = asked === "events" ? streams[Number(value)] : undefined;
    if (stream !== undefined) stream.handle(request, response);
    else if (pathOf(request) !== "/") send(response, plain(404, "The page is at /\n"));
    else void pageAnswer(asked, request.method ?? "GET", config).then((to) => send(response, to));
  };
}

const nameOf = (file: string): string => (file === "-" ? "standard input" : basename(file));

const pathOf = ({ url = "/" }: IncomingMessage): string => url.split("?")[0] ?? "/";

const hostOf = ({ headers }: IncomingMessage): string =>
  (headers.host ?? "").replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");

const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);

/** Listens, or says why it cannot. */
function listening(server: Server, { host, port }: DashboardSettings): Promise<string | null> {
  return new Promise((resolve) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const taken = error.code === "EADDRINUSE" ? "; --port names another, or leave it out" : "";
      resolve(`${error.message}${taken}`);
    });
    server.listen(port, host, () => resolve(null));
  });
}

function addressOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === "string") return String(address);
  const host = address.family === "IPv6" ? `[${address.address}]` : address.address;
  return `http://${host}:${address.port}/`;
}

/** Resolves at the first signal that asks to end. */
function signalled(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.once(signal, () => resolve());
    }
  });
}
