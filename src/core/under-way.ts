import type { CallsUnderWay } from "./calls-under-way.ts";

/** A call that has not ended, as a link of a chain: followed and let go in the same time, however many there are. */
export class UnderWay {
  /** When it started, or when the one before it did if that was later. */
  sinceMs = 0;
  /** Null when nobody follows the call. */
  calls: CallsUnderWay | null = null;
  chain: Chain | null = null;
  before: UnderWay | null = null;
  after: UnderWay | null = null;

  /** The call has ended: it counts as what it is from now on. */
  leave(): void {
    this.calls?.end(this);
  }
}

/** Calls in the order of their starts. */
export class Chain {
  first: UnderWay | null = null;
  last: UnderWay | null = null;
  length = 0;

  /** `call` started after those that are here. */
  add(call: UnderWay): void {
    const { last } = this;
    call.chain = this;
    call.before = last;
    if (last === null) this.first = call;
    else last.after = call;
    this.last = call;
    this.length++;
  }

  remove(call: UnderWay): void {
    const { before, after } = call;
    if (before === null) this.first = after;
    else before.after = after;
    if (after === null) this.last = before;
    else after.before = before;
    call.chain = null;
    call.before = null;
    call.after = null;
    this.length--;
  }
}
