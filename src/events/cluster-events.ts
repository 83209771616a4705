import { define } from "./event-definition.ts";
import * as field from "./field.ts";

const breaker = field.text("The breaker's name");
const incidentId = field.text("The incident, the same in every task");
const origin = field.text("The task that decided");
const epoch = field.count("Grows with every reset of the breaker in the fleet");
const peer = field.text("The other task");
const peers = field.count("Other tasks that are heard");

/** The events of a task in a cluster. */
export const CLUSTER_EVENTS = {
  "cluster.opened": define({
    severity: "warn",
    sentence: "circuit opened for the fleet",
    when: "An incident of the fleet began; told once, by the task that decided it",
    fields: {
      breaker,
      incidentId,
      origin,
      epoch,
      forced: field.word([true, false], "Whether it was forced open"),
      note: field.text("Why, as the task said"),
      retryAtMs: field.nullable(
        field.atMs("When a probe may run, on the store's clock; null without an end"),
      ),
    },
    metrics: [],
  }),
  "cluster.closed": define({
    severity: "info",
    sentence: "circuit closed for the fleet",
    when: "An incident of the fleet ended; told once, by the task that ended it",
    fields: {
      breaker,
      incidentId,
      origin,
      epoch,
      reason: field.word(["probe", "reset"], "What ended it"),
      mttrMs: field.ms("The whole incident of the fleet, on the store's clock"),
    },
    metrics: [],
  }),
  "cluster.degraded": define({
    severity: "warn",
    sentence: "the task is on its own",
    when: "The store or the other tasks cannot be heard any more; breakers go on by themselves",
    fields: {
      reason: field.word(
        ["silent", "unreachable", "lost"],
        "No echo of its own beats, no answers, or the subscription ended",
      ),
      waiting: field.count("Breakers whose news the fleet has not heard yet"),
      error: field.optional(
        field.error(
          "What the connection or the store last failed with and has not done since, if any",
        ),
      ),
    },
    metrics: [],
  }),
  "cluster.recovered": define({
    severity: "info",
    sentence: "the task is with the others again",
    when: "The store answers and the task's own beats come back; everything was read again",
    fields: {
      lostMs: field.ms("How long it was on its own"),
      waiting: field.count("Breakers whose news is told to the fleet now"),
      rejected: field.count("Messages dropped since the task joined, because they were not valid"),
    },
    metrics: [],
  }),
  "cluster.peer_joined": define({
    severity: "info",
    sentence: "another task joined",
    when: "A task is heard for the first time",
    fields: { peer, peers },
    metrics: [],
  }),
  "cluster.peer_left": define({
    severity: "info",
    sentence: "another task left",
    when: "A task said so, or was silent for five beats",
    fields: { peer, peers },
    metrics: [],
  }),
  "cluster.rejected": define({
    severity: "warn",
    sentence: "bad cluster input dropped",
    when: "A message or an answer was not valid; told at the 1st, 2nd, 4th, 8th of its reason",
    fields: {
      reason: field.word(
        ["oversized", "malformed", "version", "future", "names", "answer", "signature"],
        "What was wrong with it",
      ),
      count: field.count("How many of this reason so far"),
    },
    metrics: [],
  }),
} as const;
