import type { FailureReason } from "../../src/index.ts";
import { tallyOf } from "./failures.ts";
import {
  type History,
  isChange,
  isFailure,
  type Moment,
  type Rules,
  type Settled,
  since,
} from "./history.ts";

// How the probes of the present half-open time decide.

function verdicts(history: History) {
  const settled = since(history, isChange).filter(
    (fact): fact is Settled => fact.kind === "settled",
  );
  return { good: settled.filter(({ as }) => as === "success"), bad: settled.filter(isFailure) };
}

/** Probes that may run at once: as many as could still be needed for a decision. */
export function slotsLeft(history: History, { maxProbes, probeRate }: Rules): number {
  const { good, bad } = verdicts(history);
  if (probeRate === null) return maxProbes;
  const needed = probeRate.minimumCalls - good.length - bad.length;
  return needed < maxProbes ? needed : maxProbes;
}

/** What the probes have decided; null when they have not. */
export function probeDecision(history: History, rules: Rules): "open" | "close" | null {
  const { good, bad } = verdicts(history);
  const { probeRate, successThreshold } = rules;
  if (probeRate === null) {
    if (bad.length > 0) return "open";
    return good.length >= successThreshold ? "close" : null;
  }
  const { minimumCalls, threshold } = probeRate;
  const toCome = minimumCalls - good.length - bad.length;
  // Every way the probes to come may go.
  const rates = Array.from({ length: toCome + 1 }, (_, fail) => (bad.length + fail) / minimumCalls);
  if (rates.every((rate) => rate >= threshold)) return "open";
  return rates.every((rate) => rate < threshold) ? "close" : null;
}

/** What an open by probes tells. */
export function explainedByProbes(history: History, { probeRate }: Rules, at: Moment) {
  const { good, bad } = verdicts(history);
  const { error, latency } = tallyOf(bad.map(({ as }) => as));
  const [first] = bad;
  const last: FailureReason = bad.at(-1)?.as === "error" ? "error" : "latency";
  const reason = error === latency ? last : error > latency ? "error" : "latency";
  const told = {
    reason,
    failuresByReason: { error, latency },
    firstFailureAtMs: first?.wallMs,
    detectMs: at.nowMs - (first?.nowMs ?? Number.NaN),
  } as const;
  if (probeRate === null) {
    return { ...told, rule: "probe", window: { calls: 1, failures: 1 }, threshold: 1 };
  }
  const { minimumCalls, threshold } = probeRate;
  const [calls, failures] = [good.length + bad.length, bad.length];
  const window = { calls, failures, rate: failures / minimumCalls, minimumCalls };
  return { ...told, rule: "probeFailureRate", window, threshold };
}
