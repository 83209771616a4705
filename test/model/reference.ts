import type { CircuitState, CountedAs } from "../../src/index.ts";
import {
  commitIdleSteps,
  cooldownNow,
  lookAside,
  tellProgress,
  tellRandom,
  tellShare,
} from "./aside.ts";
import { failuresInARow } from "./failures.ts";
import {
  type Admitted,
  type Change,
  dueMs,
  type Fact,
  generation,
  incidentBegin,
  isChange,
  isVerdict,
  lostItsLease,
  type Moment,
  probeSuccesses,
  probesInIncident,
  type Rules,
  reopens,
  skipsInIncident,
  skipsSinceOpened,
  unsettledProbes,
} from "./history.ts";
import type { Admission, Audience, Ending, Refused } from "./in-and-out.ts";
import { probesInFlight, type Readings, readingsOf, retryAfterMs } from "./readings.ts";
import { trafficShare } from "./shares.ts";
import { Teller } from "./teller.ts";
import { askedAfter, explained, heard, hearsLatencies, nearest, reachesLevel } from "./trips.ts";

/**
 * The breaker of contract.md, sections 1, 3 and 4, as a list of what happened. Written from the contract, to be
 * evidence of its own against the core: plain, slow, and without a shortcut.
 */
export class Reference {
  readonly #teller: Teller;
  readonly #begun: Moment;
  #calls = 0;

  constructor(rules: Rules, begun: Moment, audience: Audience) {
    this.#teller = new Teller(rules, audience);
    this.#begun = begun;
  }

  get rules(): Rules {
    return this.#teller.rules;
  }

  get history(): Fact[] {
    return this.#teller.history;
  }

