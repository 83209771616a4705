import type { TelltaleEvent } from "../events/event.ts";

/** An event of a policy. */
export type PolicyEvent = Extract<TelltaleEvent, { readonly policy: string }>;

/**
 * Writes one line; may throw. `suppressed` is the number of events since the line before that were not written. Returns
 * false when the destination takes no such line at present.
 */
export type WritePolicyLine = (event: PolicyEvent, suppressed: number) => unknown;

/** The longest that events of a kind go without a line, as long as they come; a longer silence begins anew. */
const HEARTBEAT_MS = 10_000;
/** Policies and types whose lines are sampled apart; beyond it the one silent longest is let go. */
const KIND_LIMIT = 2_000;

/**
 * The lines of one type of event of one policy. An outage brings such an event with every call, so they are sampled
 * without loss as skips are: the 1st, 2nd, 4th, 8th … and one when no line was written for 10 s.
 */
class KindLog {
  suppressed = 0;
  lastSuppressed: PolicyEvent | null = null;
  #seen = 0;
  #nextLine = 1;
  #triedAtMs = Number.NEGATIVE_INFINITY;
  #seenAtMs = Number.NEGATIVE_INFINITY;

  /** Whether the event is written; if not, it is counted. */
  isDue(event: PolicyEvent): boolean {
    const { atMs } = event;
    if (atMs - this.#seenAtMs >= HEARTBEAT_MS) {
      this.#seen = 0;
      this.#nextLine = 1;
    }
    this.#seen++;
    this.#seenAtMs = atMs;
    // A wall clock that was set back must not silence the heartbeat for as long as it was set back.
    this.#triedAtMs = Math.min(this.#triedAtMs, atMs);
    if (this.#seen < this.#nextLine && atMs - this.#triedAtMs < HEARTBEAT_MS) {
      this.suppress(event);
      return false;
    }
    while (this.#nextLine <= this.#seen) this.#nextLine *= 2;
    return true;
  }

  suppress(event: PolicyEvent): void {
    this.suppressed++;
    this.lastSuppressed = event;
  }

  write(event: PolicyEvent, write: WritePolicyLine): void {
    this.#triedAtMs = event.atMs;
    let isWritten = false;
    try {
      isWritten = write(event, this.suppressed) !== false;
    } finally {
      // What was not written is carried by the next line; when the logger threw, the bus reports it.
      if (!isWritten) this.suppress(event);
    }
    if (!isWritten) return;
    this.suppressed = 0;
    this.lastSuppressed = null;
  }
}

/** What was counted and no line has told. */
export interface UntoldEvents {
  readonly last: PolicyEvent;
  readonly count: number;
}

/** The lines of all policies on one bus. */
export class PolicyLog {
  readonly #write: WritePolicyLine;
  readonly #sampled: boolean;
  readonly #letGo: (untold: UntoldEvents) => void;
  /** The kind that was heard of last comes last. */
  readonly #kinds = new Map<string, KindLog>();

  /** `letGo` is given what a kind still held when it is forgotten. */
  constructor(write: WritePolicyLine, sampled: boolean, letGo: (untold: UntoldEvents) => void) {
    this.#write = write;
    this.#sampled = sampled;
    this.#letGo = letGo;
  }

  take(event: PolicyEvent): void {
    if (!this.#sampled) {
      this.#write(event, 0);
      return;
    }
    const key = `${event.type} ${event.policy}`;
    const log = this.#kinds.get(key) ?? this.#make();
    this.#kinds.delete(key);
    this.#kinds.set(key, log);
    if (log.isDue(event)) log.write(event, this.#write);
  }

  /** Forgets every kind; what they held goes to `letGo`. */
  clear(): void {
    for (const log of this.#kinds.values()) this.#forget(log);
    this.#kinds.clear();
  }

  #make(): KindLog {
    if (this.#kinds.size >= KIND_LIMIT) {
      for (const [key, oldest] of this.#kinds) {
        this.#kinds.delete(key);
        this.#forget(oldest);
        break;
      }
    }
    return new KindLog();
  }

  #forget({ lastSuppressed: last, suppressed: count }: KindLog): void {
    if (last !== null) this.#letGo({ last, count });
  }
}
