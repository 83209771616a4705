import { EVENTS } from "../../events/catalogue.ts";
import { isEventType } from "../../events/event-types.ts";
import { printable } from "../../events/printable.ts";
import type { Severity } from "../../events/vocabulary.ts";
import { isCircuitRecord } from "../../report/event-record.ts";
import { skipsText, timelineText } from "../../report/timeline-text.ts";
import type { Board, LogEntry } from "./board.ts";
import type { BoardSource } from "./board-source.ts";
import { brief, clock } from "./brief.ts";

/** How loud an event is, by the catalogue; one of a later version is `info`. */
export const severityOf = ({ record: { type } }: LogEntry): Severity =>
  isEventType(type) ? EVENTS[type].severity : "info";

const LONGEST_TEXT = 400;

/** What happened, in a line, without the name of the breaker. */
export function entryText({ record }: LogEntry): string {
  if (!isCircuitRecord(record)) {
    const { type } = record;
    return isEventType(type) ? EVENTS[type].sentence : printable(type);
  }
  const isSkip = record.type === "circuit.skip";
  // The line of a skip carries those that were not sent before it.
  const told = isSkip ? skipsText(1 + (record.suppressed ?? 0), 0) : timelineText(record);
  const text = printable(told);
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text;
}

/** How a stream is doing; empty when it is well. */
export function faultText({ name, status }: BoardSource, isNamed: boolean, nowMs: number): string {
  const who = isNamed ? `${printable(name)}: ` : "";
  switch (status.kind) {
    case "live":
      return "";
    case "connecting":
      return `${who}connecting …`;
    case "silent":
      return `${who}STALE: nothing has come since ${clock(status.sinceMs)} UTC (${brief(nowMs - status.sinceMs)})`;
    case "lost": {
      const left = status.retryAtMs - nowMs;
      const next = left > 0 ? `next try in ${brief(left)}` : "trying";
      return `${who}STALE since ${clock(status.sinceMs)} UTC (${brief(nowMs - status.sinceMs)}): ${status.why}; ${next}`;
    }
  }
}

/** What should make one doubt the picture; empty when nothing should. */
export function doubtsOf(board: Board): readonly string[] {
  const sum = (of: (source: BoardSource) => number): number =>
    board.sources.reduce((total, source) => total + of(source), 0);
  const doubts = [
    [sum(({ gaps }) => gaps), "times that events were missed"],
    [sum(({ damaged }) => damaged), "damaged messages"],
    [sum(({ later }) => later), "events of a later version of telltale, not shown"],
    [sum(({ untold }) => untold), "breakers that the service could not tell of"],
    [board.unshown, "events of breakers that there was no room for"],
  ] as const;
  return doubts.flatMap(([count, what]) => (count > 0 ? [`${count} ${what}`] : []));
}