  readings(nowMs: number): Readings {
    return readingsOf(this.history, this.rules, this.#begun.nowMs, nowMs);
  }

  get committed(): CircuitState {
    return this.#teller.committed;
  }

  get consecutiveFailures(): number {
    return this.#teller.consecutiveFailures;
  }

  // Admission

  /** `chance` is what the breaker's random source answers, if it is asked. */
  admit(at: Moment, chance: number, context?: object): Admission {
    const permit = this.#tryAdmit(at, chance);
    const admission = permit ?? this.#refuse(at, context);
    this.#teller.audience.deliver();
    return admission;
  }

  /** The number of the permit of a record; null without one, and nothing is refused. No share keeps a record out. */
  admitRecord(at: Moment): number | null {
    return this.#tryAdmit(at, null);
  }

  #tryAdmit(at: Moment, chance: number | null): number | null {
    this.#endLeases(at);
    commitIdleSteps(this.#teller, at);
    const state = this.committed;
    if (state === "open" || state === "forced_open") {
      const due = dueMs(this.history);
      if (due === null || at.nowMs < due) return null;
      const openMs = this.#teller.openMs(at);
      const left = this.#change(at, { to: "half_open", why: "due" });
      this.#teller.tell(at, "circuit.half_open", { ...left, openMs, idleMs: at.nowMs - due });
    } else if (state === "half_open") {
      if (unsettledProbes(this.history).length >= this.rules.maxProbes) return null;
    } else if (state === "closed" && chance !== null) {
      const { share } = trafficShare(this.history, this.rules, at.nowMs);
      if (share < 1) {
        this.#teller.audience.draws();
        tellRandom(this.#teller, at);
        if (chance >= share) return null;
      }
    }
    const call = ++this.#calls;
    const probe = this.committed === "half_open";
    this.history.push({
      kind: "admitted",
      ...at,
      call,
      probe,
      generation: generation(this.history),
    });
    return call;
  }

  #refuse(at: Moment, context?: object): Refused {
    const state = this.committed;
    if (state === "disabled") throw new Error("The reference refused a call while disabled");
    const shaped = trafficShare(this.history, this.rules, at.nowMs);
    const reason = state === "closed" ? shaped.reason : state;
    this.history.push({ kind: "refused", reason });
    const facts = {
      openMs: this.#teller.openMs(at),
      skipsSinceOpened: skipsSinceOpened(this.history),
      retryAfterMs: retryAfterMs(this.history, this.rules, at.nowMs),
      reason,
    };
    this.#teller.tell(
      at,
      "circuit.skip",
      { ...facts, skipsInIncident: skipsInIncident(this.history) },
      context,
    );
    const cause = failuresInARow(this.history, this.rules).run.at(-1)?.thrown?.value;
    return { ...facts, state, incident: this.#teller.incident(), cause };
  }

  // Settlement

  settle(at: Moment, call: number, ending: Ending): CountedAs {
    const countedAs = this.#settle(at, call, ending);
    this.#teller.audience.deliver();
    return countedAs;
  }

  #settle(at: Moment, call: number, ending: Ending): CountedAs {
    if (ending.callbackFailed !== null) {
      this.#teller.tell(at, "circuit.callback_failed", {
        callback: "classify",
        error: ending.callbackFailed,
      });
    }
    this.#endLeases(at);
    const admitted = this.history.find(
      (fact): fact is Admitted => fact.kind === "admitted" && fact.call === call,
    );
    if (admitted === undefined) throw new Error(`No call ${call} was admitted`);
    const lost = lostItsLease(this.history, call);
    if (lost || admitted.generation !== generation(this.history)) {
      this.#settleLate(at, call, ending);
      if (admitted.probe && !lost) this.#tellProbe(at, "late", ending);
      return "late";
    }
    commitIdleSteps(this.#teller, at);
    const before = [...this.history];
    this.#record(at, call, ending);
    if (this.committed === "closed") this.#afterClosed(at, ending, before);
    else if (this.committed === "half_open") this.#afterProbe(at, ending);
    else if (this.committed === "disabled") {
      lookAside(this.#teller, at, ending, "own");
      lookAside(this.#teller, at, ending, "shadow");
    }
    return ending.as;
  }

  /** A result that never had a permit: of a record without a free slot. */
  settleUnadmitted(at: Moment, ending: Ending): void {
    this.#settleLate(at, null, ending);
    this.#teller.audience.deliver();
  }

  /** A call whose caller cancelled it before it was admitted. */
  cancelledBefore(at: Moment, ending: Ending): void {
    this.#record(at, null, ending);
    this.#teller.audience.deliver();
  }

  #settleLate(at: Moment, call: number | null, ending: Ending): void {
    const { thrown, latencyMs, context } = ending;
    const during = this.committed;
    this.history.push({ kind: "settled", ...at, call, as: "late", during, latencyMs, thrown });
    this.#teller.tell(at, "circuit.late", { countedAs: ending.as, latencyMs }, context);
  }

  #record(at: Moment, call: number | null, ending: Ending): void {
    const { as, thrown, latencyMs, context } = ending;
    const during = this.committed;
    this.history.push({ kind: "settled", ...at, call, as, during, latencyMs, thrown });
    if (as === "success") {
      const count = this.committed === "closed" ? this.consecutiveFailures : 0;
      const left = count === 0 ? {} : { consecutiveFailures: count };
      this.#teller.tell(at, "circuit.success", { latencyMs, ...left }, context);
    } else if (as === "error" || as === "latency") {
      const fields = {
        reason: as,
        ...this.#teller.distance(),
        latencyMs,
        ...this.#teller.error(thrown),
      };
      this.#teller.tell(at, "circuit.failure", fields, context);
    } else this.#teller.tell(at, "circuit.ignored", { countedAs: as, latencyMs }, context);
  }

  /** `before` is what had happened before this result. */
  #afterClosed(at: Moment, ending: Ending, before: readonly Fact[]): void {
    const { as, permanent, thrown } = ending;
    const verdict = this.history.at(-1);
    if (verdict === undefined || !isVerdict(verdict)) return;
    const { count } = failuresInARow(before, this.rules);
    lookAside(this.#teller, at, ending, "shadow");
    // A success calms before the rules are asked; a failure changes the share only when nothing tripped.
    if (as === "success") tellShare(this.#teller, at, count);
    else if (permanent) {
      this.#forcePermanently(at, thrown, false);
      return;
    }
    if (as === "success" && !hearsLatencies(this.rules)) return;
    const evidence = heard(this.history, this.rules);
    const near = nearest(askedAfter(this.rules.trip, as !== "success"), evidence, at.nowMs);
    if (near !== null && near.ratio >= 1) {
      const { reason, ...decided } = explained(near, evidence, at);
      const told = { ...decided, ...this.#teller.error(thrown) };
      this.#trip(at, reason, ending.retryAfterMs, told);
      return;
    }
    if (near !== null && reachesLevel(before, verdict, near, this.rules)) {
      tellProgress(this.#teller, at, near, ending.context);
    }
    if (as !== "success") tellShare(this.#teller, at, count);
  }

  #afterProbe(at: Moment, ending: Ending): void {
    const { as, permanent, retryAfterMs: asked, thrown } = ending;
    this.#tellProbe(at, as, ending);
    if (as === "success") {
      if (probeSuccesses(this.history) >= this.rules.successThreshold) this.#close(at, "probe");
    } else if (as === "error" || as === "latency") {
      if (permanent) this.#forcePermanently(at, thrown, true);
      else {
        this.#trip(at, as, asked, {
          rule: "probe",
          failuresByReason: { error: 0, latency: 0, [as]: 1 },
          window: { calls: 1, failures: 1 },
          threshold: 1,
          firstFailureAtMs: at.wallMs,
          detectMs: 0,
          ...this.#teller.error(thrown),
        });
      }
    }
  }

  #tellProbe(at: Moment, outcome: CountedAs | "expired", of: Partial<Ending>): void {
    const fields = { outcome, latencyMs: of.latencyMs ?? null };
    const inFlight = probesInFlight(this.history, this.rules.leaseMs, at.nowMs);
    this.#teller.tell(at, "circuit.probe", { ...fields, probesInFlight: inFlight }, of.context);
  }

  /** What time alone brought about is committed at the next step: each lost lease in turn. */
  #endLeases(at: Moment): void {
    const probes = unsettledProbes(this.history);
    for (const { call, nowMs } of probes) {
      if (at.nowMs < nowMs + this.rules.leaseMs) continue;
      this.history.push({ kind: "lease ended", call });
      // The others whose lease is over are told after this one, so they still count here.
      const fields = { outcome: "expired", latencyMs: null };
      const left = unsettledProbes(this.history).length;
      this.#teller.tell(at, "circuit.probe", { ...fields, probesInFlight: left });
    }
  }

  // Changes

  #trip(at: Moment, reason: "error" | "latency", asked: number | null, decided: object): void {
    const from = this.committed;
    const why = from === "half_open" ? "probe failed" : "trip";
    this.#nameIncident(at);
    const cooldownMs = asked ?? cooldownNow(this.#teller, at);
    const dueMs = at.nowMs + cooldownMs;
    const afterProbe = from === "half_open";
    const left = this.#change(at, { to: "open", why, reason, dueMs, afterProbe });
    this.#tellOpen(at, cooldownMs, { ...left, reason, ...decided });
  }

  #forcePermanently(at: Moment, thrown: Ending["thrown"], afterProbe: boolean): void {
    this.#force(at, { note: "permanent failure", ...this.#teller.error(thrown) }, null, afterProbe);
  }

  #force(at: Moment, told: object, forMs: number | null, afterProbe: boolean): void {
    const dueMs = forMs === null ? null : at.nowMs + forMs;
    this.#nameIncident(at);
    const left = this.#change(at, { to: "forced_open", why: "forced", dueMs, afterProbe });
    this.#tellOpen(at, forMs, {
      ...left,
      reason: "forced",
      rule: null,
      failuresByReason: { error: 0, latency: 0 },
      window: null,
      threshold: null,
      firstFailureAtMs: null,
      detectMs: null,
      ...told,
    });
  }

  /** A new incident takes its id from `random`, while the state is still what it was. */
  #nameIncident(at: Moment): void {
    if (incidentBegin(this.history) === null) tellRandom(this.#teller, at);
  }

  #tellOpen(at: Moment, cooldownMs: number | null, fields: object): void {
    this.#teller.tell(at, "circuit.open", {
      ...fields,
      consecutiveFailures: this.consecutiveFailures,
      cooldownMs,
      retryAtMs: cooldownMs === null ? null : at.wallMs + cooldownMs,
      reopens: reopens(this.history),
    });
  }

  #close(at: Moment, reason: string, note?: string): void {
    const begin = incidentBegin(this.history);
    if (begin === null) throw new Error("The reference closed without an incident");
    const fields = {
      reason,
      ...(note === undefined ? {} : { note }),
      mttrMs: at.nowMs - begin.nowMs,
      openMs: this.#teller.openMs(at),
      skipsSinceOpened: skipsSinceOpened(this.history),
      skipsInIncident: skipsInIncident(this.history),
      probes: probesInIncident(this.history),
      reopens: reopens(this.history),
      incidentId: this.#teller.incident(),
    };
    const why = reason === "probe" ? "recovered" : "closed";
    const left = this.#change(at, { to: "closed", why });
    this.#teller.tell(at, "circuit.close", { ...left, ...fields });
  }

  #change(
    at: Moment,
    change: Pick<Change, "to" | "why"> & Partial<Pick<Change, "reason" | "dueMs" | "afterProbe">>,
  ): { readonly from: CircuitState; readonly spentMs: number } {
    const from = this.committed;
    const begun = this.history.findLast(isChange) ?? this.#begun;
    this.history.push({ kind: "change", ...at, from, dueMs: null, afterProbe: false, ...change });
    return { from, spentMs: at.nowMs - begun.nowMs };
  }

  // Control

  forceOpen(at: Moment, note: string | undefined, forMs: number | null): void {
    this.#endLeases(at);
    commitIdleSteps(this.#teller, at);
    if (this.committed === "forced_open") {
      this.history.push({ kind: "end moved", dueMs: forMs === null ? null : at.nowMs + forMs });
    } else this.#force(at, note === undefined ? {} : { note }, forMs, false);
    this.#teller.audience.deliver();
  }

  reset(at: Moment, note?: string): void {
    this.#endLeases(at);
    commitIdleSteps(this.#teller, at);
    if (this.committed === "closed" || this.committed === "disabled") {
      this.history.push({ kind: "cleared" });
    } else this.#close(at, "reset", note);
    this.#teller.audience.deliver();
  }

  disable(at: Moment): void {
    if (this.committed === "disabled") return;
    this.#endLeases(at);
    commitIdleSteps(this.#teller, at);
    if (this.committed !== "closed") this.#close(at, "disabled");
    const left = this.#change(at, { to: "disabled", why: "disabled" });
    this.#teller.tell(at, "circuit.disable", left);
    this.#teller.audience.deliver();
  }

  enable(at: Moment): void {
    if (this.committed !== "disabled") return;
    const left = this.#change(at, { to: "closed", why: "enabled" });
    this.#teller.tell(at, "circuit.enable", left);
    this.#teller.audience.deliver();
  }
}
