import type { Circuit } from "./circuit.ts";
import type { RunAside } from "./failure-run.ts";
import { type ClosedPeriod, type DisabledPeriod, Probe, type Slot } from "./period.ts";
import type { AnswerPlace } from "./permit.ts";
import { calm } from "./settlement.ts";
import type { ShadowTrip } from "./shadow-trip.ts";
import { degradedShare, tellShare } from "./traffic.ts";

// An answer that has begun well ends the failures in a row before it: they are set aside. They go on when it breaks, which
// says that heads are not to be trusted, and when it comes to no verdict, unless a younger one stands for a success. A
// call that succeeds to its end is the end of them all.

type Period = ClosedPeriod | DisabledPeriod;
type ShadowAside = ReturnType<ShadowTrip["setAside"]>;

/** The answers of one period that have begun well and not ended, in the order in which they began. */
export class BegunAnswers {
  last: BegunAnswer | null = null;
  /** How many calls had succeeded to their end when the first began. */
  readonly successes: number;

  constructor(successes: number) {
    this.successes = successes;
  }
}

/** One of them, with the failures between the one before and itself. */
class BegunAnswer implements AnswerPlace {
  readonly #all: BegunAnswers;
  /** Of the rules in force; null where a success forgives failures one by one, when it is told. */
  readonly #own: RunAside | null;
  /** Of those that only report. */
  readonly #shadows: ReadonlyMap<ShadowTrip, ShadowAside>;
  #before: BegunAnswer | null;
  #after: BegunAnswer | null = null;
  /** It, or a younger one, counted as a success of the moment when it began. */
  #over = false;

  constructor(all: BegunAnswers, circuit: Circuit, period: Period) {
    this.#all = all;
    this.#before = all.last;
    if (all.last !== null) all.last.#after = this;
    all.last = this;
    this.#own = setAside(circuit, period);
    this.#shadows = new Map(shadowsOf(period).map((shadow) => [shadow, shadow.setAside()]));
  }

  settle(...[circuit, slot, { outcome, staleMs }]: Parameters<AnswerPlace["settle"]>): void {
    if (answersOf(circuit, slot) !== this.#all) return;
    if (outcome === "success") {
      if (staleMs > 0) this.#end();
      return;
    }
    const after = this.#over ? null : this.#after;
    if (!this.#over) this.#leave();
    // Answers that are begun are those of a period in which calls pass.
    if (outcome === "error" || outcome === "latency") this.#goOn(circuit, slot as Period);
    else if (after !== null) this.#joinTo(after);
    else if (!this.#over) this.#goOn(circuit, slot as Period);
  }

  /** A success of the moment when it began ends the failures before it. */
  #end(): void {
    if (this.#over) return;
    if (this.#after === null) this.#all.last = null;
    else this.#after.#before = null;
    for (let done: BegunAnswer | null = this; done !== null; done = done.#before) done.#over = true;
  }

  #leave(): void {
    if (this.#before !== null) this.#before.#after = this.#after;
    if (this.#after === null) this.#all.last = this.#before;
    else this.#after.#before = this.#before;
  }

  #goOn(circuit: Circuit, period: Period): void {
    if (this.#own !== null) takeUp(circuit, period, this.#own);
    for (const [shadow, aside] of this.#shadows) shadow.takeUp(aside);
  }

  #joinTo(after: BegunAnswer): void {
    if (this.#own !== null && after.#own !== null) join(this.#own, after.#own);
    for (const [shadow, aside] of this.#shadows) {
      const later = after.#shadows.get(shadow);
      // It would have tripped in between, and has begun again.
      if (later?.blindUntilMs === aside.blindUntilMs) join(aside, later);
    }
  }
}

/** Of an answer before which there was no failure. */
const NOTHING_ASIDE: AnswerPlace = { settle() {} };

/** Ends the failures in a row because a call of this slot is being answered well. */
export function placeOf(circuit: Circuit, slot: Slot): AnswerPlace {
  const { period, consecutiveFailures, settings } = circuit;
  if (period !== slot || slot instanceof Probe) return NOTHING_ASIDE;
  const all = answersOf(circuit, slot);
  // With degradation candidates may count failures where the rules in force have forgiven them.
  const mayFail = consecutiveFailures > 0 || settings.degradation !== undefined;
  if (!mayFail && (all === null || all.last === null)) return NOTHING_ASIDE;
  slot.begun = all ?? new BegunAnswers(wholeSuccesses(circuit));
  return new BegunAnswer(slot.begun, circuit, slot);
}

/** Null when there are none, and when all failures that they held are over. */
function answersOf(circuit: Circuit, slot: Slot): BegunAnswers | null {
  if (circuit.period !== slot || slot instanceof Probe) return null;
  if (slot.begun?.successes !== wholeSuccesses(circuit)) slot.begun = null;
  return slot.begun;
}

/** Calls that succeeded to their end, as far as anybody waited for it. */
const wholeSuccesses = ({ tally, staleSuccesses }: Circuit): number =>
  tally.successes - staleSuccesses;

function shadowsOf(period: Period): readonly ShadowTrip[] {
  const shadows =
    period.state === "closed" ? [period.evidence?.shadow] : [period.own, period.shadow];
  return shadows.filter((shadow) => shadow !== undefined && shadow !== null);
}

function setAside(circuit: Circuit, period: Period): RunAside | null {
  const failures = circuit.consecutiveFailures;
  if (period.state === "disabled") {
    circuit.forgetFailures();
    return { failures, run: null };
  }
  if (circuit.settings.degradation !== undefined) return null;
  const run = period.evidence?.run ?? null;
  calm(circuit, period, Number.NaN);
  return { failures, run };
}

function takeUp(circuit: Circuit, period: Period, { failures, run }: RunAside): void {
  const share = degradedShare(circuit.settings, circuit.consecutiveFailures);
  circuit.consecutiveFailures += failures;
  if (period.state === "disabled") return;
  if (run !== null) {
    const evidence = period.gather();
    evidence.run = run.joined(evidence.run);
  }
  tellShare(circuit, share);
}

function join(older: RunAside, younger: RunAside): void {
  younger.failures += older.failures;
  younger.run = older.run?.joined(younger.run) ?? younger.run;
}
