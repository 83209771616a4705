/**
 * Every alert that telltale ships. Each has a runbook of its name, which the panels of the dashboards link to; a test
 * holds this list against docs/runbooks and against docs/alerts.
 */
export const ALERT_NAMES = [
  "CircuitBreakerTripImminent",
  "CircuitBreakerOpen",
  "CircuitBreakerOpenTooLong",
  "CircuitBreakerFlapping",
  "CircuitBreakerSkipRatioHigh",
  "CircuitBreakerLatencyTrips",
  "CircuitBreakerErrorTrips",
  "CircuitBreakerForcedOpenStuck",
  "CircuitBreakerDisabledStuck",
  "CircuitBreakerProbesStuck",
  "CircuitBreakerNoProbeTraffic",
  "CircuitBreakerRecoveryRegression",
  "CircuitBreakerInstancesDisagree",
  "CircuitBreakerErrorBudgetBurn",
  "CircuitBreakerQuotaExhausted",
  "CircuitBreakerBudgetHigh",
  "CircuitBreakerBudgetEnd",
  "CircuitBreakerBudgetDepletion",
  "CircuitBreakerLedgerUnknown",
  "CircuitBreakerSpendUnpriced",
  "CircuitBreakerClusterLost",
  "CircuitBreakerClusterDisagrees",
  "CircuitBreakerClusterRejected",
  "CircuitBreakerStoreFailing",
  "CircuitBreakerSnapshotRejected",
  "CircuitBreakerOwnerUnreachable",
  "CircuitBreakerSpendLost",
  "CircuitBreakerEventsDropped",
  "CircuitBreakerSeriesOverflow",
  "CircuitBreakerTelemetryAbsent",
] as const;

/** The name of an alert. */
export type AlertName = (typeof ALERT_NAMES)[number];
