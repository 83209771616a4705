import type { BreakerStats, TelltaleEvent } from "../../src/index.ts";
import { lastFailure } from "./failures.ts";
import type { Guarded } from "./guarded.ts";
import {
  type Admitted,
  dueMs,
  forceNote,
  generation,
  type History,
  incidentBegin,
  isFailure,
  lostItsLease,
  type Moment,
  unsettledProbes,
} from "./history.ts";
import type { Admission } from "./in-and-out.ts";
import { CLASSIFIER_ERROR } from "./judgement.ts";
import type { CallPlan, ControlPlan, Setup } from "./plans.ts";
import type { Rare, Reach } from "./reach.ts";
import { LEGAL_PAIRS } from "./readings.ts";
import { cooldownOf } from "./rule-plans.ts";
import type { ThrowableName } from "./thrown.ts";

/** How a call is about to be settled. */
interface End {
  readonly as: string;
  readonly permanent: boolean;
  readonly latencyMs: number | null;
}

/** Notes which rare things a run comes to. It decides nothing. */
export class Sightings {
  readonly #reach: Reach;
  readonly #setup: Setup;
  /** Incidents by id, with the reason that they began with. */
  readonly #begun = new Map<string, string>();

  constructor(reach: Reach, setup: Setup) {
    this.#reach = reach;
    this.#setup = setup;
  }

  /** The reference has answered an admission. */
  sawAdmission({ reference }: Guarded, admission: Admission, at: Moment): void {
    const { history } = reference;
    if (typeof admission === "number") {
      const wasDueMs = dueMs(history.slice(0, -2));
      if (history.at(-2)?.kind === "change" && wasDueMs === at.nowMs) {
        this.#hit("admitted exactly at the end of the cooldown");
      }
      if (unsettledProbes(history).length > 1) this.#hit("several probes at once");
    } else if (admission.reason === "half_open") {
      this.#hit("probe slots full");
      if (unsettledProbes(history).length < this.#setup.maxProbes) {
        this.#hit("probe slots held back by the rate");
      }
    } else if (dueMs(history) === at.nowMs + 1) {
      this.#hit("refused one before the end of the cooldown");
    }
  }

  /** The reference is about to take a result. */
  sawSettlement({ reference }: Guarded, call: number, at: Moment, end: End): void {
    const { history, committed } = reference;
    const admitted = history.find(
      (fact): fact is Admitted => fact.kind === "admitted" && fact.call === call,
    );
    if (admitted === undefined) return;
    const lost = lostItsLease(history, call);
    const { latencyMs } = end;
    if (latencyMs !== null && this.#setup.latencyTripMs !== null) {
      const aboveMs = latencyMs - this.#setup.latencyTripMs;
      if (aboveMs === 0) this.#hit("latency exactly at the limit");
      if (aboveMs === 1) this.#hit("latency one above the limit");
    }
    if (admitted.generation !== generation(history)) {
      this.#hit("late by generation");
      if (!admitted.probe || lost) return;
      this.#hit("orphaned probe settled");
      if (unsettledProbes(history).length > 0) {
        this.#hit("orphaned probe settled while another probe runs");
      }
      return;
    }
    if (end.permanent && committed === "closed") this.#hit("permanent while closed");
    if (end.permanent && committed === "disabled") this.#hit("permanent while disabled");
    if (!admitted.probe) return;
    const leftMs = admitted.nowMs + this.#setup.leaseMs - at.nowMs;
    if (leftMs === 0) this.#hit("result exactly at the end of its lease");
    if (leftMs === 1) this.#hit("result one before the end of its lease");
    if (lost || leftMs <= 0) this.#hit("late by lease");
    else if (end.permanent) this.#hit("permanent probe");
    else if (end.as === "latency") this.#hit("probe failed by latency");
    else if (end.as === "ignored" || end.as === "cancelled" || end.as === "unreached") {
      this.#hit(`probe ${end.as}`);
    }
  }

  /** A guarded call is about to end. */
  sawEnd(
    _guarded: Guarded,
    _plan: CallPlan,
    {
      threw,
      aborted,
      expired,
      as,
    }: End & { threw: ThrowableName | null; aborted: boolean; expired: boolean },
  ): void {
    if (threw === "inner") this.#hit("inner refusal");
    if (threw === "undefined") this.#hit("undefined thrown");
    if (threw === "hostile") this.#hit("unreadable value thrown");
    if (aborted && as === "cancelled") this.#hit("cancelled during");
    if (expired && threw !== "timeout" && as === "latency") this.#hit("expired during");
    if (aborted && threw === "timeout" && as === "latency") this.#hit("timeout beats cancellation");
  }

  /** A record was given a permit, or none. */
  sawRecord({ reference }: Guarded, number: number | null): void {
    if (number === null) this.#hit("late record");
    else if (reference.committed === "half_open") this.#hit("record as probe");
  }

  /** A control call is about to be made. */
  sawControl({ reference }: Guarded, plan: ControlPlan): void {
    const { committed, history } = reference;
    if (plan.do === "force open") {
      this.#hit(plan.forMs === null ? "forced without end" : "forced with end");
      if (committed !== "forced_open") return;
      this.#hit("forced again");
      if (plan.forMs !== dueMs(history)) this.#hit("forced end shortened or lengthened");
      if (plan.note !== (forceNote(history) !== undefined)) this.#hit("forced for another reason");
    }
    if (plan.do === "reset" && committed === "closed") this.#hit("reset while closed");
    if (plan.do === "reset" && committed === "disabled") this.#hit("reset while disabled");
    if (plan.do === "disable" && incidentBegin(history) !== null) {
      this.#hit("disable inside an incident");
    }
  }

