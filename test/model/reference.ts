import type { CircuitState, CountedAs } from "../../src/index.ts";
import {
  commitIdleSteps,
  cooldownRead,
  lookAside,
  tellProgress,
  tellRandom,
  tellShare,
} from "./aside.ts";
import { change, close, force, forceAgain, forcePermanently, trip } from "./changes.ts";
import { failuresInARow } from "./failures.ts";
import {
  type Admitted,
  dueMs,
  type Fact,
  generation,
  isVerdict,
  lostItsLease,
  type Moment,
  type Rules,
  skipsInIncident,
  skipsSinceOpened,
  unsettledProbes,
} from "./history.ts";
import type { Admission, Audience, Ending, Refused } from "./in-and-out.ts";
import { endLeases, lookAtHung } from "./passing-time.ts";
import { explainedByProbes, probeDecision, slotsLeft } from "./probes.ts";
import { probesInFlight, type Readings, readingsOf, retryAfterMs } from "./readings.ts";
import { trafficShare } from "./shares.ts";
import { Teller } from "./teller.ts";
import {
  askedAfter,
  explained,
  heard,
  hearsLatencies,
  lastReason,
  nearest,
  reachesLevel,
} from "./trips.ts";

/**
 * The breaker of contract.md, sections 1, 3 and 4, as a list of what happened. Written from the contract, to be
 * evidence of its own against the core: plain, slow, and without a shortcut.
 */
export class Reference {
  readonly #teller: Teller;
  readonly #begun: Moment;
  #calls = 0;

  constructor(rules: Rules, begun: Moment, audience: Audience) {
    this.#teller = new Teller(rules, audience, begun.nowMs);
    this.#begun = begun;
  }

  get rules(): Rules {
    return this.#teller.rules;
  }

  get history(): Fact[] {
    return this.#teller.history;
  }

  readings(nowMs: number): Readings {
    const { history, rules } = this;
    const cooldownMs = (sinceMs: number): number => cooldownRead(this.#teller, sinceMs);
    return readingsOf({ history, rules, begunMs: this.#begun.nowMs, cooldownMs }, nowMs);
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
    this.#commitTime(at);
    const state = this.committed;
    if (state === "open" || state === "forced_open") {
      const due = dueMs(this.history);
      if (due === null || at.nowMs < due) return null;
      const openMs = this.#teller.openMs(at);
      const left = change(this.#teller, at, { to: "half_open", why: "due" });
      this.#teller.tell(at, "circuit.half_open", { ...left, openMs, idleMs: at.nowMs - due });
    } else if (state === "half_open") {
      if (unsettledProbes(this.history).length >= slotsLeft(this.history, this.rules)) return null;
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

  /** The function of an admitted call begins. */
  started({ nowMs }: Moment, call: number): void {
    const admitted = this.#admitted(call);
    // A listener may have changed the state since; and a probe has its lease.
    if (admitted.probe || admitted.generation !== generation(this.history)) return;
    this.history.push({ kind: "started", call, nowMs });
  }

  #admitted(call: number): Admitted {
    const admitted = this.history.find(
      (fact): fact is Admitted => fact.kind === "admitted" && fact.call === call,
    );
    if (admitted === undefined) throw new Error(`No call ${call} was admitted`);
    return admitted;
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
    endLeases(this.#teller, at);
    lookAtHung(this.#teller, at);
    const admitted = this.#admitted(call);
    const started = this.history.some((fact) => fact.kind === "started" && fact.call === call);
    if (started) this.history.push({ kind: "ended", call });
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
      forcePermanently(this.#teller, at, thrown, false);
      return;
    }
    if (as === "success" && !hearsLatencies(this.rules)) return;
    const evidence = heard(this.history, this.rules, { ms: at.nowMs, after: false });
    const near = nearest(askedAfter(this.rules.trip, as !== "success"), evidence, at.nowMs);
    if (near !== null && near.ratio >= 1) {
      const told = { at, decidedMs: at.nowMs, last: lastReason(evidence) };
      const { reason, ...numbers } = explained(near, evidence, told);
      const decided = { ...numbers, ...this.#teller.error(thrown) };
      trip(this.#teller, at, { reason, asked: ending.retryAfterMs, decided });
      return;
    }
    if (near !== null && reachesLevel(before, verdict, near, this.rules)) {
      tellProgress(this.#teller, at, near, { evidence, context: ending.context });
    }
    if (as !== "success") tellShare(this.#teller, at, count);
  }

  #afterProbe(at: Moment, ending: Ending): void {
    const { as, permanent, retryAfterMs: asked, thrown } = ending;
    this.#tellProbe(at, as, ending);
    if (permanent) {
      forcePermanently(this.#teller, at, thrown, true);
      return;
    }
    const decision = probeDecision(this.history, this.rules);
    if (decision === "close") close(this.#teller, at, "probe");
    if (decision !== "open") return;
    const { reason, ...numbers } = explainedByProbes(this.history, this.rules, at);
    const decided = { ...numbers, ...this.#teller.error(thrown) };
    trip(this.#teller, at, { reason, asked, decided });
  }

  #tellProbe(at: Moment, outcome: CountedAs | "expired", of: Partial<Ending>): void {
    const fields = { outcome, latencyMs: of.latencyMs ?? null };
    const running = probesInFlight(this.history, this.rules.leaseMs, at.nowMs);
    this.#teller.tell(at, "circuit.probe", { ...fields, probesInFlight: running }, of.context);
  }

  // Control

  /** Nothing but what time brought about. */
  catchUp(at: Moment): void {
    this.#commitTime(at);
    this.#teller.audience.deliver();
  }

  #commitTime(at: Moment): void {
    endLeases(this.#teller, at);
    lookAtHung(this.#teller, at);
    commitIdleSteps(this.#teller, at);
  }

  forceOpen(at: Moment, note: string | undefined, forMs: number | null): void {
    this.#commitTime(at);
    if (this.committed === "forced_open") {
      forceAgain(this.#teller, at, { note, forMs });
    } else
      force(this.#teller, at, note === undefined ? {} : { note }, { forMs, afterProbe: false });
    this.#teller.audience.deliver();
  }

  reset(at: Moment, note?: string): void {
    this.#commitTime(at);
    if (this.committed === "closed" || this.committed === "disabled") {
      this.history.push({ kind: "cleared" });
    } else close(this.#teller, at, "reset", note);
    this.#teller.audience.deliver();
  }

  disable(at: Moment): void {
    if (this.committed === "disabled") return;
    this.#commitTime(at);
    if (this.committed !== "closed") close(this.#teller, at, "disabled");
    const left = change(this.#teller, at, { to: "disabled", why: "disabled" });
    this.#teller.tell(at, "circuit.disable", left);
    this.#teller.audience.deliver();
  }

  enable(at: Moment): void {
    if (this.committed !== "disabled") return;
    this.#commitTime(at);
    const left = change(this.#teller, at, { to: "closed", why: "enabled" });
    this.#teller.tell(at, "circuit.enable", left);
    this.#teller.audience.deliver();
  }
}
