import { placeOf } from "../core/begun-answers.ts";
import type { CancelSignal } from "../core/call-options.ts";
import type { Clock } from "../core/clock.ts";
import type { AdmittedPermit } from "../core/permit.ts";
import { OUTCOMES, type Outcome } from "../events/vocabulary.ts";
import {
  type ClassifyRequest,
  type FinishedRequest,
  type HttpAnswer,
  type Judged,
  judgedAnswer,
  outcomeOfError,
  outcomeOfStatus,
} from "./http-outcome.ts";
import type { Upload } from "./upload.ts";

/** Guards around each other that learn of one body; further ones count by its head. */
const MOST_GUARDS = 16;
const SUCCESS: Judged = { outcome: "success", thrown: null, retryAfterMs: null, staleMs: 0 };
const CANCELLED: Judged = { outcome: "cancelled", thrown: null, retryAfterMs: null, staleMs: 0 };

/** What all requests of one guard share. */
export interface HttpCallSettings {
  readonly classify: ClassifyRequest | undefined;
  /** The longest that a dependency may ask to be left alone. */
  readonly maxRetryAfterMs: number;
  readonly clock: Clock;
}

/** Who waits for the end of a body. */
export interface BodyWaiter {
  ended(call: HttpCall): void;
}

/**
 * One request from its admission to its verdict. A failure is told when the answer's head has come; a success only when
 * its body has ended, because the body may yet break. Its length is the time until the head, so that a long body is
 * not taken for a slow dependency.
 */
export class HttpCall {
  readonly #settings: HttpCallSettings;
  readonly #permit: AdmittedPermit;
  readonly #signal: CancelSignal | undefined;
  #headMs: number | null = null;
  #settled = false;
  #lapsed = false;
  /** Readers of the body: a copy of the response is a further one. */
  #readers = 1;
  #waiter: BodyWaiter | null = null;
  /** Those of guards around this one. */
  #outer: HttpCall[] | null = null;
  /** When its head came, by the clock of the guard; NaN before. */
  sinceMs = Number.NaN;
  /** The body of the request, when it is a stream that may break by itself. */
  upload: Pick<Upload, "brokeBy" | "spent"> | null = null;
  /** Somebody has begun to read the body. */
  isBeingRead = false;
  /** Its neighbours among the calls whose bodies are waited for. */
  before: HttpCall | null = null;
  after: HttpCall | null = null;

  constructor(
    settings: HttpCallSettings,
    permit: AdmittedPermit,
    signal: CancelSignal | undefined,
  ) {
    this.#settings = settings;
    this.#permit = permit;
    this.#signal = signal;
  }

