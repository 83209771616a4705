import { EVENTS } from "../../events/catalogue.ts";
import { isEventType } from "../../events/event-types.ts";
import { printable } from "../../events/printable.ts";
import { isCircuitRecord } from "../../report/event-record.ts";
import { skipsText, timelineText } from "../../report/timeline-text.ts";
import type { LogEntry } from "../board/board.ts";
import type { BoardBreaker } from "../board/board-breaker.ts";
import { clock } from "../board/brief.ts";
import { board, log } from "./store.ts";

const MOST = 120;
const LONGEST_TEXT = 400;

/** What happened last, to one breaker or to all. */
export function EventLog({ breaker }: { readonly breaker: BoardBreaker | null }) {
  const all = log.value;
  const entries: LogEntry[] = [];
  for (let at = all.length - 1; at >= 0 && entries.length < MOST; at--) {
    const entry = all[at];
    if (entry !== undefined && (breaker === null || entry.breaker === breaker)) entries.push(entry);
  }
  return (
    <section class="events">
      {breaker === null && <h2>Events</h2>}
      {entries.length === 0 && <p class="faint">Nothing has happened since this page can tell.</p>}
      <ol class="entries">
        {entries.map((entry) => (
          <li key={entry.number} class={`v-${severityOf(entry)}`}>
            <time>{clock(entry.record.atMs)}</time>
            <span>
              <i class="severity">{severityOf(entry)}</i>
              {breaker === null && entry.breaker !== null && <b>{board.labelOf(entry.breaker)} </b>}
              {textOf(entry)}
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}

const severityOf = ({ record: { type } }: LogEntry): string =>
  isEventType(type) ? EVENTS[type].severity : "info";

function textOf({ record }: LogEntry): string {
  if (!isCircuitRecord(record)) {
    const { type } = record;
    return isEventType(type) ? `${EVENTS[type].sentence} (${type})` : printable(type);
  }
  const isSkip = record.type === "circuit.skip";
  // The line of a skip carries those that were not sent before it.
  const told = isSkip ? skipsText(1 + (record.suppressed ?? 0), 0) : timelineText(record);
  const text = printable(told);
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text;
}
