import type { Circuit } from "./circuit.ts";
import { effectiveFailures } from "./traffic.ts";

/**
 * Whether a breaker holds something that must not be lost to make room for another: a call under way, an operator's
 * decision, failures. What failed is spared for `spareMs` after its last failure, or after its cooldown was over.
 */
export function isSpared(circuit: Circuit, spareMs: number): boolean {
  if (circuit.tally.underWay > 0) return true;
  const { period, consecutiveFailures } = circuit;
  switch (period.state) {
    case "disabled":
      return true;
    case "closed": {
      if (consecutiveFailures === 0) return false;
      const nowMs = circuit.glance();
      const failedMs = period.evidence?.activeMs ?? nowMs;
      return nowMs < failedMs + spareMs && effectiveFailures(circuit, period, nowMs) > 0;
    }
    case "open":
    case "forced_open":
      return circuit.glance() < period.retryMs + spareMs;
    case "half_open":
      return circuit.spentMs(circuit.glance()) < spareMs;
  }
}
