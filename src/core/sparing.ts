import { platformClock } from "../platform.ts";
import type { Circuit } from "./circuit.ts";
import { effectiveFailures } from "./traffic.ts";
import type { Entry, UseOrder } from "./use-order.ts";

/** The most breakers that one `get` looks at to make room, so that a full registry costs a call no more than that. */
const MOST_LOOKS = 1000;

/**
 * One search for a breaker that can make room for another: says which hold something that must not be lost, a call
 * under way, an operator's decision, failures. What failed is spared for `spareMs` after its last failure, or after its
 * cooldown was over.
 */
class Sparing {
  readonly #spareMs: number;
  /** The moment of the search on the platform's clock, read once: a reading costs more than all the rest of a look. */
  #platformMs = Number.NaN;

  constructor(spareMs: number) {
    this.#spareMs = spareMs;
  }

  spares(circuit: Circuit): boolean {
    if (circuit.tally.underWay > 0) return true;
    const { period, consecutiveFailures } = circuit;
    switch (period.state) {
      case "disabled":
        return true;
      case "closed": {
        if (consecutiveFailures === 0) return false;
        const nowMs = this.#glance(circuit);
        const failedMs = period.evidence?.activeMs ?? nowMs;
        return nowMs < failedMs + this.#spareMs && effectiveFailures(circuit, period, nowMs) > 0;
      }
      case "open":
      case "forced_open":
        return this.#glance(circuit) < period.retryMs + this.#spareMs;
      case "half_open":
        return circuit.spentMs(this.#glance(circuit)) < this.#spareMs;
    }
  }

  #glance(circuit: Circuit): number {
    if (circuit.clock !== platformClock) return circuit.glance();
    if (Number.isNaN(this.#platformMs)) this.#platformMs = circuit.glance();
    return this.#platformMs;
  }
}

/**
 * The breaker that was used least recently, of those that are not spared; null when there is none. One that is called
 * without being asked for comes after those that are not. Who is passed over goes to the end, so that the next search
 * begins behind it.
 */
export function leastUsed(order: UseOrder, size: number, spareMs: number): Entry | null {
  const sparing = new Sparing(spareMs);
  let held: Entry | null = null;
  for (let looks = Math.min(size, MOST_LOOKS); looks > 0; looks--) {
    const { oldest } = order;
    if (oldest === null) return held;
    const wasHeld = oldest.wasHeld();
    if (!sparing.spares(oldest.circuit)) {
      if (!wasHeld) return oldest;
      held ??= oldest;
    }
    order.use(oldest);
  }
  return held;
}
