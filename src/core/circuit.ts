import type { EventBus } from "../events/event-bus.ts";
import type { CloseReason, FailureReason } from "../events/vocabulary.ts";
import { platformClock, platformEpochAt } from "../platform.ts";
import { chanceOf, cooldownOf } from "./asked-options.ts";
import type { Call } from "./call.ts";
import type { DurationSubscription } from "./call-durations.ts";
import { type CallsUnderWay, callsUnderWay } from "./calls-under-way.ts";
import type { Clock } from "./clock.ts";
import { CooldownAttempts, type Cooling } from "./cooldown.ts";
import type { Closing, Left, Opening, Resumed } from "./facts.ts";
import type { Fleet, OwnOpen, PeerClose, PeerOpen } from "./fleet.ts";
import { changeForce, type Forced } from "./force-change.ts";
import { Incident, incidentIdOf, incidentSince } from "./incident.ts";
import { type Committed, Journal } from "./journal.ts";
import type { Onlookers } from "./onlookers.ts";
import {
  ClosedPeriod,
  DisabledPeriod,
  ForcedOpenPeriod,
  HalfOpenPeriod,
  OpenPeriod,
  type Period,
} from "./period.ts";
import type { QuietPath } from "./quiet-path.ts";
import type { Settings } from "./settings.ts";
import { SteadyClock } from "./steady-clock.ts";
import { Tally } from "./tally.ts";

/**
 * The committed state of one breaker, and the only writer of it: every state change goes through `#commit`.
 * The steps that decide are beside it: admission.ts, settlement.ts and control.ts. Each step is given the time once,
 * commits, and ends with `deliver`. There is no timer: what time alone brings about is read from the clock, and
 * committed at the next step.
 */
export class Circuit implements Committed {
  readonly name: string;
  settings: Settings;
  readonly clock: Clock;
  generation = 0;
  period: Period = new ClosedPeriod();
  /** The calls of a closed or disabled period that have not ended; null when they count for nothing. */
  underWay: CallsUnderWay | null;
  incident: Incident | null = null;
  consecutiveFailures = 0;
  /** Null as long as nobody can listen: neither a bus was given nor the own one asked for. */
  journal: Journal | null = null;
  readonly tally = new Tally();
  /** Which history the counters belong to; null until somebody asks for it, or brings one along. */
  life: string | null = null;
  /** The number of the last event that was told. */
  seq = 0;
  /** Null as long as the breaker is in no cluster. */
  fleet: Fleet | null = null;
  lastFailureAtMs: number | null = null;
  /** NaN as long as there was none. Written by every success: see `#nowMs`. */
  lastSuccessAtMs = Number.NaN;
  /** Successes that were told when nobody waited for the rest of them any longer: they may have broken since. */
  staleSuccesses = 0;
  /** What the last failed call threw: the cause of a refusal. */
  lastThrown: unknown;
  /** How calls run while nothing needs the time; undefined until one asks for it in this period. */
  quiet: QuietPath | null | undefined;
  /** The journal's version that `timed` was worked out for. */
  heardVersion = -1;
  timed = true;
  /** How long the quota is used up, as the last admission was told; NaN while it is asked. */
  quotaMs = 0;
  /** Who takes the length of each call without an event; null when nobody does. */
  durations: readonly DurationSubscription[] | null = null;
  /** Null until calls have waited beside it. */
  onlookers: Onlookers | null = null;
  #attempts: CooldownAttempts | null = null;
  /** Failures of the user's functions that one who only reads has come upon: the next step tells them. */
  #untold: [callback: string, thrown: unknown][] | null = null;
  #reading = false;
  #sinceMs: number;
  /**
   * The moment of the present step. A field that has only ever held numbers is written in place; one that was null or
   * undefined first gets a new number object at each write, which costs 5 to 8 ns.
   */
  #nowMs = Number.NaN;

