import { type Command, EXIT, type Given } from "./command-line.ts";
import { SOURCES, sourcesOf } from "./named-source.ts";
import { textOf } from "./text-option.ts";
import { UsageError } from "./usage-error.ts";

const LAST_PORT = 65_535;
const LONGEST_TITLE = 128;

/** `telltale dashboard`: the live page, of services and of files. */
export const dashboardCommand: Command = {
  summary: "a live page of breakers, from event streams and recorded events",
  about: `Serves a page on this machine that shows the breakers of one or more services
live: states over time, calls refused, how near a trip is, when the next probe
runs, incidents and times to recovery. It takes the addresses that serveEvents of
telltale/http or telltale/sse answers at, and files as telltale report reads them,
which it follows while they grow. It comes back by itself when a service is gone
for a while, and says when what it shows is not of now. The page needs no network
beyond this address and changes nothing; a service that serves the page itself,
with serveDashboard, can let its operators act.`,
  operands: SOURCES,
  options: {
    port: { value: "N", doc: "the port that the page is served at (default: a free one)" },
    host: {
      value: "ADDRESS",
      doc: "the address that it listens at (default 127.0.0.1: this machine only)",
    },
    title: { value: "TEXT", doc: "what the page is called (default: telltale)" },
  },
  examples: [
    ["telltale dashboard http://127.0.0.1:8080/events", "one service, live"],
    ["telltale dashboard http://api-1/events http://api-2/events", "several on one page"],
    ["telltale dashboard events.ndjson", "a recording, also while it is written"],
    ["kubectl logs -f deploy/api | telltale dashboard -", "what a log tells, as it comes"],
  ],
  exitCodes: {
    [EXIT.done]: "ended with Ctrl-C, or by a signal",
    [EXIT.failed]: "a file cannot be read, an address gives no event stream, or the port is taken",
    [EXIT.usage]: "wrong usage",
  },
  async run(given, operands) {
    const sources = sourcesOf(operands, "dashboard");
    const title = textOf(given, "title") ?? "telltale";
    if (title.length > LONGEST_TITLE) {
      throw new UsageError(
        `Cannot run dashboard: --title must have at most ${LONGEST_TITLE} characters`,
      );
    }
    const settings = { sources, title, host: textOf(given, "host") ?? "127.0.0.1" };
    const { runDashboard } = await import("./dashboard/run-dashboard.ts");
    return runDashboard({ ...settings, port: portOf(given) });
  },
};

function portOf(given: Given): number {
  const value = textOf(given, "port");
  if (value === undefined) return 0;
  const port = Number(value);
  if (Number.isInteger(port) && port >= 0 && port <= LAST_PORT) return port;
  throw new UsageError(
    `Cannot run dashboard: --port must be a whole number from 0 to ${LAST_PORT}, received "${value}"`,
  );
}
