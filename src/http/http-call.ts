import { type CancelSignal, isAborted } from "../core/call-options.ts";
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

/** What all requests of one guard share. */
export interface HttpCallSettings {
  readonly classify: ClassifyRequest | undefined;
  /** The longest that a dependency may ask to be left alone. */
  readonly maxRetryAfterMs: number;
  epochMs(): number;
}

/** What one request came with. */
export interface HttpCallGiven {
  readonly permit: AdmittedPermit;
  readonly signal: CancelSignal | undefined;
}

/**
 * One request from its admission to its verdict. A failure is told when the answer's head has come; a success only when
 * its body has ended, because the body may yet break. Its length is the time until the head, so that a long body is
 * not taken for a slow dependency.
 */
export class HttpCall {
  readonly #settings: HttpCallSettings;
  readonly #given: HttpCallGiven;
  #headMs: number | null = null;
  #settled = false;
  #lapsed = false;
  /** Readers of the body: a copy of the response is a further one. */
  #readers = 1;
  #onEnd: (() => void) | null = null;

  constructor(settings: HttpCallSettings, given: HttpCallGiven) {
    this.#settings = settings;
    this.#given = given;
  }

  /** The head of the answer is here; true when the verdict waits for the body. */
  answered(answer: HttpAnswer, hasBody: boolean): boolean {
    const latencyMs = this.#given.permit.lapsedMs();
    this.#headMs = latencyMs;
    const asked = this.#ask({ ok: true, response: answer, latencyMs });
    const outcome = asked ?? outcomeOfStatus(answer.status);
    if (outcome === "success" && hasBody) return true;
    this.#settle(judgedAnswer(answer, outcome, this.#settings.epochMs()));
    return false;
  }

  /** There will be no answer. */
  threw(error: unknown): void {
    this.#fail(error);
  }

  /** What is told when the body has come to an end of any kind. */
  onEnd(listener: () => void): void {
    this.#onEnd = listener;
  }

  /** A further reader of the body. */
  shared(): void {
    this.#readers++;
  }

  /** The body has come to its end. */
  ended(): void {
    this.#settle({ outcome: "success", thrown: null, retryAfterMs: null });
  }

  /** The body broke in the middle. */
  broke(error: unknown): void {
    if (!this.#lapsed) {
      this.#fail(error);
      return;
    }
    this.#lapsed = false;
    const { permit, signal } = this.#given;
    const outcome = outcomeOfError(error, isAborted(signal));
    if (outcome === "error" || outcome === "latency") permit.relapse(error);
  }

  /** A reader wants no more of the body; when it was the last, the call gives no verdict. */
  abandoned(): void {
    this.#readers--;
    if (this.#readers > 0) return;
    this.#settle({ outcome: "cancelled", thrown: null, retryAfterMs: null });
  }

  /** Nobody has read the body to its end in time: the call counts by its head. */
  lapse(): void {
    if (this.#settled) return;
    this.ended();
    this.#lapsed = true;
  }

  #fail(error: unknown): void {
    const { permit, signal } = this.#given;
    let outcome = outcomeOfError(error, isAborted(signal));
    if (outcome === "error" || outcome === "latency") {
      const latencyMs = permit.lapsedMs();
      outcome = this.#ask({ ok: false, error, latencyMs }) ?? outcome;
      // How long it took to fail is what counts now, not how long the head took.
      this.#headMs = latencyMs;
    }
    this.#settle({ outcome, thrown: { value: error }, retryAfterMs: null });
  }

  #ask(finished: FinishedRequest): Outcome | undefined {
    const { classify } = this.#settings;
    if (classify === undefined) return undefined;
    try {
      const answer: unknown = classify(finished);
      if (answer === undefined) return undefined;
      const word = OUTCOMES.find((outcome) => outcome === answer);
      if (word !== undefined) return word;
      throw new TypeError(
        `classify must answer one of ${OUTCOMES.join(", ")}, received ${String(answer)}`,
      );
    } catch (thrown) {
      this.#given.permit.callbackFailed("classify", thrown);
      return undefined;
    }
  }

  #settle({ outcome, thrown, retryAfterMs }: Judged): void {
    if (this.#settled) return;
    this.#settled = true;
    const { permit } = this.#given;
    const latencyMs = this.#headMs ?? permit.lapsedMs();
    const asked =
      retryAfterMs === null ? null : Math.min(retryAfterMs, this.#settings.maxRetryAfterMs);
    permit.judged({ outcome, latencyMs, thrown }, { retryAfterMs: asked });
    this.#onEnd?.();
    this.#onEnd = null;
  }
}
