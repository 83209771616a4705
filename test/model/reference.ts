import type { CircuitEventType, CircuitState, CountedAs } from "../../src/index.ts";
import {
  type Admitted,
  type Change,
  committedState,
  dueMs,
  type Fact,
  failuresInARow,
  generation,
  incidentBegin,
  incidentNumber,
  lastOpening,
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
import { describedAs } from "./thrown.ts";

/**
 * The breaker of contract.md, sections 1, 3 and 4, as a list of what happened. Written from the contract, to be
 * evidence of its own against the core: plain, slow, and without a shortcut.
 */
export class Reference {
  readonly rules: Rules;
  readonly history: Fact[] = [];
  readonly #begun: Moment;
  readonly #audience: Audience;
  #told = 0;
  #calls = 0;

  constructor(rules: Rules, begun: Moment, audience: Audience) {
    this.rules = rules;
    this.#begun = begun;
    this.#audience = audience;
  }

  readings(nowMs: number): Readings {
    return readingsOf(this.history, this.rules, this.#begun.nowMs, nowMs);
  }

  get committed(): CircuitState {
    return committedState(this.history);
  }

  get consecutiveFailures(): number {
    return failuresInARow(this.history).length;
  }

  // Admission

  admit(at: Moment, context?: object): Admission {
    return this.tryAdmit(at) ?? this.#refuse(at, context);
  }

  /** The number of the permit, or null: then nothing was refused yet. */
  tryAdmit(at: Moment): number | null {
    this.#endLeases(at);
    const state = this.committed;
    if (state === "open" || state === "forced_open") {
      const due = dueMs(this.history);
      if (due === null || at.nowMs < due) return null;
      const openMs = this.#openMs(at);
      this.#change(at, { to: "half_open", why: "due" });
      this.#tell(at, "circuit.half_open", { from: state, openMs, idleMs: at.nowMs - due });
    } else if (state === "half_open") {
      if (unsettledProbes(this.history).length >= this.rules.maxProbes) return null;
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
    const reason = this.committed;
    if (reason !== "open" && reason !== "half_open" && reason !== "forced_open") {
      throw new Error(`The reference refused a call while ${reason}`);
    }
    this.history.push({ kind: "refused", reason });
    const facts = {
      openMs: this.#openMs(at),
      skipsSinceOpened: skipsSinceOpened(this.history),
      retryAfterMs: retryAfterMs(this.history, this.rules, at.nowMs),
      reason,
    };
    this.#tell(
      at,
      "circuit.skip",
      { ...facts, skipsInIncident: skipsInIncident(this.history) },
      context,
    );
    const cause = failuresInARow(this.history).at(-1)?.thrown?.value;
    return { ...facts, state: reason, incident: this.#incident(), cause };
  }

  // Settlement

  settle(at: Moment, call: number, ending: Ending): CountedAs {
    if (ending.callbackFailed !== null) {
      this.#tell(at, "circuit.callback_failed", {
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
    this.#record(at, call, ending);
    if (this.committed === "closed") this.#afterClosed(at, ending);
    else if (this.committed === "half_open") this.#afterProbe(at, ending);
    return ending.as;
  }

  /** A result that never had a permit: of a record without a free slot. */
  settleUnadmitted(at: Moment, ending: Ending): void {
    this.#settleLate(at, null, ending);
  }

  /** A call whose caller cancelled it before it was admitted. */
  cancelledBefore(at: Moment, ending: Ending): void {
    this.#record(at, null, ending);
  }

  #settleLate(at: Moment, call: number | null, ending: Ending): void {
    const { thrown, latencyMs, context } = ending;
    const during = this.committed;
    this.history.push({ kind: "settled", ...at, call, as: "late", during, thrown });
    this.#tell(at, "circuit.late", { countedAs: ending.as, latencyMs }, context);
  }

  #record(at: Moment, call: number | null, ending: Ending): void {
    const { as, thrown, latencyMs, context } = ending;
    this.history.push({ kind: "settled", ...at, call, as, during: this.committed, thrown });
    if (as === "success") this.#tell(at, "circuit.success", { latencyMs }, context);
    else if (as === "error" || as === "latency") {
      const fields = { reason: as, ...this.#distance(), latencyMs, ...this.#error(thrown) };
      this.#tell(at, "circuit.failure", fields, context);
    } else this.#tell(at, "circuit.ignored", { countedAs: as, latencyMs }, context);
  }

  #afterClosed(at: Moment, { as, permanent, retryAfterMs: asked, thrown, context }: Ending): void {
    if (as !== "error" && as !== "latency") return;
    const failures = failuresInARow(this.history);
    const { failureThreshold: n } = this.rules;
    const count = failures.length;
    if (permanent) this.#forcePermanently(at, thrown, false);
    else if (count >= n) {
      const byReason = {
        error: failures.filter((failure) => failure.as === "error").length,
        latency: failures.filter((failure) => failure.as === "latency").length,
      };
      const majority = byReason.error > byReason.latency ? "error" : "latency";
      const reason = byReason.error === byReason.latency ? as : majority;
      this.#trip(at, reason, asked, {
        rule: "consecutive",
        failuresByReason: byReason,
        window: { calls: count, failures: count },
        threshold: n,
        firstFailureAtMs: failures[0]?.wallMs,
        detectMs: at.nowMs - (failures[0]?.nowMs ?? Number.NaN),
        ...this.#error(thrown),
      });
    } else if (reachesLevel(count, n)) {
      const fields = { ratio: count / n, failuresToTrip: n - count, rule: "consecutive" };
      this.#tell(at, "circuit.progress", { ...fields, ...this.#distance() }, context);
    }
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
          ...this.#error(thrown),
        });
      }
    }
  }

  #tellProbe(at: Moment, outcome: CountedAs | "expired", of: Partial<Ending>): void {
    const fields = { outcome, latencyMs: of.latencyMs ?? null };
    const inFlight = probesInFlight(this.history, this.rules.leaseMs, at.nowMs);
    this.#tell(at, "circuit.probe", { ...fields, probesInFlight: inFlight }, of.context);
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
      this.#tell(at, "circuit.probe", { ...fields, probesInFlight: left });
    }
  }

  // Changes

  #trip(at: Moment, reason: "error" | "latency", asked: number | null, decided: object): void {
    const cooldownMs = asked ?? this.rules.cooldownMs;
    const from = this.committed;
    const why = from === "half_open" ? "probe failed" : "trip";
    const dueMs = at.nowMs + cooldownMs;
    this.#nameIncident(at);
    this.#change(at, { to: "open", why, reason, dueMs, afterProbe: from === "half_open" });
    this.#tellOpen(at, cooldownMs, { from, reason, ...decided });
  }

  #forcePermanently(at: Moment, thrown: Ending["thrown"], afterProbe: boolean): void {
    this.#force(at, { note: "permanent failure", ...this.#error(thrown) }, null, afterProbe);
  }

  #force(at: Moment, told: object, forMs: number | null, afterProbe: boolean): void {
    const from = this.committed;
    const dueMs = forMs === null ? null : at.nowMs + forMs;
    this.#nameIncident(at);
    this.#change(at, { to: "forced_open", why: "forced", dueMs, afterProbe });
    this.#tellOpen(at, forMs, {
      from,
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
    const { randomFails } = this.rules;
    if (incidentBegin(this.history) !== null || randomFails === null) return;
    this.#tell(at, "circuit.callback_failed", { callback: "random", error: randomFails });
  }

  #tellOpen(at: Moment, cooldownMs: number | null, fields: object): void {
    this.#tell(at, "circuit.open", {
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
      from: this.committed,
      reason,
      ...(note === undefined ? {} : { note }),
      mttrMs: at.nowMs - begin.nowMs,
      openMs: this.#openMs(at),
      skipsSinceOpened: skipsSinceOpened(this.history),
      skipsInIncident: skipsInIncident(this.history),
      probes: probesInIncident(this.history),
      reopens: reopens(this.history),
      incidentId: this.#incident(),
    };
    this.#change(at, { to: "closed", why: "closed" });
    this.#tell(at, "circuit.close", fields);
  }

  #change(
    at: Moment,
    change: Pick<Change, "to" | "why"> & Partial<Pick<Change, "reason" | "dueMs" | "afterProbe">>,
  ): void {
    const from = this.committed;
    this.history.push({ kind: "change", ...at, from, dueMs: null, afterProbe: false, ...change });
  }

  // Control

  forceOpen(at: Moment, note: string | undefined, forMs: number | null): void {
    this.#endLeases(at);
    if (this.committed === "forced_open") {
      this.history.push({ kind: "end moved", dueMs: forMs === null ? null : at.nowMs + forMs });
    } else this.#force(at, note === undefined ? {} : { note }, forMs, false);
  }

  reset(at: Moment, note?: string): void {
    this.#endLeases(at);
    if (this.committed === "closed" || this.committed === "disabled") {
      this.history.push({ kind: "cleared" });
    } else this.#close(at, "reset", note);
  }

  disable(at: Moment): void {
    if (this.committed === "disabled") return;
    this.#endLeases(at);
    if (this.committed !== "closed") this.#close(at, "disabled");
    this.#change(at, { to: "disabled", why: "disabled" });
    this.#tell(at, "circuit.disable", { from: "closed" });
  }

  enable(at: Moment): void {
    if (this.committed !== "disabled") return;
    this.#change(at, { to: "closed", why: "enabled" });
    this.#tell(at, "circuit.enable", { from: "disabled" });
  }

  // Telling

  #tell(at: Moment, type: CircuitEventType, fields: object, context?: object): void {
    if (!this.#audience.hears(type)) return;
    this.#told++;
    const incidentId = this.#incident();
    this.#audience.tell({
      type,
      v: 1,
      seq: this.#told,
      ...this.rules.envelope,
      atMs: at.wallMs,
      generation: generation(this.history),
      state: this.committed,
      ...(context === undefined ? {} : { context }),
      ...(incidentId === undefined ? {} : { incidentId }),
      ...fields,
    });
  }

  #incident(): string | undefined {
    const number = incidentNumber(this.history);
    return number === null ? undefined : `incident ${number}`;
  }

  #openMs(at: Moment): number {
    const opening = lastOpening(this.history);
    return opening === null ? 0 : at.nowMs - opening.nowMs;
  }

  #distance() {
    const { failureThreshold } = this.rules;
    return { consecutiveFailures: this.consecutiveFailures, failureThreshold };
  }

  #error(thrown: Ending["thrown"]) {
    return thrown === null ? {} : { error: describedAs(thrown.value) };
  }
}

/** Whether failure number `count` is the first to reach a level: each k/n up to 10, else tenths and the last two. */
function reachesLevel(count: number, n: number): boolean {
  if (n <= 10 || count === n - 2 || count === n - 1) return true;
  const tenths = [1, 2, 3, 4, 5, 6, 7, 8, 9];
  return tenths.some((tenth) => 10 * count >= tenth * n && 10 * (count - 1) < tenth * n);
}
