import { OUTCOME_COLOURS, series } from "./panels.ts";
import { increase, rate, type Select, sumBy } from "./queries.ts";

/** Calls that finished, by outcome, and those that were refused: of one breaker, or of all that are chosen. */
export const callsByOutcome = (of: Select) =>
  series({
    title: "Calls by what they counted as",
    description:
      "Finished calls per second by outcome, with the refused ones on top. Error and latency count against the dependency; ignored, cancelled, unreached and late decide nothing.",
    unit: "reqps",
    limits: ["green"],
    stacked: true,
    colours: OUTCOME_COLOURS,
    queries: [
      {
        expr: sumBy("outcome", rate(of("circuit_breaker_calls_total"))),
        legend: "{{outcome}}",
      },
      { expr: `sum(${rate(of("circuit_breaker_skips_total"))})`, legend: "refused" },
    ],
    width: 12,
    height: 8,
    runbooks: ["CircuitBreakerErrorBudgetBurn"],
  });

/** Trips because calls failed or were slow: of one breaker, or of all that are chosen. */
export const tripsByReason = (of: Select) =>
  series({
    title: "Trips by reason",
    description:
      "Opens because calls failed (error) or were slow (latency), failed probes included. Error means that the dependency answers wrongly or not at all, latency that it is too slow: the two have different runbooks.",
    unit: "short",
    limits: ["green", [0.5, "yellow"], [4.5, "red"]],
    bars: true,
    stacked: true,
    colours: OUTCOME_COLOURS,
    queries: [
      {
        expr: sumBy("reason", increase(of("circuit_breaker_trips_total"))),
        legend: "{{reason}}",
      },
    ],
    width: 12,
    height: 8,
    runbooks: ["CircuitBreakerErrorTrips", "CircuitBreakerLatencyTrips"],
  });
