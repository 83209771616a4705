import { define } from "./event-definition.ts";
import * as field from "./field.ts";

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
} as const;
