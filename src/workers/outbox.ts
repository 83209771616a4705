import type { SkipReason } from "../events/vocabulary.ts";
import type { Spend } from "../quota/spend-input.ts";
import type { RecordedSpend } from "./owner-answer.ts";
import {
  type CallbackReport,
  type CallReport,
  MOST_REPORTED,
  MOST_SKIPS,
  type OwnerRequest,
  QUESTION,
  type QuotaReport,
  type SkipReport,
} from "./owner-request.ts";

/** A spend with what tells it from others. */
export type IdentifiedSpend = Spend & { readonly id: string };

interface WaitingSpend {
  readonly spend: IdentifiedSpend;
  /** Under way until then, in a request that may have died since. */
  busyUntilMs: number;
}

/**
 * What an isolate has to tell its owner. Results and refusals are sent once: sent again they would count twice. Spends
 * are sent until the owner says that it has them.
 */
export class Outbox {
  readonly #limit: number;
  #calls: CallReport[] = [];
  #callbacks: CallbackReport[] = [];
  #quota: QuotaReport[] = [];
  #releases: string[] = [];
  readonly #skips = new Map<string, SkipReport>();
  readonly #spends = new Map<string, WaitingSpend>();
  /** Since when something waits; Infinity when nothing does. */
  #sinceMs = Number.POSITIVE_INFINITY;

  /** At most so many spends wait. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Spends that the owner has not acknowledged. */
  get spends(): number {
    return this.#spends.size;
  }

  /** Whether a spend is not acknowledged yet. */
  holds(id: string): boolean {
    return this.#spends.has(id);
  }

  call(report: CallReport, nowMs: number): void {
    // Beyond what one request takes the oldest gives way: results count by their newest.
    if (this.#calls.length === MOST_REPORTED) this.#calls.shift();
    this.#calls.push(report);
    this.#wait(nowMs);
  }

  callback(report: CallbackReport, nowMs: number): void {
    if (this.#callbacks.length < MOST_REPORTED) this.#callbacks.push(report);
    this.#wait(nowMs);
  }

  quota(report: QuotaReport, nowMs: number): void {
    if (this.#quota.length < MOST_REPORTED) this.#quota.push(report);
    this.#wait(nowMs);
  }

  /** A reservation is over: told as often as it takes, since it ends once. */
  releaseReservation(id: string, nowMs: number): void {
    if (this.#releases.length < MOST_REPORTED) this.#releases.push(id);
    this.#wait(nowMs);
  }

  skip(breaker: string, reason: SkipReason, nowMs: number): void {
    const key = `${reason} ${breaker}`;
    const count = (this.#skips.get(key)?.count ?? 0) + 1;
    this.#skips.set(key, { breaker, reason, count });
    this.#wait(nowMs);
  }

  /** The spend that gave way because too many wait; null when none had to. */
  spend(spend: IdentifiedSpend, nowMs: number): IdentifiedSpend | null {
    this.#spends.set(spend.id, { spend, busyUntilMs: Number.NEGATIVE_INFINITY });
    this.#wait(nowMs);
    if (this.#spends.size <= this.#limit) return null;
    for (const [id, oldest] of this.#spends) {
      this.#spends.delete(id);
      return oldest.spend;
    }
    return null;
  }

  /** Whether something has waited for so long, or so much of it, that it should be sent. */
  isDue(nowMs: number, forMs: number): boolean {
    return nowMs - this.#sinceMs >= forMs || this.#calls.length * 2 >= MOST_REPORTED;
  }

  /** What is to be sent now; null when there is nothing. What is in it is sent by nobody else before `busyUntilMs`. */
  take(nowMs: number, busyUntilMs: number): OwnerRequest | null {
    const waiting = [...this.#spends.values()].filter((spend) => spend.busyUntilMs <= nowMs);
    const spends = waiting.slice(0, MOST_REPORTED);
    for (const spend of spends) spend.busyUntilMs = busyUntilMs;
    const skips = this.#takeSkips();
    const [calls, callbacks, quota] = [this.#calls, this.#callbacks, this.#quota];
    const releases = this.#releases;
    this.#releases = [];
    this.#calls = [];
    this.#callbacks = [];
    this.#quota = [];
    this.#sinceMs = this.#skips.size > 0 ? nowMs : Number.POSITIVE_INFINITY;
    const lists = [calls, callbacks, quota, skips, spends, releases];
    if (lists.every(({ length }) => length === 0)) return null;
    const sent = spends.map(({ spend }) => spend);
    return { ...QUESTION, calls, callbacks, quota, skips, spends: sent, releases };
  }

  /** The owner has these spends, or refuses them for good. */
  acknowledge(recorded: readonly RecordedSpend[]): IdentifiedSpend[] {
    const refused: IdentifiedSpend[] = [];
    for (const { id, refused: reason } of recorded) {
      const waiting = this.#spends.get(id);
      this.#spends.delete(id);
      if (reason !== null && waiting !== undefined) refused.push(waiting.spend);
    }
    return refused;
  }

  /** A request has failed: what may be said twice is sent again. */
  putBack({ spends, releases }: OwnerRequest, nowMs: number): void {
    for (const { id } of spends) {
      const waiting = this.#spends.get(id);
      if (waiting !== undefined) waiting.busyUntilMs = Number.NEGATIVE_INFINITY;
    }
    this.#releases = [...releases, ...this.#releases].slice(0, MOST_REPORTED);
    if (spends.length + releases.length > 0) this.#wait(nowMs);
  }

  #takeSkips(): SkipReport[] {
    const taken: SkipReport[] = [];
    for (const [key, skip] of this.#skips) {
      const left = skip.count - MOST_SKIPS;
      taken.push(left > 0 ? { ...skip, count: MOST_SKIPS } : skip);
      if (left > 0) this.#skips.set(key, { ...skip, count: left });
      else this.#skips.delete(key);
    }
    return taken;
  }

  #wait(nowMs: number): void {
    this.#sinceMs = Math.min(this.#sinceMs, nowMs);
  }
}