  sawWallClockSet({ reference }: Guarded, byMs: number): void {
    if (byMs < 0 && incidentBegin(reference.history) !== null) {
      this.#hit("wall clock back inside an incident");
    }
  }

  /** A step is over. */
  sawStats({ reference, breaker }: Guarded, before: BreakerStats, after: BreakerStats): void {
    const { committed } = reference;
    this.#hit(`state ${committed}`);
    if (breaker.state === "half_open" && (committed === "open" || committed === "forced_open")) {
      this.#hit(`effective half_open while committed ${committed}`);
    }
    for (const pair of LEGAL_PAIRS) {
      const more = after.transitions[pair] - before.transitions[pair];
      if (more > 0) this.#reach.hit(`transition ${pair}`, more);
    }
    const expired = after.probes.expired - before.probes.expired;
    if (expired > 0) this.#reach.hit("lease expired", expired);
    if (expired > 1) this.#hit("several leases expired in one step");
  }

  /** A listener of `guarded`, or of the whole bus, was given an event. */
  sawEvent(event: TelltaleEvent, { name, reference }: Guarded): void {
    if (!("breaker" in event)) return;
    if (event.breaker !== name) this.#hit("event of another breaker on the bus");
    switch (event.type) {
      case "circuit.success":
      case "circuit.failure":
      case "circuit.late":
        if (event.latencyMs === null) this.#hit("latency null told");
        if (event.type !== "circuit.failure" || event.state !== "closed") return;
        if (event.consecutiveFailures === 1 && (event.failureThreshold ?? 0) > 11) {
          this.#hit("progress level not reached");
        }
        return;
      case "circuit.degrade":
        this.#hit(event.to < event.from ? "share fell" : "share rose");
        return;
      case "circuit.progress":
        if (event.rule !== "consecutive") this.#hit("progress of a rate");
        if (reference.history.at(-1)?.kind === "looked") this.#hit("progress by calls that hang");
        if (event.failureThreshold === null) this.#hit("no rule counts failures in a row");
        if ((event.failureThreshold ?? 0) > 11) this.#hit("progress by tenths");
        return;
      case "circuit.callback_failed":
        if (event.callback === "random") this.#hit("random failed");
        else if (event.callback === "cooldownMs") this.#hit("cooldown function failed");
        else if (event.error.message === CLASSIFIER_ERROR.message) this.#hit("classifier threw");
        else this.#hit("classifier answered nonsense");
        return;
      case "circuit.open": {
        const { incidentId = "", reason } = event;
        if (!this.#begun.has(incidentId)) this.#begun.set(incidentId, reason);
        if (event.rule === "consecutive") this.#sawTrip(event, reference.history);
        if (event.rule === "probeFailureRate") this.#sawProbeRate(event.window ?? {});
        if (event.cooldownMs === 0) this.#hit("cooldown 0");
        if (event.rule !== null && this.#isAsked(event.cooldownMs ?? 0)) {
          this.#hit("cooldown from the classifier");
          if (event.cooldownMs === 0) this.#hit("cooldown 0 from the classifier");
        }
        return;
      }
      case "circuit.close":
        if (event.reopens > 1) this.#hit("incident with several reopens");
        if (event.reason !== "probe") return;
        if (this.#setup.probeRate !== null) {
          this.#hit("probe rate closed");
          if (failedProbes(reference.history) > 0) {
            this.#hit("probe rate closed in spite of failures");
          }
        }
        if (this.#setup.successThreshold > 1) this.#hit("several successes needed to close");
        if (this.#begun.get(event.incidentId ?? "") === "forced") {
          this.#hit("incident begun by force, ended by probe");
        }
    }
  }

  #sawProbeRate({ calls = 0, minimumCalls = 0 }: Readonly<Record<string, number>>): void {
    this.#hit("probe rate opened");
    if (calls < minimumCalls) this.#hit("probe rate opened before the last probe");
  }

  /** No cooldown function of the model answers less than this. */
  #isAsked(cooldownMs: number): boolean {
    const { cooldown, cooldownMs: given } = this.#setup;
    return cooldown === "fixed" ? cooldownMs !== given : cooldownMs < cooldownOf.grows(1);
  }

  #sawTrip(
    { reason, failuresByReason }: Extract<TelltaleEvent, { type: "circuit.open" }>,
    history: Guarded["reference"]["history"],
  ): void {
    if (reason === "error" || reason === "latency") this.#hit(`trip by ${reason}`);
    if (failuresByReason.error === failuresByReason.latency) this.#hit("trip on a tie of reasons");
    else if (lastFailure(history)?.as !== reason) {
      this.#hit("trip decided against its last reason");
    }
  }

  #hit(rare: Rare): void {
    this.#reach.hit(rare);
  }
}

/** Probes that failed in the half-open time that ended last. */
function failedProbes(history: History): number {
  const from = history.findLastIndex((fact) => fact.kind === "change" && fact.to === "half_open");
  return history.slice(from + 1).filter((fact) => isFailure(fact) && fact.during === "half_open")
    .length;
}
