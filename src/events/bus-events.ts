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
} as const;
