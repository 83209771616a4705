import type { ProbeOutcome } from "../events/vocabulary.ts";
import type { BegunAnswers } from "./begun-answers.ts";
import { Evidence } from "./evidence.ts";
import type { FailureRun } from "./failure-run.ts";
import type { ShadowTrip } from "./shadow-trip.ts";

// A period is the time between two committed changes. Each kind holds only what its state needs, and its counts and
// permits die with it: a result whose period is over is late, which one comparison tells.

/** Calls pass; failures are watched. */
export class ClosedPeriod {
  readonly state = "closed";
  /** Made when there is something to hold: most breakers are idle or well. */
  evidence: Evidence | null = null;
  /** When a recovery let the traffic in again; null when all of it may pass. */
  rampFromMs: number | null = null;
  /** Null as long as none has set failures aside. */
  begun: BegunAnswers | null = null;

  gather(): Evidence {
    this.evidence ??= new Evidence();
    return this.evidence;
  }
}

/** Calls pass and are measured; nothing opens the breaker. */
export class DisabledPeriod {
  readonly state = "disabled";
  /** The rules that would be in force. */
  own: ShadowTrip | null = null;
  /** The candidates. */
  shadow: ShadowTrip | null = null;
  /** Null as long as none has set failures aside. */
  begun: BegunAnswers | null = null;
}

/** Calls are refused until the cooldown is over. */
export class OpenPeriod {
  readonly state = "open";
  retryMs: number;

  constructor(retryMs: number) {
    this.retryMs = retryMs;
  }
}

/** Calls are refused until an operator resets, or until the end that was set. */
export class ForcedOpenPeriod {
  readonly state = "forced_open";
  /** Infinity when it has no end. */
  retryMs: number;
  /** The last reason that was given for it; undefined when none was. */
  note: string | undefined;

  constructor(retryMs: number, note: string | undefined) {
    this.retryMs = retryMs;
    this.note = note;
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
  /** The probes that failed. */
  failures: FailureRun | null = null;

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
