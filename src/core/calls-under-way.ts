import { OverdueCount } from "./overdue-count.ts";
import type { PendingTrip } from "./overdue-trip.ts";
import { Chain, type UnderWay } from "./under-way.ts";

/** Calls that are followed at the same time, before they are overdue: further ones do not count before they end. */
const MOST_YOUNG = 1_000_000;
/** Overdue calls that are followed at the same time: of more, the oldest count no longer. */
const MOST_OVERDUE = 100_000;

/** The limits that calls under way are held against. */
interface Limits {
  /** That of every rule which has none of its own; Infinity when off. */
  readonly latencyTripMs: number;
  /** The shortest of all; Infinity when calls under way do not count. */
  readonly inFlightMs: number;
}

/** Follows the calls of a period; null without the option `inFlight`. */
export function callsUnderWay(limits: Limits): CallsUnderWay | null {
  return limits.inFlightMs === Number.POSITIVE_INFINITY ? null : new CallsUnderWay(limits);
}

/**
 * The calls of one period that have not ended. They are young until they exceed the shortest limit, and move then to
 * the chain of the overdue, which holds a call for as long as it counts for any rule.
 */
export class CallsUnderWay {
  /** Calls that have not ended, followed or not. */
  count = 0;
  /** The last success of the period; before the first it is -Infinity. */
  lastSuccessMs = Number.NEGATIVE_INFINITY;
  /** Up to this moment time alone brings nothing about: the one comparison that each step pays. */
  quietUntilMs = Number.POSITIVE_INFINITY;
  /** A trip that is effective and that the next step commits. */
  pending: PendingTrip | null = null;
  /** Calls became overdue since the last step that told the progress. */
  raised = false;
  /** The rules are being asked: what they do to the breaker meanwhile must not ask them again. */
  asking = false;
  #limits: Limits;
  /** What became overdue before it counts, and no rule is asked about it: the limits were others then. */
  #limitsSinceMs = Number.NEGATIVE_INFINITY;
  readonly #young = new Chain();
  readonly #overdue = new Chain();
  #counts: OverdueCount[] = [];
  #latestMs = Number.NEGATIVE_INFINITY;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** A call has succeeded, known at a moment that may be past. */
  succeeded(knownMs: number): void {
    if (knownMs > this.lastSuccessMs) this.lastSuccessMs = knownMs;
  }

  begin(call: UnderWay, startMs: number): void {
    this.count++;
    call.calls = this;
    if (this.#young.length >= MOST_YOUNG) return;
    // A call that ran while this one was being admitted may have started after it.
    if (startMs > this.#latestMs) this.#latestMs = startMs;
    call.sinceMs = this.#latestMs;
    this.#young.add(call);
    const dueMs = this.#latestMs + this.#limits.inFlightMs;
    if (dueMs < this.quietUntilMs) this.quietUntilMs = dueMs;
  }

  end(call: UnderWay): void {
    this.count--;
    call.calls = null;
    if (call.chain === this.#young) this.#young.remove(call);
    else if (call.chain !== null) this.#loseOverdue(call);
  }

  /** The period is over: what still runs counts for nothing. */
  clear(): void {
    for (const chain of [this.#young, this.#overdue]) {
      for (let call = chain.first; call !== null; call = chain.first) {
        chain.remove(call);
        call.calls = null;
      }
    }
    this.#counts = [];
  }

  /** Goes on with other limits; whoever counts must begin again. */
  follow(limits: Limits, nowMs: number): void {
    this.#limits = limits;
    this.#limitsSinceMs = nowMs;
    this.age(nowMs);
    this.quietUntilMs = Number.NEGATIVE_INFINITY;
  }

  /** Begins to count the overdue calls of a rule whose own limit is given; null when no call can exceed its limit. */
  countFor(
    ownLimitMs: number | undefined,
    { fromMs, countedMs }: { readonly fromMs: number; readonly countedMs: number },
  ): OverdueCount | null {
    const limitMs = ownLimitMs ?? this.#limits.latencyTripMs;
    if (limitMs === Number.POSITIVE_INFINITY) return null;
    const counted = new OverdueCount(limitMs, fromMs);
    counted.next = this.#overdue.first;
    while (counted.nextMs <= countedMs) counted.next = counted.next?.after ?? null;
    while (counted.nextMs < this.#limitsSinceMs) counted.take(counted.nextMs);
    this.#counts.push(counted);
    return counted;
  }

  /** Ends what `countFor` began. */
  stopCounting(stopped: OverdueCount): void {
    this.#counts = this.#counts.filter((counted) => counted !== stopped);
  }

  /** Moves the calls that exceed the shortest limit to the overdue. */
  age(nowMs: number): void {
    const { inFlightMs } = this.#limits;
    for (let call = this.#young.first; call !== null; call = this.#young.first) {
      if (!(call.sinceMs + inFlightMs < nowMs)) break;
      this.#young.remove(call);
      this.#overdue.add(call);
      for (const counted of this.#counts) counted.next ??= call;
    }
  }

  /** Lets the overdue go that count for nobody, and works out when there is something to do next. */
  rest(): void {
    const { first: young } = this.#young;
    this.quietUntilMs =
      young === null ? Number.POSITIVE_INFINITY : young.sinceMs + this.#limits.inFlightMs;
    for (const { nextMs } of this.#counts) {
      if (nextMs < this.quietUntilMs) this.quietUntilMs = nextMs;
    }
    for (let call = this.#overdue.first; call !== null; call = this.#overdue.first) {
      const oldest = call;
      const needed = !this.#counts.every((counted) => counted.isBehind(oldest));
      if (needed && this.#overdue.length <= MOST_OVERDUE) break;
      this.#loseOverdue(oldest);
    }
  }

  #loseOverdue(call: UnderWay): void {
    for (const counted of this.#counts) counted.lose(call);
    this.#overdue.remove(call);
  }
}
