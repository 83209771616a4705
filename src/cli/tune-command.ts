import { type Command, EXIT, type Given, type Repeated } from "./command-line.ts";
import { fileFormat } from "./file-format.ts";
import { momentOf } from "./moment-option.ts";
import { textOf } from "./text-option.ts";
import { ACCESS_FORMATS } from "./tune/access-lines.ts";
import { accessMapping, statusWords, USUAL_FAILED, USUAL_IGNORED } from "./tune/access-mapping.ts";
import { MOST_CALLS } from "./tune/call-log.ts";
import { MOST_SETTINGS } from "./tune/grid.ts";
import type { ReaderOptions } from "./tune/recording.ts";
import { readDuration } from "./tune/setting-text.ts";
import { UsageError } from "./usage-error.ts";
import { wordOf } from "./word-option.ts";

const FORMATS = ["text", "markdown", "html", "json"] as const;
type Format = (typeof FORMATS)[number];

const MOST_THREADS = 256;

/** `telltale tune`: which settings would have been better, from a recording. */
export const tuneCommand: Command = {
  summary: "which settings would have been better, from a recording",
  about: `Puts recorded calls to the breaker itself under each of many settings, and tells
what each would have cost: bad calls let through against good calls refused, and
beside them incidents, detection and recovery. The settings for which nothing is
better in both are the front; today's is held against it.

Recordings are events that have the successes in them, as recordEvents(bus,
path, { events: ["circuit.*"] }) writes them, or logs of pino at level trace;
plain or gzip, several files, among other lines. With --map they are access
logs: JSON lines, CSV or TSV with a header, or the common log format with the
duration behind it. Nothing is sent anywhere.

Keys of settings: failureThreshold=5, failureRate=0.5@30s/20 (share, window as
30s or 100calls, least number of calls), slowRate=0.5:800ms@30s/20,
latencyTripMs=800ms, inFlight=on, cooldownMs=30s or 1s..60s (doubling),
degradation=1/0.9/0.5, rampUp=30s/0.1, halfOpen.maxProbes=1,
halfOpen.successThreshold=1, halfOpen.failureRate=0.5/10, halfOpen.leaseMs=60s.
Times without a unit are milliseconds. off takes a rule away.

A replay holds ${MOST_CALLS / 1_000_000} million calls and a grid ${MOST_SETTINGS} settings at most.`,
  operands: {
    value: "[FILE ...]",
    doc: "recordings, - for standard input (default when it is a pipe)",
  },
  options: {
    current: {
      value: "KEY=VALUE",
      doc: "today's setting, may be repeated (default: what the recording tells)",
      many: true,
    },
    grid: {
      value: "KEY=A,B,...",
      doc: "values to be tried, may be repeated: all combinations (default: around today's)",
      many: true,
    },
    "grid-file": {
      value: "FILE",
      doc: 'the same as JSON: {"failureThreshold": [3, 5], "cooldownMs": ["10s"]}, or a list of such',
    },
    "slow-ms": {
      value: "TIME",
      doc: "a call that took longer is bad (default: today's latencyTripMs)",
    },
    weigh: {
      value: "N",
      doc: "how many bad calls let through are as bad as one good call refused (default: 1)",
    },
    breaker: { value: "NAME", doc: "which one, when the recording has several" },
    since: { value: "TIME", doc: "only calls from then on, such as 2026-11-21T06:00Z" },
    until: { value: "TIME", doc: "only calls until then" },
    format: { value: "FORMAT", doc: `${FORMATS.join(", ")} (default: by --out, else text)` },
    out: { value: "FILE", doc: "where the result goes (default: standard output)" },
    threads: { value: "N", doc: "how many replay at a time (default: one for each core)" },
    map: {
      value: "MAP",
      doc: "an access log: time=FIELD,duration=FIELD:UNIT,status=FIELD, also instance= and breaker=",
      many: true,
    },
    input: {
      value: "FORMAT",
      doc: `of an access log: ${ACCESS_FORMATS.join(", ")} (default: found out)`,
    },
    "time-is": {
      value: "WHICH",
      doc: "whether its time is the end of the call or the start (default: end)",
    },
    failed: { value: "LIST", doc: `its statuses of failures (default: ${USUAL_FAILED})` },
    ignored: {
      value: "LIST",
      doc: `its statuses that say nothing of the dependency (default: ${USUAL_IGNORED})`,
    },
    "event-key": {
      value: "KEY",
      doc: "the key of the lines that names the event (default: found out)",
    },
    prefix: { value: "TEXT", doc: "what is put before the names of events (default: found out)" },
  },
  examples: [
    ["telltale tune events.ndjson", "settings around today's, as a table and a chart"],
    [
      "telltale tune app-*.log.gz --current latencyTripMs=2s --grid failureThreshold=3,5,8 --grid cooldownMs=5s,30s --out tune.html",
      "a grid of one's own, as a page",
    ],
    [
      "telltale tune access.csv --map time=ts,duration=took:ms,status=code --slow-ms 2s",
      "without a breaker, from what a client or a proxy has logged",
    ],
    [
      "telltale tune access.log --map time=time,duration=last:s,status=status",
      "nginx with $request_time at the end of its combined format",
    ],
  ],
  exitCodes: {
    [EXIT.done]: "the result is written, also when no setting is better than today's",
    [EXIT.failed]:
      "a file cannot be read or written, or the recording cannot tell; the message says why",
    [EXIT.usage]: "wrong usage, or a setting that the breaker refuses",
  },
  inner: {
    "tune-worker": async () => (await import("./tune/replay-pool.ts")).runReplayWorker(),
  },
  async run(given, operands, repeated) {
    if (operands.length === 0 && process.stdin.isTTY === true) {
      throw new UsageError("Cannot run tune: name a file, or - for standard input");
    }
    if (given["grid"] !== undefined && given["grid-file"] !== undefined) {
      throw new UsageError("Cannot run tune: --grid-file takes no --grid, its file says it all");
    }
    const threads = numberOf(given, "threads", { least: 1, most: MOST_THREADS, isWhole: true });
    const weight = numberOf(given, "weigh", { least: 0, most: 1e6, isWhole: false });
    const settings = {
      ...{ files: operands.length === 0 ? ["-"] : operands, reader: readerOf(given, repeated) },
      ...{ current: repeated["current"] ?? [], grid: repeated["grid"] ?? [] },
      ...{ gridFile: textOf(given, "grid-file"), slowMs: slowMsOf(given), weight: weight ?? 1 },
      ...{ format: formatOf(given), out: textOf(given, "out") },
      hands: threads === undefined ? {} : { threads },
    };
    return (await import("./tune/run-tune.ts")).runTune(settings);
  },
};

