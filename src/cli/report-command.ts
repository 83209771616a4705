import { type Command, EXIT, type Given } from "./command-line.ts";
import { fileFormat } from "./file-format.ts";
import { momentOf } from "./moment-option.ts";
import { textOf } from "./text-option.ts";
import { UsageError } from "./usage-error.ts";
import { wordOf } from "./word-option.ts";

const FORMATS = ["markdown", "html", "json"] as const;
type Format = (typeof FORMATS)[number];

/** `telltale report`: what happened, from the logs that there are. */
export const reportCommand: Command = {
  summary: "the post-mortem of an outage, from logs",
  about: `Reads the lines that the pino exporter writes and events as NDJSON, mixed with
whatever else is in the logs, plain or gzip, and tells of each incident what
opened it, how long it took and what it cost, with the line of the log behind each
entry of the timeline. Several files may be of several instances; events may come
some lines late. The key and prefix of event names are found out unless given.
What could not be read is counted and said. Nothing is sent anywhere.`,
  operands: { value: "[FILE ...]", doc: "logs, - for standard input (default when it is a pipe)" },
  options: {
    format: { value: "FORMAT", doc: `${FORMATS.join(", ")} (default: by --out, else markdown)` },
    out: { value: "FILE", doc: "where the report goes (default: standard output)" },
    since: {
      value: "TIME",
      doc: "only incidents that were not over by then, such as 2026-11-21T06:00Z",
    },
    until: { value: "TIME", doc: "only incidents that had begun by then" },
    breaker: { value: "NAME", doc: "only this breaker" },
    incident: { value: "ID", doc: "only the incident of this incidentId" },
    template: {
      value: "FILE",
      doc: "your own form, in Mustache: see docs/report.md for its variables",
    },
    "event-key": {
      value: "KEY",
      doc: "the key of the lines that names the event (default: found out)",
    },
    prefix: { value: "TEXT", doc: "what is put before the names of events (default: found out)" },
  },
  examples: [
    ["telltale report app.log", "the report as Markdown"],
    ["telltale report api-*.log.gz --out report.html", "a page with charts, of all instances"],
    ["kubectl logs deploy/api | telltale report --format json", "numbers for a program"],
    ["telltale report app.log --template ours.md --out pm.md", "the team's own form, filled in"],
  ],
  exitCodes: {
    [EXIT.done]: "the report is written, also when the logs have no incident",
    [EXIT.failed]:
      "a file cannot be read or written, or has nothing of the breaker or incident asked for",
    [EXIT.usage]: "wrong usage",
  },
  async run(given, operands) {
    if (operands.length === 0 && process.stdin.isTTY === true) {
      throw new UsageError("Cannot run report: name a file, or - for standard input");
    }
    const template = textOf(given, "template");
    const format = formatOf(given);
    if (template !== undefined && given["format"] !== undefined) {
      throw new UsageError("Cannot run report: --template takes no --format, its file decides");
    }
    const sinceMs = momentOf(given, "since", "report");
    const untilMs = momentOf(given, "until", "report");
    if (sinceMs !== undefined && untilMs !== undefined && sinceMs > untilMs) {
      throw new UsageError("Cannot run report: --since must not be later than --until");
    }
    const { runReport } = await import("./report/run-report.ts");
    return runReport({
      ...{ files: operands.length === 0 ? ["-"] : operands, out: textOf(given, "out") },
      ...{ format, template, sinceMs, untilMs, breaker: textOf(given, "breaker") },
      ...{ incident: textOf(given, "incident"), prefix: textOf(given, "prefix") },
      eventKey: textOf(given, "event-key"),
    });
  },
};

const formatOf = (given: Given): Format =>
  wordOf(given, "format", { words: FORMATS, command: "report" }) ??
  fileFormat(textOf(given, "out")) ??
  "markdown";
