import { hasForcedOpen } from "../core/permanent-failures.ts";
import { outageKind, refusalOf } from "./error-kind.ts";

/**
 * Whether the dependency of a fallback is known to fail: since a breaker refused a call for that, until one that began
 * after it is answered. The call that becomes the breaker's probe fails with an error of its own, in the same outage.
 */
export class Outage {
  #number = 0;
  #lasts = false;

  /** Which outage lasts; 0 for none. */
  get current(): number {
    return this.#lasts ? this.#number : 0;
  }

  /** A call failed. */
  failed(thrown: unknown): void {
    if (this.#lasts || !isShutOut(thrown)) return;
    this.#lasts = true;
    this.#number++;
  }

  /** The dependency answered, well or for good; `begunIn` is what `current` was when the call began. */
  answered(begunIn: number): void {
    if (begunIn === this.#number) this.#lasts = false;
  }
}

/** Whether a breaker refuses because the dependency fails; its bulkhead says the same while it is full. */
export function isShutOut(thrown: unknown): boolean {
  const state = refusalOf(thrown)?.state;
  return state === "open" || state === "half_open" || state === "forced_open";
}

/**
 * Whether a breaker refuses because a permanent failure has forced it open: the first call failed with that failure
 * itself, and so do those that it is the cause of. Not by an outage, whatever the breaker made of it.
 */
export function isDenied(thrown: unknown): boolean {
  const refusal = refusalOf(thrown);
  if (refusal?.state !== "forced_open" || !hasForcedOpen(refusal.cause)) return false;
  return outageKind(refusal.cause) !== "unsent";
}
