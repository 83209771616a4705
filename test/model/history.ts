import type { CircuitState, CountedAs, FailureReason, SkipReason } from "../../src/index.ts";
import type { CooldownPlan, ProbeRatePlan, RampPlan, RulePlan } from "./rule-plans.ts";

// What happened, and what follows from it. The reference keeps no state: every answer is worked out of the whole
// list, from its end or its beginning, each time it is asked. Slow on purpose: a forgotten update cannot hide here.

/** The options of a breaker, with every default in place; null is off. */
export interface Rules {
  /** The least of the consecutive rules; null when there is none. */
  readonly failureThreshold: number | null;
  readonly trip: readonly RulePlan[];
  /** Rules that only report. */
  readonly shadow: readonly RulePlan[];
  readonly latencyTripMs: number | null;
  readonly inFlight: boolean;
  readonly cooldownMs: number;
  readonly cooldown: CooldownPlan;
  readonly degradation: readonly number[] | null;
  /** Idle time that takes one failure off the count, and the cooldown of those who only report. */
  readonly idleStepMs: number;
  readonly rampUp: RampPlan | null;
  readonly maxProbes: number;
  readonly successThreshold: number;
  readonly probeRate: ProbeRatePlan | null;
  readonly leaseMs: number;
  readonly classifies: boolean;
  /** What `callback_failed` says of the `random` option; null when it answers as it should. */
  readonly randomFails: object | null;
  /** What every event of the breaker carries: its name, the instance, the attributes. */
  readonly envelope: object;
}

/** A moment on both clocks. */
export interface Moment {
  readonly nowMs: number;
  readonly wallMs: number;
}

/** Why the committed state changed. */
type Why =
  | "trip"
  | "probe failed"
  | "forced"
  | "due"
  | "recovered"
  /** Closed by an operator. */
  | "closed"
  | "disabled"
  | "enabled";

export interface Change extends Moment {
  readonly kind: "change";
  readonly from: CircuitState;
  readonly to: CircuitState;
  readonly why: Why;
  /** Why it tripped. */
  readonly reason?: FailureReason;
  /** When an open state lets a probe through; null without an end. */
  readonly dueMs: number | null;
  /** A probe that failed led to it, whatever it led to. */
  readonly afterProbe: boolean;
  /** The reason that a forced open was given. */
  readonly note?: string;
  /** When a trip by calls that hang took effect; the moment of the change for every other. */
  readonly effectiveMs: number;
}

export interface Admitted extends Moment {
  readonly kind: "admitted";
  readonly call: number;
  readonly generation: number;
  readonly probe: boolean;
}

export interface Settled extends Moment {
  readonly kind: "settled";
  /** Null when it never had a permit. */
  readonly call: number | null;
  readonly as: CountedAs;
  readonly latencyMs: number | null;
  /** The committed state that it was settled in. */
  readonly during: CircuitState;
  readonly thrown: { readonly value: unknown } | null;
}

export type Fact =
  | Change
  | Admitted
  | Settled
  /** The function began, of a call that a closed or disabled breaker let pass. */
  | { readonly kind: "started"; readonly call: number; readonly nowMs: number }
  /** It came back, however; what it counted as comes next. */
  | { readonly kind: "ended"; readonly call: number }
  /** A step looked for calls that hang; `raised`: some became overdue, and the rules in force did not trip. */
  | { readonly kind: "looked"; readonly nowMs: number; readonly raised: boolean }
  /** A reset without an incident. */
  | { readonly kind: "cleared" }
  /** A forced open of a breaker that is forced open already, which gives it another end or another reason. */
  | {
      readonly kind: "force changed";
      readonly dueMs: number | null;
      readonly note: string | undefined;
    }
  | { readonly kind: "refused"; readonly reason: SkipReason }
  | { readonly kind: "lease ended"; readonly call: number }
  /** Idle time took failures off the count. */
  | { readonly kind: "idled"; readonly steps: number }
  /** Rules that only report would have tripped, and look away until then. */
  | {
      readonly kind: "would open";
      readonly whose: Whose;
      readonly blindUntilMs: number;
      /** Calls that became overdue up to then have been counted; null after the end of a call. */
      readonly hungMs: number | null;
    };

