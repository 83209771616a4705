import { define } from "./event-definition.ts";
import * as field from "./field.ts";

const store = field.text("The store, as it names itself");
const operation = field.word(["load", "write"], "Reading at the start, or writing");
const waiting = field.count("Rows that wait to be written: one for each name at the most");

/** The events of snapshots and of the stores that keep them. */
export const STATE_EVENTS = {
  "state.rejected": define({
    severity: "error",
    sentence: "snapshot rejected",
    when: "A snapshot that should be restored could not be used; nothing of it was",
    fields: {
      source: field.text("Where it came from, as whoever restored it says"),
      subject: field.nullable(
        field.text("The breaker that it is of, or the key of its row; null when it does not say"),
      ),
      code: field.text("What is wrong with it: the code of the `SnapshotError`"),
      path: field.text("Where the fault is; empty for the whole snapshot"),
    },
    metrics: [],
  }),
  "state.store_failed": define({
    severity: "error",
    sentence: "store failed",
    when: "A store could not be read or written in time. Told once until it has recovered; calls go on",
    fields: { store, operation, waiting, error: field.error("What stood in the way") },
    metrics: [
      { metric: "telltale_state_store_failures_total", labels: { operation: "operation" } },
    ],
  }),
  "state.store_recovered": define({
    severity: "info",
    sentence: "store recovered",
    when: "A store that had failed answered again",
    fields: {
      store,
      operation,
      waiting,
      failedMs: field.ms("For how long it had failed"),
      failures: field.count("Attempts that failed meanwhile"),
    },
    metrics: [],
  }),
} as const;
