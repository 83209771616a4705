import { Check } from "../events/check.ts";
import type { Outcome } from "../events/vocabulary.ts";
import { admit, admitResult, refuse, startOf } from "./admission.ts";
import { type Call, unjudged } from "./call.ts";
import type { Circuit } from "./circuit.ts";
import { type CircuitOpenError, refusalError } from "./circuit-open-error.ts";
import { outcomeOfThrown, slowed } from "./classification.ts";
import type { Clock } from "./clock.ts";
import { commitOverdue } from "./overdue-trip.ts";
import { Probe, type Slot } from "./period.ts";
import { QuietPath, quietPath } from "./quiet-path.ts";
import { settle, settleCalm, settleUnadmitted } from "./settlement.ts";
import { UnderWay } from "./under-way.ts";

/**
 * The right to make one call, for code that cannot hand its call over as a function. Settle it exactly once, in a
 * `finally` if need be; settling it again does nothing.
 *
 * @example
 * const permit = breaker.admit();
 * if (!permit.ok) throw permit.error;
 * socket.once("reply", () => permit.success());
 * socket.once("error", (error) => permit.failure(error));
 */
export interface Permit {
  readonly ok: true;
  /** The call succeeded. `latencyMs` defaults to the time since the admission; more than `latencyTripMs` is `latency`. */
  success(latencyMs?: number): void;
  /**
   * The call failed. A `TimeoutError`, or a `latencyMs` above `latencyTripMs`, is `latency`; the refusal of another
   * breaker is `unreached`.
   */
  failure(error?: unknown, latencyMs?: number): void;
  /** The result says nothing of the dependency's health. */
  ignore(): void;
  /** The caller gave up. */
  cancel(): void;
  /** The call never reached the dependency: a pool was empty, an inner policy refused. */
  release(): void;
}

/** The answer of `admit` to a call that may not run; it is counted as a skip. */
export interface Refusal {
  readonly ok: false;
  readonly error: CircuitOpenError;
}

/** What a permit is settled with. */
interface Settlement {
  readonly outcome: Outcome;
  readonly latencyMs: number | undefined;
  readonly thrown: { readonly value: unknown } | null;
}

/** What a classifier could say of a call, for those who carry a call over a permit. */
type Judgement = Pick<Call, "retryAfterMs" | "staleMs">;

const JUDGED_NOW: Judgement = { retryAfterMs: null, staleMs: 0 };

/** Where an answer stands among the others that began well and have not ended; see begun-answers.ts. */
export interface AnswerPlace {
  /** The call is about to be settled. */
  settle(circuit: Circuit, slot: Slot, call: Pick<Call, "outcome" | "staleMs">): void;
}

/** The permit of an admitted call. */
export class AdmittedPermit implements Permit {
  readonly ok = true;
  readonly #circuit: Circuit;
  readonly #slot: Slot;
  /** NaN when nothing needed the time at the admission. */
  readonly #startMs: number;
  /** How the call runs while nothing needs the time; null when it is timed. */
  readonly #quiet: QuietPath | null;
  /** As it was at the admission: who settles the permit may be about something else. */
  readonly #context: Call["context"];
  readonly #underWay: UnderWay | null = null;
  /** Of its answer among the others; null before that has begun well. */
  #place: AnswerPlace | null = null;
  #settled = false;

