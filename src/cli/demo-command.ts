import { type Command, EXIT, type Given } from "./command-line.ts";
import { UsageError } from "./usage-error.ts";

const SPEED = { lowest: 0.2, highest: 5, usual: 1 };
const RATE = { lowest: 10, highest: 1000, usual: 300 };
/** Within these the breaker reacts to each phase of the script before the demo gives up waiting for it. */
const THRESHOLD = { lowest: 1, highest: 50, usual: undefined };
const LATENCY = { lowest: 100, highest: 700, usual: undefined };
const COOLDOWN = { lowest: 50, highest: 10_000, usual: undefined };

/** `telltale demo`. The parts are loaded when they run: a help text needs neither an HTTP server nor a metrics SDK. */
export const demoCommand: Command = {
  summary: "a real outage on this machine, told as an operator would see it",
  about: `Starts an HTTP upstream that turns slow, fails and disappears, a service that guards
its calls with a breaker, and a load of calls. Tells what happens for about 30
seconds, on a live page as well, of which it prints the address, then reports the
incidents from the recorded events alone and checks the numbers against what the
upstream itself counted. Then it goes on serving page and metrics until Ctrl-C,
unless no terminal is attached or --exit is given.
Everything stays on 127.0.0.1. NO_COLOR turns colours off.`,
  options: {
    exit: { doc: "end after the report, also with a terminal attached" },
    out: {
      value: "DIR",
      doc: "where the recording goes (default: a new directory under the system's own for temporary files)",
    },
    rate: {
      value: "N",
      doc: `calls per second, ${RATE.lowest} to ${RATE.highest} (default ${RATE.usual})`,
    },
    "failure-threshold": {
      value: "N",
      doc: `failures in a row that open the breaker, ${THRESHOLD.lowest} to ${THRESHOLD.highest} (default 5)`,
    },
    "latency-trip-ms": {
      value: "N",
      doc: `a call that takes longer fails, ${LATENCY.lowest} to ${LATENCY.highest} (default 500)`,
    },
    "cooldown-ms": {
      value: "N",
      doc: `time until the next probe, ${COOLDOWN.lowest} to ${COOLDOWN.highest} (default 1200, divided by --speed)`,
    },
    speed: {
      value: "N",
      doc: `how many times as fast the script runs, ${SPEED.lowest} to ${SPEED.highest} (default ${SPEED.usual})`,
    },
  },
  examples: [
    ["telltale demo", "the outage, told as it happens"],
    ["telltale demo --exit --speed 5", "a short one that ends by itself, as in a pipeline"],
    [
      "telltale demo --exit --failure-threshold 30 --cooldown-ms 4000 --out recorded",
      "with a breaker that is set badly; then: telltale tune recorded/*.ndjson",
    ],
  ],
  exitCodes: {
    [EXIT.done]: "every call is accounted for",
    [EXIT.failed]:
      "the numbers do not agree, or a process of the demo died; the message says which",
    [EXIT.usage]: "wrong usage",
    [EXIT.interrupted]: "interrupted with Ctrl-C before the report",
  },
  inner: {
    "demo-upstream": async () => (await import("./demo/upstream.ts")).runUpstream(),
    "demo-service": async (args) => (await import("./demo/service.ts")).runService(args),
  },
  async run(given) {
    const settings = {
      exit: given["exit"] === true,
      out: given["out"] === undefined ? undefined : String(given["out"]),
      rate: numberOf(given, "rate", RATE),
      speed: numberOf(given, "speed", SPEED),
      failureThreshold: wholeOf(given, "failure-threshold", THRESHOLD),
      latencyTripMs: numberOf(given, "latency-trip-ms", LATENCY),
      cooldownMs: numberOf(given, "cooldown-ms", COOLDOWN),
    };
    return (await import("./demo/demo.ts")).runDemo(settings);
  },
};

interface Range<U> {
  readonly lowest: number;
  readonly highest: number;
  /** What holds when the option was not given. */
  readonly usual: U;
}

function numberOf<U>(
  given: Given,
  option: string,
  { lowest, highest, usual }: Range<U>,
): number | U {
  const text = given[option];
  if (text === undefined) return usual;
  const value = Number(text);
  if (!(value >= lowest && value <= highest)) {
    throw new UsageError(
      `Cannot run demo: --${option} must be a number from ${lowest} to ${highest}, received "${text}"`,
    );
  }
  return value;
}

function wholeOf<U>(given: Given, option: string, range: Range<U>): number | U {
  const value = numberOf(given, option, range);
  if (value === range.usual || Number.isInteger(value)) return value;
  throw new UsageError(
    `Cannot run demo: --${option} must be a whole number, received "${String(value)}"`,
  );
}
