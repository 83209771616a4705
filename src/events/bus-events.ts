import { define } from "./event-definition.ts";
import * as field from "./field.ts";

/** The fields that every event of the bus itself has. */
export const BUS_ENVELOPE = {
  v: field.word([1], "The version of the event's form"),
  atMs: field.atMs("When it happened"),
} satisfies field.Fields;

/** The events of the bus itself. */
export const BUS_EVENTS = {
  "bus.listener_failed": define({
    severity: "error",
    sentence: "an event listener failed",
    when: "A listener threw, or its promise rejected; the other listeners were served",
    fields: {
      sink: field.text("The exporter that listened, or `listener`"),
      count: field.count("Events that it failed to take with this report"),
      failedType: field.text("The type of the event that it was given"),
      error: field.error("What it threw"),
    },
    metrics: [
      { metric: "circuit_breaker_events_dropped_total", labels: { sink: "sink" }, by: "count" },
    ],
  }),
  "bus.dropped": define({
    severity: "warn",
    sentence: "events were dropped",
    when: "A destination could not take events: a full buffer, a full disk, a client that does not read. Told at the first loss, each time the number has doubled, when the destination has caught up, every ten seconds while it lasts, and at the end, so that the counts add up to the loss",
    fields: {
      sink: field.text("The destination that lost them"),
      count: field.count("Events lost since the report before"),
      error: field.optional(field.error("What stood in the way of the last of them")),
    },
    metrics: [
      { metric: "circuit_breaker_events_dropped_total", labels: { sink: "sink" }, by: "count" },
    ],
  }),
} as const;