  /** `bus` is the one that a registry shares among its breakers. */
  constructor(name: string, settings: Settings, bus = settings.bus) {
    this.name = name;
    this.settings = settings;
    this.underWay = callsUnderWay(settings);
    // Before the clock is first read: its failure is told, too.
    if (bus !== undefined) this.listen(bus);
    this.clock =
      settings.clock === platformClock
        ? platformClock
        : new SteadyClock(settings.clock, (reading, thrown) =>
            this.callbackFailed(reading, thrown),
          );
    this.#nowMs = this.clock.monotonicMs();
    this.#sinceMs = this.#nowMs;
  }

  listen(bus: EventBus): Journal {
    this.journal ??= new Journal(this, bus);
    return this.journal;
  }

  /** Tells nothing more on the bus that it shared: from now on the breaker is on its own. */
  leaveBus(): void {
    this.journal?.drain();
    this.journal = null;
    this.choosePathAgain();
  }

  /** Puts other settings in force; the state, its period and its counts stay. */
  adopt(settings: Settings): void {
    this.settings = settings;
    if (this.underWay !== null && settings.inFlightMs < Number.POSITIVE_INFINITY) {
      this.underWay.follow(settings, this.#nowMs);
    } else this.#followCalls();
    this.journal?.followSettings();
    this.choosePathAgain();
  }

  /** How calls run, and whether they are timed, is worked out again at the next one. */
  choosePathAgain(): void {
    this.quiet = undefined;
    this.heardVersion = -1;
  }

  /** Begins a step: the one moment that everything in it is decided by. */
  begin(): number {
    this.#nowMs = this.clock.monotonicMs();
    return this.#nowMs;
  }

  /** The time for one who only reads: nothing is told of it, whatever the clock does. */
  glance(): number {
    return this.clock instanceof SteadyClock ? this.clock.glanceMs() : this.clock.monotonicMs();
  }

  /** The wall clock at the moment of the step. */
  wallMs(): number {
    const { clock } = this;
    return clock === platformClock ? platformEpochAt(this.#nowMs) : clock.epochMs();
  }

  /** Ends a step: what it committed is told now. */
  deliver(): void {
    // A trip that was found with them is committed first.
    if (this.#untold !== null && !this.underWay?.pending) this.tellUntold();
    this.journal?.flush();
    this.onlookers?.stepped(this.period.state);
  }

  /** A function given as an option threw; the step goes on without its answer. */
  callbackFailed(callback: string, thrown: unknown): void {
    if (this.#reading) {
      this.#untold ??= [];
      this.#untold.push([callback, thrown]);
    } else this.journal?.callbackFailed(callback, thrown);
  }

  /** Asks functions of the user's for one who may only be reading: the next step tells their failures. */
  ask<T>(answer: () => T): T {
    const reading = this.#reading;
    this.#reading = true;
    const answered = answer();
    this.#reading = reading;
    return answered;
  }

  /** Tells the failures that those who only read have come upon. */
  tellUntold(): void {
    const untold = this.#untold;
    if (untold === null || this.#reading) return;
    this.#untold = null;
    for (const [callback, thrown] of untold) this.callbackFailed(callback, thrown);
  }

  /** Time spent in the present committed state. */
  spentMs(nowMs: number): number {
    return Math.max(0, nowMs - this.#sinceMs);
  }

  /** Ends the probe leases that are over: their slots are free, their results will be late. */
  endLeases(nowMs: number): void {
    const { period } = this;
    if (period.state !== "half_open") return;
    for (let left = period.expire(nowMs); left > 0; left--) {
      this.tally.probe("expired");
      const probesInFlight = period.inFlight.size + left - 1;
      this.journal?.probe({ outcome: "expired", latencyMs: null, probesInFlight }, undefined);
    }
  }

  trip(
    reason: FailureReason,
    decided: Pick<Opening, "cause"> &
      Pick<Call, "thrown" | "retryAfterMs"> & {
        /** Of a trip that is effective already. */
        readonly cooling: Cooling | null;
      },
    nowMs: number,
  ): void {
    const { cause, thrown } = decided;
    const { period } = this;
    const chance = this.#chanceOfId();
    const cooling = decided.cooling ?? this.coolingFrom(nowMs, decided.retryAfterMs);
    // A function of the user acted on the breaker: what was decided no longer holds.
    if (this.period !== period) return;
    this.#attempts?.begun(cooling);
    const { sinceMs, cooldownMs } = cooling;
    const left = this.#commit(new OpenPeriod(sinceMs + cooldownMs), nowMs);
    this.tally.trip(reason);
    this.#openIncident(chance, nowMs);
    if (left.from === "half_open" && this.incident !== null) this.incident.reopens++;
    const opening = { ...left, reason, cause, note: undefined, cooldownMs, sinceMs, thrown };
    this.journal?.open(opening, nowMs);
    const forMs = Math.max(0, sinceMs + cooldownMs - nowMs);
    this.#tellFleet({ forced: false, forMs, note: reason });
  }

  /** Of one that is forced open already only the end and the reason change. */
  force(forced: Forced, nowMs: number): void {
    const { forMs } = forced;
    const chance = this.#chanceOfId();
    if (!changeForce(this, forced, nowMs)) {
      if (this.period.state === "closed") this.#attempts?.leaveClosed(this.spentMs(nowMs));
      const left = this.#commit(new ForcedOpenPeriod(nowMs + forMs, forced.note), nowMs);
      this.#openIncident(chance, nowMs);
      this.#tellForced(left, forced, nowMs);
    }
    // Forced open is what it was or has become.
    const { note = "forced" } = this.period as ForcedOpenPeriod;
    this.#tellFleet({ forced: true, forMs, note });
  }

  #tellFleet(open: Omit<OwnOpen, "incidentId">): void {
    this.fleet?.opened({ ...open, incidentId: this.incident?.id ?? "" });
  }

  /** Takes over what another task has decided. A disabled breaker does not open. */
  openByPeer(peer: PeerOpen, nowMs: number): void {
    if (this.period.state === "disabled") return;
    const { forced, remainingMs, note, origin, epoch } = peer;
    const wasForced = this.period.state === "forced_open";
    // Another epoch is another incident; and what was forced opens anew only through a close.
    if (this.incident !== null && (peer.afresh || (wasForced && !forced))) {
      this.closeByPeer({ ...peer, note: undefined }, nowMs);
    }
    const retryMs = nowMs + remainingMs;
    const force = { note, forMs: remainingMs, thrown: null, peer: { origin, epoch } };
    if (forced && changeForce(this, force, nowMs)) return;
    if (!forced && this.period.state === "open") {
      this.period.retryMs = retryMs;
      return;
    }
    const chance = this.#chanceOfId();
    if (this.period.state === "closed") this.#attempts?.leaveClosed(this.spentMs(nowMs));
    const next = forced ? new ForcedOpenPeriod(retryMs, note) : new OpenPeriod(retryMs);
    const left = this.#commit(next, nowMs);
    this.incident ??= incidentSince(peer, { nowMs, atMs: this.wallMs(), chance });
    this.incident.openAgain(nowMs);
    this.#tellForced(left, force, nowMs);
  }

  /** An open that somebody decided: an operator, a permanent failure, another task. */
  #tellForced(left: Left, { note, forMs, thrown, peer }: Forced, nowMs: number): void {
    const cooldownMs = Number.isFinite(forMs) ? forMs : null;
    const reason = peer === undefined ? "forced" : "peer";
    const opening = { ...left, reason, cause: null, note, cooldownMs, sinceMs: nowMs } as const;
    this.journal?.open({ ...opening, thrown, peer }, nowMs);
  }

  closeByPeer({ note, origin, epoch, afresh }: PeerClose, nowMs: number): void {
    if (this.period.state === "disabled") return;
    if (this.incident !== null) {
      this.close("peer", { note, peer: { origin, epoch } }, nowMs);
      if (afresh) this.#attempts = null;
    } else if (afresh) this.startAfresh();
  }

  /** Opens for probes, after the cooldown. */
  halfOpen(from: OpenPeriod | ForcedOpenPeriod, nowMs: number): HalfOpenPeriod {
    const period = new HalfOpenPeriod();
    const openMs = this.incident?.openMs(nowMs) ?? 0;
    const left = this.#commit(period, nowMs);
    const idleMs = nowMs - from.retryMs;
    this.journal?.report("circuit.half_open", () => ({ ...left, openMs, idleMs }));
    return period;
  }

  /** Ends the incident. */
  close(reason: CloseReason, { note, peer }: Pick<Closing, "note" | "peer">, nowMs: number): void {
    const { incident } = this;
    const period = new ClosedPeriod();
    if (reason === "probe" || reason === "peer") period.rampFromMs = nowMs;
    const left = this.#commit(period, nowMs);
    this.forgetFailures();
    // What an operator says is healthy is: the backoff begins again.
    if (reason !== "probe" && reason !== "peer") this.#attempts = null;
    this.incident = null;
    if (incident !== null) this.journal?.close({ ...left, reason, note, incident, peer }, nowMs);
    if (reason !== "peer") this.fleet?.closed(reason, note);
  }

  disable(nowMs: number): void {
    const left = this.#commit(new DisabledPeriod(), nowMs);
    this.forgetFailures();
    this.#attempts = null;
    this.journal?.report("circuit.disable", () => left);
  }

  enable(nowMs: number): void {
    const left = this.#commit(new ClosedPeriod(), nowMs);
    this.forgetFailures();
    this.journal?.report("circuit.enable", () => left);
    this.fleet?.enabled();
  }

  /** A reset without an incident: the evidence goes, calls under way become late, the state stays. */
  startAfresh(): void {
    this.#enter(this.period.state === "disabled" ? new DisabledPeriod() : new ClosedPeriod());
    this.forgetFailures();
    this.#attempts = null;
  }

  /**
   * Goes on where a snapshot was taken. The generation is one that was never there: what was admitted before is late.
   * Commits no transition and tells nothing.
   */
  resume(resumed: Resumed): void {
    this.generation = Math.max(this.generation, resumed.generation);
    this.#enter(resumed.period);
    this.#sinceMs = resumed.sinceMs;
    this.incident = resumed.incident;
    this.consecutiveFailures = resumed.consecutiveFailures;
    this.lastThrown = undefined;
    this.#attempts = resumed.attempts;
  }

  /** How often it opened without sustained health in between; null when nobody counts, or not yet. */
  get attempts(): CooldownAttempts | null {
    return this.#attempts;
  }

  #enter(period: Period): void {
    this.generation++;
    this.period = period;
    this.#followCalls();
    this.quiet = undefined;
  }

  /** Follows the calls from now on that count before they end, and no others. */
  #followCalls(): void {
    this.underWay?.clear();
    const { state } = this.period;
    const passes = state === "closed" || state === "disabled";
    this.underWay = passes ? callsUnderWay(this.settings) : null;
  }

  /** The cooldown of an open that takes effect at a moment, unless it is `asked` to be another; commits nothing. */
  coolingFrom(sinceMs: number, asked: number | null): Cooling {
    const { cooldown } = this.settings;
    if (typeof cooldown === "number") {
      return { sinceMs, cooldownMs: asked ?? cooldown, attempt: 0 };
    }
    this.#attempts ??= new CooldownAttempts();
    const healthyMs = this.period.state === "closed" ? this.spentMs(sinceMs) : null;
    const attempt = this.#attempts.next(healthyMs);
    return { sinceMs, cooldownMs: asked ?? cooldownOf(this, attempt), attempt };
  }

  forgetFailures(): void {
    this.consecutiveFailures = 0;
    this.lastThrown = undefined;
  }

  #openIncident(chance: number, nowMs: number): void {
    if (this.incident !== null) {
      this.incident.openAgain(nowMs);
      return;
    }
    const atMs = this.wallMs();
    const id = this.fleet?.incidentId() ?? incidentIdOf(atMs, chance);
    this.incident = new Incident(id, nowMs, atMs);
  }

  /** Drawn before a commit begins: the source is the user's code. */
  #chanceOfId(): number {
    return this.incident === null ? chanceOf(this) : 0;
  }

  #commit(next: Period, nowMs: number): Left {
    const left: Left = { from: this.period.state, spentMs: this.spentMs(nowMs) };
    this.tally.transition(left.from, next.state, left.spentMs);
    this.#sinceMs = nowMs;
    this.#enter(next);
    return left;
  }
}