/** The rules of a disabled breaker, or the candidates. */
export type Whose = "own" | "shadow";

export type History = readonly Fact[];

export const isChange = (fact: Fact): fact is Change => fact.kind === "change";
const isOpening = (fact: Fact): fact is Change =>
  isChange(fact) && (fact.to === "open" || fact.to === "forced_open");
export const isFailure = (fact: Fact): fact is Settled =>
  fact.kind === "settled" && (fact.as === "error" || fact.as === "latency");

/** A success or a failure: what counts for or against the dependency. */
export const isVerdict = (fact: Fact): fact is Settled =>
  fact.kind === "settled" && (fact.as === "success" || isFailure(fact));

/** A time of one state begins: a change, or a reset without an incident. */
export const beginsPeriod = (fact: Fact): boolean => isChange(fact) || fact.kind === "cleared";

/** Everything after the last fact that is meant; everything when there is none. */
export function since(history: History, meant: (fact: Fact) => boolean): History {
  return history.slice(history.findLastIndex(meant) + 1);
}

export function committedState(history: History): CircuitState {
  return history.findLast(isChange)?.to ?? "closed";
}

export function generation(history: History): number {
  return history.filter(beginsPeriod).length;
}

/** The open that began the present incident; null when there is none. */
export function incidentBegin(history: History): Change | null {
  const sinceClosed = since(history, (fact) => isChange(fact) && fact.to === "closed");
  return sinceClosed.find(isOpening) ?? null;
}

/** Which incident of the breaker this is, from 1; null outside. */
export function incidentNumber(history: History): number | null {
  let begun = 0;
  let inside = false;
  for (const fact of history) {
    if (isOpening(fact) && !inside) {
      begun++;
      inside = true;
    } else if (isChange(fact) && fact.to === "closed") inside = false;
  }
  return inside ? begun : null;
}

export function lastOpening(history: History): Change | null {
  return incidentBegin(history) === null ? null : (history.findLast(isOpening) ?? null);
}

/** When a probe may run; null when the state does not wait for a moment. */
export function dueMs(history: History): number | null {
  const last = history.findLast((fact) => isChange(fact) || fact.kind === "force changed");
  return last?.kind === "change" || last?.kind === "force changed" ? last.dueMs : null;
}

/** The reason that stands of a forced open: the last one that was given since it began. */
export function forceNote(history: History): string | undefined {
  const began = history.findLastIndex((fact) => isChange(fact) && fact.to === "forced_open");
  const forces = history
    .slice(Math.max(0, began))
    .filter((fact) => isChange(fact) || fact.kind === "force changed");
  return forces.findLast(({ note }) => note !== undefined)?.note;
}

/** The probes of the present half-open time that were neither settled nor told to have expired. */
export function unsettledProbes(history: History): readonly Admitted[] {
  if (committedState(history) !== "half_open") return [];
  const period = since(history, isChange);
  return period.filter(
    (fact): fact is Admitted =>
      fact.kind === "admitted" && fact.probe && !hasEnded(period, fact.call),
  );
}

function hasEnded(history: History, call: number): boolean {
  return history.some(
    (fact) => (fact.kind === "settled" || fact.kind === "lease ended") && fact.call === call,
  );
}

/** Whether the call was told to have lost its lease. */
export function lostItsLease(history: History, call: number): boolean {
  return history.some((fact) => fact.kind === "lease ended" && fact.call === call);
}

const isRefused = (fact: Fact): boolean => fact.kind === "refused";

export function skipsSinceOpened(history: History): number {
  if (incidentBegin(history) === null) return 0;
  return since(history, isOpening).filter(isRefused).length;
}

function incident(history: History): History {
  const begin = incidentBegin(history);
  return begin === null ? [] : history.slice(history.indexOf(begin));
}

export const skipsInIncident = (history: History): number =>
  incident(history).filter(isRefused).length;

export const probesInIncident = (history: History): number =>
  incident(history).filter((fact) => fact.kind === "admitted" && fact.probe).length;

/** Failed recoveries of the incident. */
export const reopens = (history: History): number =>
  incident(history).filter((fact) => isChange(fact) && fact.afterProbe).length;
