import type { UnderWay } from "./under-way.ts";

/**
 * The overdue calls that count for one rule: a stretch of the chain of them all. It grows at its end, when the rule
 * is asked about the next call, and shrinks at its beginning, when the rule looks back less far.
 */
export class OverdueCount {
  /** A call is overdue when it has been under way for longer. */
  readonly limitMs: number;
  /** Calls in the stretch. */
  count = 0;
  /** Whether the last `take` found a call that counts. */
  grew = false;
  /** The first call after the stretch; null when there is none yet. */
  next: UnderWay | null = null;
  #first: UnderWay | null = null;
  #fromMs: number;

  /** What became overdue before `fromMs` does not count. */
  constructor(limitMs: number, fromMs: number) {
    this.limitMs = limitMs;
    this.#fromMs = fromMs;
  }

  /** When the next call becomes overdue; Infinity when there is none. */
  get nextMs(): number {
    return this.next === null ? Number.POSITIVE_INFINITY : this.next.sinceMs + this.limitMs;
  }

  /** When the first call of the stretch became overdue; null when it is empty. */
  get firstMs(): number | null {
    return this.#first === null ? null : this.#first.sinceMs + this.limitMs;
  }

  /** Takes in the calls that become overdue at the moment `nextMs`. */
  take(momentMs: number): void {
    this.grew = false;
    while (this.next !== null && this.nextMs <= momentMs) {
      if (this.nextMs >= this.#fromMs) {
        this.#first ??= this.next;
        this.count++;
        this.grew = true;
      }
      this.next = this.next.after;
    }
  }

  /** What became overdue before `fromMs` counts no longer. */
  forget(fromMs: number): void {
    if (fromMs > this.#fromMs) this.#fromMs = fromMs;
    while (this.#first !== null && this.#first.sinceMs + this.limitMs < this.#fromMs) {
      this.#drop(this.#first);
    }
  }

  /** The call is about to leave the chain. */
  lose(call: UnderWay): void {
    if (this.next === call) this.next = call.after;
    else if (this.#counts(call)) {
      if (this.#first === call) this.#drop(call);
      else this.count--;
    }
  }

  /** Whether the call may leave the chain: it is behind this stretch. */
  isBehind({ sinceMs }: UnderWay): boolean {
    const bound = this.#first ?? this.next;
    return bound === null || sinceMs < bound.sinceMs;
  }

  #counts({ sinceMs }: UnderWay): boolean {
    if (this.#first === null || sinceMs < this.#first.sinceMs) return false;
    return this.next === null || sinceMs < this.next.sinceMs;
  }

  #drop(first: UnderWay): void {
    this.count--;
    this.#first = this.count === 0 ? null : first.after;
  }
}
