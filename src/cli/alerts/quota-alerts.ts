import type { PromQl } from "./promql.ts";
import { type AlertingRule, lines, percent, type RuleGroup } from "./rule.ts";
import type { Thresholds } from "./thresholds.ts";

const DAY_SECONDS = 86_400;
const AT_ONCE = { for: "0s", keepFiringFor: "0s" } as const;

/** The alerts about providers out of quota, and about money. */
export function quotaAlerts(q: PromQl, thresholds: Thresholds): RuleGroup {
  return {
    name: "telltale-quota",
    rules: [
      quotaExhausted(q),
      ...budgetAlerts(q, thresholds),
      budgetDepletion(q, thresholds),
      ...ledgerAlerts(q),
    ],
  };
}

function quotaExhausted(q: PromQl): AlertingRule {
  return {
    alert: "CircuitBreakerQuotaExhausted",
    when: "a provider is marked as out of quota",
    expr: `sum by (${q.service}, provider) (${q.series("telltale_quota_exhausted")}) > 0`,
    // A limit per minute is back within a minute or two, and nobody need know.
    for: "2m",
    keepFiringFor: "0s",
    severity: "warning",
    summary: `Provider {{ $labels.provider }} is out of quota (${q.serviceText})`,
    description:
      "{{ $value }} instances have it marked: calls to it are refused, or go elsewhere, until the provider gives quota again. The provider is well; no breaker need be reset.",
  };
}

function budgetAlerts(q: PromQl, thresholds: Thresholds): AlertingRule[] {
  // The largest: ledgers that merge all know the whole, and the one that is behind knows less.
  const largest = (series: string): string => `max by (${q.service}, budget) (${series})`;
  const spent = largest(q.series("telltale_budget_spent_usd"));
  const limit = largest(q.series("telltale_budget_limit_usd"));
  const reached = (share: number) => ({
    when: `${percent(share)} of a budget of the month are spent`,
    expr: lines(spent, `>= ${share} * ${limit}`),
    ...AT_ONCE,
  });
  const high = thresholds["budget-high"];
  const end = thresholds["budget-end"];
  return [
    {
      alert: "CircuitBreakerBudgetHigh",
      ...reached(high),
      severity: "warning",
      summary: `Budget {{ $labels.budget }} is spent to ${percent(high)} or more (${q.serviceText})`,
      description: `{{ $value | printf "%.2f" }} USD of it are spent this month.`,
    },
    {
      alert: "CircuitBreakerBudgetEnd",
      ...reached(end),
      severity: "critical",
      summary: `Budget {{ $labels.budget }} is spent to ${percent(end)} or more (${q.serviceText})`,
      description: `{{ $value | printf "%.2f" }} USD of it are spent this month: when it is used up, a hard budget refuses every call that it covers until the month ends.`,
    },
  ];
}

function budgetDepletion(q: PromQl, thresholds: Thresholds): AlertingRule {
  const days = thresholds["depletion-days"];
  const depletion = `${q.series("telltale_budget_depletion_timestamp_seconds")} > 0`;
  return {
    alert: "CircuitBreakerBudgetDepletion",
    when: `at the present rate a budget is used up within ${days} days, before its month ends`,
    expr: lines(`min by (${q.service}, budget) (${depletion})`, `< time() + ${days * DAY_SECONDS}`),
    // A rate of seven days moves slowly; one large call moves the first day of a budget.
    for: "30m",
    keepFiringFor: "0s",
    severity: "warning",
    summary: `Budget {{ $labels.budget }} will run out before its month ends (${q.serviceText})`,
    description:
      "At the rate of the last seven days it is used up at {{ $value | humanizeTimestamp }}.",
  };
}

function ledgerAlerts(q: PromQl): AlertingRule[] {
  const unknown = q.series("telltale_ledger_unknown");
  const unpriced = q.series("telltale_spend_unpriced_total");
  return [
    {
      alert: "CircuitBreakerLedgerUnknown",
      when: "what was spent before could not be read",
      expr: `sum by (${q.service}) (${unknown}) > 0`,
      // A process that starts is unknown until its store has answered.
      for: "2m",
      keepFiringFor: "0s",
      severity: "critical",
      summary: `What was spent is not known (${q.serviceText})`,
      description:
        "{{ $value }} instances could not read what was spent before: budgets are not watched there, and unless onUnknown allows them, calls under a budget are refused.",
    },
    {
      alert: "CircuitBreakerSpendUnpriced",
      when: "spends of models without a price within 10 minutes",
      expr: `sum by (${q.service}) (increase(${unpriced}[10m])) > 0`,
      ...AT_ONCE,
      severity: "warning",
      summary: `Calls are recorded at no cost (${q.serviceText})`,
      description: `{{ $value | printf "%.0f" }} spends in 10 minutes named a model that the price table does not: what was spent reads too low.`,
    },
  ];
}
