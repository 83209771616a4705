import { define } from "./event-definition.ts";
import * as field from "./field.ts";

const owner = field.text(
  "The name of the owner: of the Durable Object that holds breakers, quota and ledger",
);

/** The events of a Worker that asks an owner. */
export const OWNER_EVENTS = {
  "owner.unreachable": define({
    severity: "warn",
    sentence: "owner did not answer",
    when: "A Worker's isolate asked in vain and went on by itself; told at the 1st, 2nd, 4th, 8th time of a loss",
    fields: {
      owner,
      asked: field.word(["verdicts", "probe", "reservation", "report"], "What it was asked"),
      reason: field.word(["deadline", "error"], "It took too long, or the request failed"),
      fallback: field.word(
        ["cache", "snapshot", "closed", "refused", "unreserved", "none"],
        "What the isolate went on by: its last answer, the stored one, closed breakers; a call that wants a reservation is refused or goes on without one; none for a report, which waits",
      ),
      ageMs: field.nullable(field.ms("How old that is; null when it is none")),
      waitedMs: field.ms("How long the request waited"),
      count: field.count("How often in this loss"),
      error: field.optional(field.error("What failed")),
    },
    metrics: [],
  }),
  "owner.reachable": define({
    severity: "info",
    sentence: "owner answers again",
    when: "The first answer after owner.unreachable",
    fields: {
      owner,
      lostMs: field.ms("How long it did not answer"),
      count: field.count("How often it was asked in vain"),
      waiting: field.count("Spends that it has still to be told"),
    },
    metrics: [],
  }),
  "owner.store_failed": define({
    severity: "warn",
    sentence: "warm start not written",
    when: "The store that new isolates read before the owner answers could not be written",
    fields: {
      owner,
      store: field.text("The store, as it calls itself"),
      error: field.error("What it said"),
    },
    metrics: [],
  }),
  "owner.spend_lost": define({
    severity: "error",
    sentence: "spend not recorded",
    when: "A spend was refused by the ledger, or gave way because too many wait for an owner that does not answer",
    fields: {
      owner,
      provider: field.text("The provider of the spend"),
      model: field.text("Its model"),
      id: field.text("Its id"),
      reason: field.word(["refused", "overflow"], "The ledger refused it, or too many waited"),
      error: field.optional(field.error("What the ledger said")),
    },
    metrics: [
      {
        metric: "telltale_owner_spends_lost_total",
        labels: { owner: "owner", reason: "reason" },
      },
    ],
  }),
} as const;
