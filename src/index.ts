export { BreakerRegistry, type RegistryStats } from "./core/breaker-registry.ts";
export type {
  BreakerStats,
  BreakerView,
  RegistryFollower,
  RegistryView,
} from "./core/breaker-view.ts";
export type { CallOptions, CancelSignal } from "./core/call-options.ts";
export {
  CircuitBreaker,
  type ForceOpenOptions,
} from "./core/circuit-breaker.ts";
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
export type { CircuitBreakerOptions, HalfOpenOptions, RampUpOptions } from "./core/options.ts";
export type { Permit, Refusal } from "./core/permit.ts";
export type { Reconfiguration } from "./core/reconfiguration.ts";
export type { BreakerOverrides, BreakerRegistryOptions } from "./core/registry-options.ts";
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
export {
  createEventBus,
  type EventBus,
  type EventBusOptions,
  type ListenOptions,
} from "./events/event-bus.ts";
export type { EventDefinition, EventMetric } from "./events/event-definition.ts";
export type { ErrorInfo, Scalar } from "./events/field.ts";
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