  /** The head of the answer is here; true when the verdict waits for the body. */
  answered(status: number, answer: HttpAnswer, hasBody: boolean): boolean {
    // What repeats a request inside of the guard may bring a head twice: the first one is what it is counted by.
    if (this.#settled || !Number.isNaN(this.sinceMs)) return false;
    const { clock } = this.#settings;
    this.sinceMs = clock.monotonicMs();
    const latencyMs = this.#permit.lapsedMs(clock, this.sinceMs);
    this.#headMs = latencyMs;
    const { classify } = this.#settings;
    // Who classifies had the call timed.
    const asked =
      classify === undefined
        ? undefined
        : this.#ask(classify, { ok: true, response: answer, latencyMs: latencyMs ?? 0 });
    const outcome = asked ?? outcomeOfStatus(status);
    if (outcome === "success" && hasBody && this.#permit.answersInTime(latencyMs, placeOf)) {
      return true;
    }
    this.#settle(judgedAnswer(answer, outcome, clock));
    return false;
  }

  /** There will be no answer. */
  threw(error: unknown): void {
    this.#fail(error, this.#outcomeOf(error, false));
  }

  /** There will be no answer, because nobody was asked. */
  refusedHere(error: unknown): void {
    this.#fail(error, "unreached");
  }

  /** Who is told when the body has come to an end of any kind. */
  awaitedBy(waiter: BodyWaiter): void {
    this.#waiter = waiter;
  }

  /** A guard around this one has a call that learns of the same body. False when there are too many. */
  heardBy(outer: HttpCall): boolean {
    this.#outer ??= [];
    if (this.#outer.length === MOST_GUARDS) return false;
    this.#outer.push(outer);
    return true;
  }

  /** A further reader of the body. */
  shared(): void {
    this.#readers++;
  }

  /** Somebody begins to read the body. */
  reads(): void {
    this.isBeingRead = true;
    if (this.#outer !== null) for (const call of this.#outer) call.reads();
  }

  /** The body has come to its end. */
  ended(): void {
    this.#settle(SUCCESS);
    if (this.#outer !== null) for (const call of this.#outer) call.ended();
  }

  /** The body broke in the middle. */
  broke(error: unknown): void {
    const outcome = this.#outcomeOf(error, true);
    if (this.#lapsed) this.#relapse(error, outcome);
    else this.#fail(error, outcome);
    if (this.#outer !== null) for (const call of this.#outer) call.broke(error);
  }

  /** A reader wants no more of the body; when it was the last, the call gives no verdict. */
  abandoned(): void {
    this.#readers--;
    if (this.#readers > 0) return;
    this.#settle(CANCELLED);
    if (this.#outer !== null) for (const call of this.#outer) call.abandoned();
  }

  /** A reader wants nothing of the body; when it was the last, the call counts by its head. */
  unwanted(): void {
    this.#readers--;
    if (this.#readers > 0) return;
    this.#settle(this.#byHead());
    if (this.#outer !== null) for (const call of this.#outer) call.unwanted();
  }

  /** Nobody has read the body to its end in time: the call counts by its head. */
  lapse(): void {
    if (this.#settled) return;
    this.#settle(this.#byHead());
    this.#lapsed = true;
  }

  /** A success of the moment when the head came. */
  #byHead(): Judged {
    const staleMs = this.#settings.clock.monotonicMs() - this.sinceMs;
    return { ...SUCCESS, staleMs: Math.max(0, staleMs) };
  }

  #outcomeOf(error: unknown, isAsked: boolean): Outcome {
    const outcome = outcomeOfError(error, this.#signal, isAsked);
    return outcome === "error" && this.upload?.brokeBy(error) === true ? "cancelled" : outcome;
  }

  #relapse(error: unknown, outcome: Outcome): void {
    this.#lapsed = false;
    const counted = this.#classified(error, outcome, this.#headMs);
    if (counted === "error" || counted === "latency") this.#permit.relapse(error);
  }

  #fail(error: unknown, outcome: Outcome): void {
    if (this.#settled) return;
    const latencyMs = this.#permit.lapsedMs();
    const counted = this.#classified(error, outcome, latencyMs);
    // A body that breaks after a long time was not slow: what was timed is its head.
    if (outcome === "error" || outcome === "latency") this.#headMs ??= latencyMs;
    this.#settle({
      outcome: counted,
      thrown: { value: error },
      retryAfterMs: null,
      staleMs: 0,
    });
  }

  /** What the user makes of a failure. */
  #classified(error: unknown, outcome: Outcome, latencyMs: number | null): Outcome {
    const { classify } = this.#settings;
    if (classify === undefined || (outcome !== "error" && outcome !== "latency")) return outcome;
    return this.#ask(classify, { ok: false, error, latencyMs: latencyMs ?? 0 }) ?? outcome;
  }

  #ask(classify: ClassifyRequest, finished: FinishedRequest): Outcome | undefined {
    try {
      const answer: unknown = classify(finished);
      if (answer === undefined) return undefined;
      const word = OUTCOMES.find((outcome) => outcome === answer);
      if (word !== undefined) return word;
      throw new TypeError(
        `classify must answer one of ${OUTCOMES.join(", ")}, received ${String(answer)}`,
      );
    } catch (thrown) {
      this.#permit.callbackFailed("classify", thrown);
      return undefined;
    }
  }

  #settle({ outcome, thrown, retryAfterMs, staleMs }: Judged): void {
    if (this.#settled) return;
    this.#settled = true;
    // Before the events: those who hear them may make requests of their own.
    this.#waiter?.ended(this);
    this.#waiter = null;
    const asked =
      retryAfterMs === null ? null : Math.min(retryAfterMs, this.#settings.maxRetryAfterMs);
    const latencyMs = this.#headMs ?? undefined;
    this.#permit.judged({ outcome, latencyMs, thrown }, { retryAfterMs: asked, staleMs });
  }
}