  constructor(
    circuit: Circuit,
    admitted: QuietPath | { readonly slot: Slot; readonly startMs: number },
    context: Call["context"],
  ) {
    this.#circuit = circuit;
    this.#context = context ?? circuit.journal?.admittedContext();
    circuit.tally.begun++;
    if (admitted instanceof QuietPath) {
      this.#slot = admitted.period;
      this.#startMs = Number.NaN;
      this.#quiet = admitted;
      return;
    }
    const { slot, startMs } = admitted;
    this.#slot = slot;
    this.#startMs = startMs;
    this.#quiet = null;
    const { underWay: calls } = circuit;
    if (calls === null || slot !== circuit.period) return;
    this.#underWay = new UnderWay();
    calls.begin(this.#underWay, startMs);
  }

  success(latencyMs?: number): void {
    this.#settle({ outcome: "success", latencyMs, thrown: null });
  }

  failure(error?: unknown, latencyMs?: number): void {
    this.#settle(failed(error, latencyMs));
  }

  ignore(): void {
    this.#settle({ outcome: "ignored", latencyMs: undefined, thrown: null });
  }

  cancel(): void {
    this.#settle({ outcome: "cancelled", latencyMs: undefined, thrown: null });
  }

  release(): void {
    this.#settle({ outcome: "unreached", latencyMs: undefined, thrown: null });
  }

  /**
   * Time since the admission, in milliseconds; null when nothing needed the time then. `nowMs` is what the caller has
   * just read from a clock, if anything: it is used when that is the breaker's own.
   */
  lapsedMs(clock?: Clock, nowMs = 0): number | null {
    if (this.#quiet !== null) return null;
    const circuit = this.#circuit;
    return this.#lapsedMs(circuit.clock === clock ? nowMs : circuit.glance());
  }

  /**
   * The call is being answered well, though the answer has not ended: it does not hang, and failures in a row end here
   * unless the answer breaks. `latencyMs` is how long that took; false when it took so long that the call counts as
   * `latency`, whatever follows.
   */
  answersInTime(
    latencyMs: number | null,
    placeOf: (circuit: Circuit, slot: Slot) => AnswerPlace,
  ): boolean {
    const circuit = this.#circuit;
    if (latencyMs !== null && latencyMs > circuit.settings.latencyTripMs) return false;
    this.#underWay?.leave();
    this.#place = placeOf(circuit, this.#slot);
    return true;
  }

  /** Settles it with a result that somebody has judged. */
  judged(settlement: Settlement, judgement: Judgement): void {
    this.#take(settlement, judgement);
  }

  /**
   * A call that had counted as a success fails after all: a further result of the same generation, late when that is
   * over or when a probe had decided by it.
   */
  relapse(error: unknown): void {
    const circuit = this.#circuit;
    const nowMs = circuit.begin();
    circuit.tally.begun++;
    const { outcome, thrown } = failed(error, undefined);
    const call = { ...unjudged(outcome, null, thrown), context: this.#context };
    if (this.#slot instanceof Probe) {
      settleUnadmitted(circuit, call);
      return;
    }
    this.#leavePlace(call, nowMs);
    settle(circuit, { ...call, slot: this.#slot }, nowMs);
  }

  /** Tells that something the user gave failed; the call goes on without it. */
  callbackFailed(callback: string, thrown: unknown): void {
    this.#circuit.callbackFailed(callback, thrown);
    this.#circuit.deliver();
  }

  /** The place of its answer learns how that ends, after what calls that hang have brought about. */
  #leavePlace(call: Pick<Call, "outcome" | "staleMs">, nowMs: number): void {
    if (this.#place === null) return;
    commitOverdue(this.#circuit, nowMs);
    this.#place.settle(this.#circuit, this.#slot, call);
  }

  #lapsedMs(nowMs: number): number | null {
    return this.#quiet === null ? Math.max(0, nowMs - this.#startMs) : null;
  }

  #settle(settlement: Settlement): void {
    const { latencyMs } = settlement;
    if (!this.#settled && latencyMs !== undefined) {
      const check = new Check(`settle a permit of breaker "${this.#circuit.name}"`);
      check.durationMs("latencyMs", latencyMs);
    }
    this.#take(settlement, JUDGED_NOW);
  }

  #take({ outcome, latencyMs: given, thrown }: Settlement, judgement: Judgement): void {
    if (this.#settled) return;
    this.#settled = true;
    const { retryAfterMs, staleMs } = judgement;
    const plain = outcome === "success" && given === undefined && staleMs === 0;
    if (plain && this.#quiet?.success() === true) return;
    const circuit = this.#circuit;
    const nowMs = circuit.begin();
    const latencyMs = given ?? this.#lapsedMs(nowMs);
    const counted = slowed(outcome, latencyMs, circuit.settings.latencyTripMs);
    const call: Call = {
      slot: this.#slot,
      underWay: this.#underWay,
      outcome: counted,
      permanent: false,
      latencyMs,
      staleMs,
      thrown,
      retryAfterMs,
      context: this.#context,
    };
    this.#leavePlace(call, nowMs);
    if (counted !== "success" || !settleCalm(circuit, call, nowMs)) settle(circuit, call, nowMs);
  }
}

/** The permit, or the refusal. */
export type AskedPermit = AdmittedPermit | Refusal;

/**
 * Asks for the right to make one call. A refusal is counted and told as a skip. `timed` asks for the time of a call even
 * when nothing needs it: who hears of the result may come after the admission.
 */
export function askPermit(circuit: Circuit, context: Call["context"], timed: boolean): AskedPermit {
  const quiet = timed ? null : quietPath(circuit);
  if (quiet !== null) return new AdmittedPermit(circuit, quiet, context);
  const nowMs = circuit.begin();
  const slot = admit(circuit, nowMs);
  if (slot === null) return { ok: false, error: refusalError(refuse(circuit, nowMs, context)) };
  const startMs = startOf(circuit, slot, nowMs);
  return new AdmittedPermit(circuit, { slot, startMs }, context);
}

/** Takes a result that was made elsewhere: a permit and its settlement in one step, and no skip when there is none. */
export function recordResult(
  circuit: Circuit,
  { outcome, latencyMs: given, thrown }: Settlement,
): void {
  const latencyMs = given ?? null;
  const nowMs = circuit.begin();
  circuit.tally.begun++;
  const slot = admitResult(circuit, nowMs);
  const counted = slowed(outcome, latencyMs, circuit.settings.latencyTripMs);
  const call = unjudged(counted, latencyMs, thrown);
  if (slot === null) settleUnadmitted(circuit, call);
  else settle(circuit, { ...call, slot }, nowMs);
}

/** A failure reported without the call: a timeout is slow, the refusal of another breaker never reached. */
export function failed(error: unknown, latencyMs: number | undefined): Settlement {
  return {
    outcome: outcomeOfThrown(error),
    latencyMs,
    thrown: error === undefined ? null : { value: error },
  };
}