/** Options that say how an access log is read, and those of events: one kind of them makes no sense with the other. */
const OF_ACCESS = ["input", "time-is", "failed", "ignored"] as const;
const OF_EVENTS = ["event-key", "prefix"] as const;

function readerOf(given: Given, repeated: Repeated): ReaderOptions {
  const { map } = repeated;
  const stray = (map === undefined ? OF_ACCESS : OF_EVENTS).find(
    (name) => given[name] !== undefined,
  );
  if (stray !== undefined) {
    const why =
      map === undefined ? "is for access logs: it needs --map" : "is for events, not for --map";
    throw new UsageError(`Cannot run tune: --${stray} ${why}`);
  }
  const sinceMs = momentOf(given, "since", "tune") ?? Number.NEGATIVE_INFINITY;
  const untilMs = momentOf(given, "until", "tune") ?? Number.POSITIVE_INFINITY;
  if (sinceMs > untilMs) {
    throw new UsageError("Cannot run tune: --since must not be later than --until");
  }
  const chosen = { breaker: textOf(given, "breaker"), sinceMs, untilMs };
  if (map === undefined) {
    const [eventKey, prefix] = OF_EVENTS.map((name) => textOf(given, name));
    const isGiven = eventKey !== undefined || prefix !== undefined;
    const naming = isGiven ? { eventKey: eventKey ?? "type", prefix: prefix ?? "" } : undefined;
    return { kind: "events", options: { ...chosen, naming } };
  }
  return {
    kind: "access",
    options: {
      ...chosen,
      mapping: accessMapping(map),
      format: wordOf(given, "input", { words: ACCESS_FORMATS, command: "tune" }),
      isStart: wordOf(given, "time-is", { words: ["start", "end"], command: "tune" }) === "start",
      statuses: statusWords(
        textOf(given, "failed") ?? USUAL_FAILED,
        textOf(given, "ignored") ?? USUAL_IGNORED,
      ),
    },
  };
}

const formatOf = (given: Given): Format =>
  wordOf(given, "format", { words: FORMATS, command: "tune" }) ??
  fileFormat(textOf(given, "out")) ??
  "text";

function numberOf(
  given: Given,
  option: string,
  { least, most, isWhole }: { least: number; most: number; isWhole: boolean },
): number | undefined {
  const asked = textOf(given, option);
  if (asked === undefined) return undefined;
  const value = Number(asked);
  if (value >= least && value <= most && (!isWhole || Number.isInteger(value))) return value;
  throw new UsageError(
    `Cannot run tune: --${option} must be a ${isWhole ? "whole " : ""}number from ${least} to ${most}, received "${asked}"`,
  );
}

function slowMsOf(given: Given): number | undefined {
  const asked = textOf(given, "slow-ms");
  if (asked === undefined) return undefined;
  try {
    return readDuration(asked);
  } catch {
    throw new UsageError(
      `Cannot run tune: --slow-ms must be a time such as 800ms or 2s, received "${asked}"`,
    );
  }
}
