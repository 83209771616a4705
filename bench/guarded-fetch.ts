import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { addedPercent, awaitEach } from "./measure.ts";
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

/** A stack of HTTP is much code, which the engine has optimised after some ten thousand requests. */
const WARM_UP_MS = 2_500;
const MEASURE_MS = 1_000;

/**
 * How much longer a request takes by `guarded` than by `bare`, in per cent: the median over pairs of short batches, made
 * by turns in one process on one server. Between two processes the same request differs by more than what is asked for.
 */
async function added({ effort }: Bench, bare: Fetch, guarded: Fetch): Promise<number> {
  const worker = new Worker(SERVER, { eval: true });
  try {
    const port = await new Promise<number>((resolve) => worker.once("message", resolve));
    const url = `http://127.0.0.1:${port}/orders/7`;
    const batch = (fetcher: Fetch) => awaitEach(async () => (await fetcher(url)).text(), isBody);
    return await addedPercent(batch(bare), batch(guarded), {
      ...effort,
      warmUpMs: Math.max(WARM_UP_MS, effort.warmUpMs),
      measureMs: Math.max(MEASURE_MS, effort.measureMs),
    });
  } finally {
    await worker.terminate();
  }
}

const isBody = (body: string): boolean => body === BODY;
const bare: Fetch = (url) => fetch(url);

const http = async ({ buildDir }: Bench): Promise<Http> =>
  await import(pathToFileURL(join(buildDir, "http", "index.js")).href);

/** What a guard adds to a real request. */
export const guardedFetch: Question = {
  title: "What a guard adds to a request over loopback, its body read",
  unit: "%",
  note: "Node's own fetch against a server in another thread, one request after the other; guarded and bare by turns, after five seconds of both. The first line compares bare with bare: what differs there is the machine.",
  cells: [
    {
      id: "fetch/bare",
      label: "fetch against itself",
      measure: (bench) => added(bench, bare, (url) => fetch(url)),
    },
    {
      id: "fetch/host",
      label: "guardFetch, a breaker per host",
      targets: [{ kind: "absolute", atMost: 5 }],
      async measure(bench) {
        const { guardFetch } = await http(bench);
        const guarded = guardFetch(fetch);
        return await added(bench, bare, (url) => guarded(url));
      },
    },
    {
      id: "fetch/routes",
      label: "guardFetch, breakers per route, latencyTripMs",
      targets: [{ kind: "absolute", atMost: 5 }],
      async measure(bench) {
        const { guardFetch } = await http(bench);
        const guarded = guardFetch(fetch, {
          routes: ["/users/:id", "/orders/:id"],
          defaults: { latencyTripMs: 60_000 },
        });
        return await added(bench, bare, (url) => guarded(url));
      },
    },
  ],
};
