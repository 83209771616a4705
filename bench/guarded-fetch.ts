import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { awaitEach, nsPerCall } from "./measure.ts";
import type { Bench, Question } from "./question.ts";

type Http = typeof import("../src/http/index.ts");
type Fetch = (url: string) => Promise<Response>;

/** The server has a thread of its own, as a dependency has a machine of its own. */
const SERVER = `
  const { parentPort } = require("node:worker_threads");
  const server = require("node:http").createServer((_, response) => response.end('{"ok":true}'));
  server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));
`;
const BODY = '{"ok":true}';

async function measured({ effort }: Bench, fetcher: Fetch): Promise<number> {
  const worker = new Worker(SERVER, { eval: true });
  try {
    const port = await new Promise<number>((resolve) => worker.once("message", resolve));
    const url = `http://127.0.0.1:${port}/orders/7`;
    const once = async (): Promise<string> => await (await fetcher(url)).text();
    return await nsPerCall(
      awaitEach(once, (body) => body === BODY),
      effort,
    );
  } finally {
    await worker.terminate();
  }
}

const http = async ({ buildDir }: Bench): Promise<Http> =>
  await import(pathToFileURL(join(buildDir, "http", "index.js")).href);

/** What a guard adds to a real request. */
export const guardedFetch: Question = {
  title: "A request over loopback, its body read",
  unit: "ns",
  note: "Node's own fetch against a server in another thread, one request after the other.",
  reference: "fetch/bare",
  cells: [
    {
      id: "fetch/bare",
      label: "fetch",
      measure: (bench) => measured(bench, (url) => fetch(url)),
    },
    {
      id: "fetch/host",
      label: "guardFetch, a breaker per host",
      targets: [{ kind: "ratio", atMost: 1.05, of: "fetch/bare" }],
      async measure(bench) {
        const { guardFetch } = await http(bench);
        const guarded = guardFetch(fetch);
        return await measured(bench, (url) => guarded(url));
      },
    },
    {
      id: "fetch/routes",
      label: "guardFetch, breakers per route, latencyTripMs",
      targets: [{ kind: "ratio", atMost: 1.05, of: "fetch/bare" }],
      async measure(bench) {
        const { guardFetch } = await http(bench);
        const guarded = guardFetch(fetch, {
          routes: ["/users/:id", "/orders/:id"],
          defaults: { latencyTripMs: 60_000 },
        });
        return await measured(bench, (url) => guarded(url));
      },
    },
  ],
};
