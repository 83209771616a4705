export { BreakerRegistry, type RegistryStats } from "./core/breaker-registry.ts";
export type { BreakerSnapshot } from "./core/breaker-snapshot.ts";
export type {
  BreakerStats,
  BreakerView,
  RegistryFollower,
  RegistryView,
} from "./core/breaker-view.ts";
export type { DurationListener } from "./core/call-durations.ts";
export type { CallOptions, CancelSignal } from "./core/call-options.ts";
export { CircuitBreaker } from "./core/circuit-breaker.ts";
export { CircuitOpenError, isCircuitOpenError } from "./core/circuit-open-error.ts";
export type { Classification, Classify, FinishedCall } from "./core/classification.ts";
export type { Clock } from "./core/clock.ts";
export {
  type Cooldown,
  type ExponentialCooldownOptions,
  exponentialCooldown,
} from "./core/cooldown.ts";
export type {
  ErrorResult,
  ExecuteResult,
  LatencyResult,
  OkResult,
  RefusedResult,
} from "./core/execute-result.ts";
export type {
  CircuitBreakerOptions,
  ForceOpenOptions,
  HalfOpenOptions,
  ProbeRateOptions,
  RampUpOptions,
} from "./core/options.ts";
export type { Permit, Refusal } from "./core/permit.ts";
export type { Reconfiguration } from "./core/reconfiguration.ts";
export type { BreakerOverrides, BreakerRegistryOptions } from "./core/registry-options.ts";
export type { RestoreOptions } from "./core/restoring.ts";
export { isSnapshotError, SnapshotError, type SnapshotErrorCode } from "./core/snapshot-error.ts";
export type {
  Hearing,
  Situation,
  TripEvidence,
  TripMeter,
  TripReading,
  TripRule,
  Verdict,
} from "./core/trip-rule.ts";
export {
  consecutive,
  type FailureRateOptions,
  failureRate,
  type RateWindow,
  type SlowRateOptions,
  slowRate,
} from "./core/trip-rules.ts";
export { EVENTS } from "./events/catalogue.ts";
export type { EndSignal } from "./events/end-signal.ts";
export type {
  CircuitEvent,
  CircuitEventType,
  CircuitMatching,
  CircuitPattern,
  EventOf,
  EventPattern,
  EventType,
  Matching,
  TelltaleEvent,
} from "./events/event.ts";
export type { WhenFull } from "./events/event-buffer.ts";
export {
  createEventBus,
  type EventBus,
  type EventBusOptions,
  type ListenOptions,
  type TelltaleBus,
} from "./events/event-bus.ts";
export type { EventDefinition, EventMetric } from "./events/event-definition.ts";
export type { CircuitEventSource, EventStreamOptions } from "./events/event-intake.ts";
export type { ErrorInfo, Scalar } from "./events/field.ts";
export { iterateEvents } from "./events/iterate-events.ts";
export { streamEvents } from "./events/stream-events.ts";
export type {
  CircuitState,
  CloseReason,
  CountedAs,
  FailureReason,
  OpenReason,
  Outcome,
  ProbeOutcome,
  RemovalReason,
  Severity,
  SkipReason,
  Transition,
} from "./events/vocabulary.ts";
export {
  type Backoff,
  type ExponentialBackoffOptions,
  exponentialBackoff,
  type Jitter,
} from "./policies/backoff.ts";
export {
  type Bulkhead,
  type BulkheadOptions,
  type BulkheadQueueOptions,
  bulkhead,
} from "./policies/bulkhead.ts";
export type { HostSignal, PolicyCallOptions } from "./policies/call-scope.ts";
export { type ErrorKind, errorKind, isTransient, refusalOf } from "./policies/error-kind.ts";
export { type Fallback, fallback } from "./policies/fallback.ts";
export type { FallbackCacheOptions } from "./policies/fallback-cache.ts";
export type {
  FailClosedOptions,
  FailedCall,
  FailOpenRunOptions,
  FailOpenValueOptions,
  FallbackOptions,
  ServeOn,
} from "./policies/fallback-options.ts";
export { isPermanent, permanent } from "./policies/permanent.ts";
export { type Pipeline, type PipelineMember, pipeline } from "./policies/pipeline.ts";
export type { AnyPolicy, Policy, SignalledCallOptions } from "./policies/policy.ts";
export type { PolicyOptions, Timers } from "./policies/policy-host.ts";
export type {
  DoneResult,
  FailedResult,
  FallbackResult,
  PolicyResult,
  TurnedAwayResult,
} from "./policies/policy-result.ts";
export type { CacheEntry, CacheStore } from "./policies/result-cache.ts";
export { type Retry, retry } from "./policies/retry.ts";
export { readRetryAfter } from "./policies/retry-after.ts";
export {
  type RatioBudgetOptions,
  type RetryBudget,
  ratioBudget,
  type TokenBudgetOptions,
  tokenBudget,
} from "./policies/retry-budget.ts";
export { type GiveUpReason, isRetryError, RetryError } from "./policies/retry-error.ts";
export type { RetryOptions } from "./policies/retry-options.ts";
export {
  type Timeout,
  type TimeoutMode,
  type TimeoutOptions,
  timeout,
} from "./policies/timeout.ts";
export { isTimeoutError, TimeoutError } from "./policies/timeout-error.ts";
