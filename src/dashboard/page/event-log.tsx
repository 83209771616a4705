import type { LogEntry } from "../board/board.ts";
import type { BoardBreaker } from "../board/board-breaker.ts";
import { clock } from "../board/brief.ts";
import { entryText, severityOf } from "../board/told-text.ts";
import { board, log } from "./store.ts";

const MOST = 120;

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
              {entryText(entry)}
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}
