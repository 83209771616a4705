import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { serveDashboard } from "../../dashboard/serve-dashboard.ts";
import { serveEvents } from "../../exporters/sse.ts";
import { CircuitBreaker, type Classify, createEventBus } from "../../index.ts";
import {
  CONNECTION_HEADER,
  type FromService,
  type ServiceConfig,
  type ToService,
} from "./messages.ts";
import { connectToDemo } from "./parent.ts";
import { log, type MetricsPage, openTelemetryPage, prometheusPage } from "./telemetry.ts";
import { UpstreamCall } from "./upstream-call.ts";

/**
 * The process of the service: an HTTP server whose handler calls the upstream through a breaker, with every exporter
 * attached. `args` is one JSON text, a {@link ServiceConfig}.
 */
export async function runService([config = "{}"]: readonly string[]): Promise<number> {
  let flush = (): void => {};
  const send = connectToDemo<ToService, FromService>(() => {
    flush();
    send({ kind: "flushed" });
  });
  // Written by the demo, which is this very program.
  const {
    breaker: name,
    upstreamPort,
    recording,
    ...setting
  } = JSON.parse(config) as ServiceConfig;
  const breaker = new CircuitBreaker(name, {
    ...setting,
    classify: serverErrorsAreFailures,
    bus: createEventBus({ instance: `checkout-${process.pid}` }),
  });
  flush = log(breaker, recording);
  const port = await serve(breaker, upstreamPort);
  send({ kind: "listening", port });
  return 0;
}

/** A 5xx is returned, not thrown: without a classifier the breaker would count it as a success. */
const serverErrorsAreFailures: Classify = ({ ok, ...call }) => {
  if (!ok || !("value" in call)) return undefined;
  const { value } = call;
  const status = typeof value === "object" && value !== null ? Reflect.get(value, "status") : 0;
  return typeof status === "number" && status >= 500 ? "error" : undefined;
};

function serve(breaker: CircuitBreaker, upstreamPort: number): Promise<number> {
  const pages: Readonly<Record<string, MetricsPage>> = {
    "/metrics": prometheusPage(breaker),
    "/metrics/otel": openTelemetryPage(breaker),
  };
  const events = serveEvents(breaker.bus, { breakers: breaker });
  const dashboard = serveDashboard(breaker);
  const route = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = request.url ?? "/";
    const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
    if (page !== undefined) await answerPage(page, response);
    else if (path === "/events") events.handle(request, response);
    else if (/^\/dashboard(?:\?|$)/.test(path)) dashboard.handle(request, response);
    else if (path === "/") await answerCall(breaker, new UpstreamCall(upstreamPort), response);
    else response.writeHead(404).end("not here: /, /dashboard, /metrics, /metrics/otel, /events\n");
  };
  const server = createServer((request, response) => {
    route(request, response).catch((error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  });
  // The load keeps its connections; one that this side closed while a call is on its way would lose the call.
  server.keepAliveTimeout = 0;
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
}

async function answerPage(page: MetricsPage, response: ServerResponse): Promise<void> {
  const text = await page.text();
  response.writeHead(200, { "content-type": page.contentType }).end(text);
}

/** What a user of the breaker writes: run the call, then answer by how it ended. */
async function answerCall(
  breaker: CircuitBreaker,
  call: UpstreamCall,
  response: ServerResponse,
): Promise<void> {
  const result = await breaker.execute(() => call.run());
  response.setHeader(CONNECTION_HEADER, call.connection);
  switch (result.outcome) {
    case "ok":
    case "latency":
      response.writeHead(result.value.status >= 500 ? 502 : 200).end(`${result.value.status}\n`);
      break;
    case "error":
      response.writeHead(502).end(`${call.connection}\n`);
      break;
    case "circuit-open": {
      const retryAfter = Math.max(1, Math.ceil((result.retryAfterMs ?? 0) / 1000));
      response
        .writeHead(503, { "retry-after": String(retryAfter) })
        .end("refused by the breaker\n");
    }
  }
}
