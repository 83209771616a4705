import type { EventBus } from "../events/event-bus.ts";
import type { Scalar } from "../events/field.ts";
import type { Classify } from "./classification.ts";
import type { Clock } from "./clock.ts";
import type { Cooldown } from "./cooldown.ts";
import type { TripRule } from "./trip-rule.ts";

/**
 * The failure rate that decides over the probes. It opens again as soon as the threshold is reached whatever the
 * probes to come say, and closes as soon as it can no longer be reached: after `minimumCalls` verdicts at the latest.
 * A probe that is ignored, cancelled, unreached or loses its lease is no verdict: another one takes its place. No more
 * probes run at once than could still decide something.
 */
export interface ProbeRateOptions {
  /** The share of failed probes that opens again, above 0, at most 1. */
  readonly threshold: number;
  /**
   * Verdicts that the rate is taken over.
   * @default 10
   */
  readonly minimumCalls?: number;
}

/** How a breaker tries whether the dependency is back. */
export interface HalfOpenOptions {
  /**
   * Probes under way at the same time.
   * @default 1
   */
  readonly maxProbes?: number;
  /**
   * Probes that must succeed before the breaker closes. One failed probe opens it again.
   * @default 1
   */
  readonly successThreshold?: number;
  /**
   * Lets the failure rate over the probes decide, instead of `successThreshold` and the first failed probe.
   * @default off
   */
  readonly failureRate?: ProbeRateOptions;
  /**
   * How long a probe may hold its slot, in milliseconds. After that the slot is free and the result is `late`, so
   * that a probe which never settles cannot block the recovery.
   * @default 60_000
   */
  readonly leaseMs?: number;
}

/** How the traffic comes back after a recovery. */
export interface RampUpOptions {
  /** From the close to the whole traffic, in milliseconds. */
  readonly durationMs: number;
  /**
   * The share that passes right after the close, above 0, at most 1; it then rises evenly.
   * @default 0.1
   */
  readonly from?: number;
}

/** Options of a {@link CircuitBreaker}. Unknown keys are refused. */
export interface CircuitBreakerOptions {
  /**
   * Consecutive failures that trip.
   * @default 5
   */
  readonly failureThreshold?: number;
  /**
   * A finished call slower than this many milliseconds counts as a failure with reason `latency`.
   * @default off
   */
  readonly latencyTripMs?: number;
  /**
   * One rule or several, any of which trips; made by `consecutive`, `failureRate`, `slowRate`, or your own. Given
   * together with `failureThreshold`, that holds beside them.
   * @default consecutive(failureThreshold)
   */
  readonly trip?: TripRule | readonly TripRule[];
  /**
   * Calls that are still under way after the limit count as failures with reason `latency` before they end, so that a
   * dependency that hangs trips the breaker although nothing returns. The limit is `latencyTripMs`, for `slowRate` its
   * own; one of them must be there. Such a trip is effective at once, and committed and told at the next call, result,
   * control call or scrape. A call that ends counts as what it is, and no more as one that hangs.
   * @default false
   */
  readonly inFlight?: boolean;
  /**
   * Candidate rules that only report: they see the same calls as `trip`, and when they would have tripped there is a
   * `circuit.would_open`.
   * @default none
   */
  readonly shadow?: TripRule | readonly TripRule[];
  /**
   * Time in milliseconds that an open breaker refuses calls before it lets a probe through. A `retryAfterMs` from
   * `classify` wins. A function is given the number of the attempt, such as `exponentialCooldown` makes; when it
   * fails, the default holds and `circuit.callback_failed` says so.
   * @default 60_000
   */
  readonly cooldownMs?: number | Cooldown;
  /** How the breaker tries whether the dependency is back. */
  readonly halfOpen?: HalfOpenOptions;
  /**
   * Shares of the traffic by consecutive failures, the first of them 1: `[1, 0.9, 0.7, 0.4, 0.1]` lets 70 % pass
   * after two. The last holds for every higher count. With it the count falls by one with each success, and with each
   * `cooldownMs` (60 000 when that is a function) that brings no verdict, instead of to 0.
   * @default off
   */
  readonly degradation?: readonly number[];
  /**
   * Lets the traffic in bit by bit after a recovery.
   * @default off
   */
  readonly rampUp?: RampUpOptions;
  /**
   * Decides what a finished call counts as. If it throws, the default applies and `circuit.callback_failed` says so.
   * @default a value is a success, anything thrown is a failure
   */
  readonly classify?: Classify;
  /**
   * Says how long the quota of what the breaker guards is used up: milliseconds from now, 0 when there is some, Infinity
   * when nobody knows; given the breaker's name, so that all breakers of a registry may share it. Asked about each call
   * that the breaker would let run, a probe before it takes its slot; such a call is refused with reason `quota`. It does
   * not change the state, and a disabled breaker does not ask. When it fails, the call runs and
   * `circuit.callback_failed` says so.
   * @default none
   */
  readonly quota?: (breaker: string) => number;
  /**
   * Where the time comes from.
   * @default the platform's clocks
   */
  readonly clock?: Clock;
  /**
   * Where chance comes from: a number in [0, 1).
   * @default Math.random
   */
  readonly random?: () => number;
  /**
   * The bus that carries the breaker's events; may be shared by many breakers.
   * @default a bus of its own
   */
  readonly bus?: EventBus;
  /**
   * What the present call is about, such as the delivery id and the tenant of an `AsyncLocalStorage`: put on the call's
   * events as `context`, never on metrics. Asked at most once for each step of a call, in the caller's async context,
   * and only when somebody hears an event about it; a call that brings its own `context` is not asked about. For a
   * permit it is asked at the admission. Bounded as the `context` of a call; when it throws or answers anything else,
   * `circuit.callback_failed` says so and the events have none.
   * @default none
   */
  readonly context?: () => Readonly<Record<string, Scalar | undefined>> | undefined;
  /**
   * Static values put on every event: at most 32 keys of 64 characters, with strings of at most 256.
   * @default none
   */
  readonly attributes?: Readonly<Record<string, Scalar>>;
}

/** Options of `forceOpen`. */
export interface ForceOpenOptions {
  /**
   * After this many milliseconds a probe may run.
   * @default until `reset`
   */
  readonly forMs?: number;
}
