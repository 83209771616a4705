import type { ProbeOutcome } from "../events/vocabulary.ts";
import type { FailureRun } from "./failure-run.ts";
import type { ProgressClimb } from "./progress-climb.ts";
import type { ShadowTrip } from "./shadow-trip.ts";
import type { TripMeters } from "./trip-meters.ts";

// A period is the time between two committed changes. Each kind holds only what its state needs, and its counts and
// permits die with it: a result whose period is over is late, which one comparison tells.

/** Calls pass; failures in a row are watched. */
export class ClosedPeriod {
  readonly state = "closed";
  run: FailureRun | null = null;
  climb: ProgressClimb | null = null;
  /** Begun at the first verdict that a rule must hear. */
  meters: TripMeters | null = null;
  /** The candidate rules, from the first verdict on. */
  shadow: ShadowTrip | null = null;
  /** The last verdict, where idle time counts. */
  activeMs = 0;
  /** When a recovery let the traffic in again; null when all of it may pass. */
  rampFromMs: number | null = null;

  forgetRun(): void {
    this.run = null;
    this.climb = null;
  }
}

/** Calls pass and are measured; nothing opens the breaker. */
export class DisabledPeriod {
  readonly state = "disabled";
  shadow: ShadowTrip | null = null;
}

/** Calls are refused until the cooldown is over. */
export class OpenPeriod {
  readonly state = "open";
  readonly retryMs: number;

  constructor(retryMs: number) {
    this.retryMs = retryMs;
  }
}

/** Calls are refused until an operator resets, or until the end that was set. */
export class ForcedOpenPeriod {
  readonly state = "forced_open";
  /** Infinity when it has no end. */
  retryMs: number;

  constructor(retryMs: number) {
    this.retryMs = retryMs;
  }
}

/** A call that tries whether the dependency is back. Holds a slot until it settles or its lease ends. */
export class Probe {
  readonly period: HalfOpenPeriod;
  readonly leaseEndsMs: number;
  expired = false;

  constructor(period: HalfOpenPeriod, leaseEndsMs: number) {
    this.period = period;
    this.leaseEndsMs = leaseEndsMs;
  }
}

/** A few probes pass; they decide. */
export class HalfOpenPeriod {
  readonly state = "half_open";
  readonly inFlight = new Set<Probe>();
  successes = 0;

  /** Ends the leases that are over and returns how many there were. */
  expire(nowMs: number): number {
    let ended = 0;
    for (const probe of this.inFlight) {
      if (nowMs < probe.leaseEndsMs) continue;
      probe.expired = true;
      this.inFlight.delete(probe);
      ended++;
    }
    return ended;
  }

  /** Probes whose lease has not ended, counted without ending any. */
  held(nowMs: number): number {
    let held = 0;
    for (const probe of this.inFlight) if (nowMs < probe.leaseEndsMs) held++;
    return held;
  }
}

export type Period = ClosedPeriod | DisabledPeriod | OpenPeriod | ForcedOpenPeriod | HalfOpenPeriod;

/** What an admitted call holds: the period it belongs to, or its probe. */
export type Slot = ClosedPeriod | DisabledPeriod | Probe;

/** How a probe ended, as `circuit.probe` tells it. */
export interface ProbeEnd {
  readonly outcome: ProbeOutcome;
  readonly latencyMs: number | null;
  readonly probesInFlight: number;
}
