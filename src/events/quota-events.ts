import { define } from "./event-definition.ts";
import * as field from "./field.ts";

const provider = field.text("The provider, as the caller names it");
const budget = field.text("The name of the budget");
const month = field.text("The month in the ledger's time zone, as 2026-11");
const spendNanoUsd = field.count("Spent in the month so far, in nano-USD (1 USD is 1 000 000 000)");
const budgetNanoUsd = field.count("The budget of the month, in nano-USD");

/** The events of quota and money. */
export const QUOTA_EVENTS = {
  "quota.exhausted": define({
    severity: "warn",
    sentence: "quota exhausted",
    when: "A provider said that its quota is used up; told once until it has recovered",
    fields: {
      provider,
      untilMs: field.atMs("When it is expected back: a moment of the wall clock"),
      source: field.word(
        ["default", "error", "header", "peer"],
        "Where the end comes from: the default, the error itself, a header of the answer, or another task",
      ),
      error: field.optional(field.error("What said so")),
    },
    metrics: [],
  }),
  "quota.recovered": define({
    severity: "info",
    sentence: "quota recovered",
    when: "The end of an exhaustion has passed, or it was cleared; noticed when somebody asks",
    fields: {
      provider,
      exhaustedMs: field.ms("How long the provider was marked"),
      reason: field.word(
        ["expired", "cleared", "evicted"],
        "Its time was over, somebody cleared it, or it made room for another",
      ),
    },
    metrics: [],
  }),
  "budget.threshold": define({
    severity: "warn",
    sentence: "budget threshold reached",
    when: "The spend of a month reaches a tier of its budget; once for each tier and month",
    fields: {
      budget,
      month,
      tier: field.number("The tier that was reached, a share of the budget such as 0.8"),
      spendNanoUsd,
      budgetNanoUsd,
    },
    metrics: [],
  }),
  "budget.unpriced": define({
    severity: "warn",
    sentence: "no price for a model",
    when: "A spend names a model that the price table does not, and no amount; each process tells it once for each model and month",
    fields: { provider, model: field.text("The model, as the caller names it"), month },
    metrics: [],
  }),
  "budget.depletion": define({
    severity: "warn",
    sentence: "budget will run out",
    when: "At the present rate a budget runs out within so many days and before its month ends; once for each number of days and month",
    fields: {
      budget,
      month,
      tier: field.number("The number of days that was reached, such as 7"),
      daysLeft: field.number("Days until the budget runs out at the present rate"),
      depletesAtMs: field.atMs("When it runs out at the present rate"),
      burnNanoUsdPerDay: field.number("The present rate, in nano-USD a day"),
      spendNanoUsd,
      budgetNanoUsd,
    },
    metrics: [],
  }),
} as const;
