import { commitIdleSteps, cooldownNow, lookAsideAtHung, tellProgress } from "./aside.ts";
import { trip } from "./changes.ts";
import { failuresInARow } from "./failures.ts";
import { hungTrip, unseenMoments } from "./hanging.ts";
import { type Moment, unsettledProbes } from "./history.ts";
import type { Teller } from "./teller.ts";
import { explained, heard, raisesLevel, readAt } from "./trips.ts";

// What time alone brought about is committed and told at the next step.

/** Each lost lease in turn. */
export function endLeases(teller: Teller, at: Moment): void {
  const probes = unsettledProbes(teller.history);
  for (const { call, nowMs } of probes) {
    if (at.nowMs < nowMs + teller.rules.leaseMs) continue;
    teller.history.push({ kind: "lease ended", call });
    // The others whose lease is over are told after this one, so they still count here.
    const fields = { outcome: "expired", latencyMs: null };
    const left = unsettledProbes(teller.history).length;
    teller.tell(at, "circuit.probe", { ...fields, probesInFlight: left });
  }
}

/** What calls that hang brought about: would-be trips and a trip, or progress. */
export function lookAtHung(teller: Teller, at: Moment): void {
  const { history, rules, committed } = teller;
  if (!rules.inFlight || (committed !== "closed" && committed !== "disabled")) return;
  const hung = hungTrip(history, rules, at.nowMs);
  const raised =
    committed === "closed" && unseenMoments(history, rules, rules.trip, at.nowMs).length > 0;
  const any = unseenMoments(history, rules, [...rules.trip, ...rules.shadow], at.nowMs).length > 0;
  if (!any) return;
  const cooldownMs = hung === null ? null : cooldownNow(teller, at, hung.sinceMs);
  if (committed === "disabled") lookAsideAtHung(teller, at, at.nowMs, "own");
  lookAsideAtHung(teller, at, hung?.sinceMs ?? at.nowMs, "shadow");
  if (raised) commitIdleSteps(teller, at, hung?.sinceMs);
  if (hung !== null && cooldownMs !== null) {
    const { near, sinceMs } = hung;
    // What the idle steps before it have forgiven did not decide.
    const evidence = { ...hung.evidence, ...failuresInARow(history, rules) };
    const told = { at, decidedMs: sinceMs, last: "latency" } as const;
    const { reason, ...decided } = explained(near, evidence, told);
    trip(teller, at, { reason, asked: null, decided, hung: { sinceMs, cooldownMs } });
    return;
  }
  const before = [...history];
  history.push({ kind: "looked", nowMs: at.nowMs, raised });
  if (!raised) return;
  const near = readAt(history, rules, at.nowMs);
  if (near === null || near.ratio >= 1 || !raisesLevel(before, near, rules)) return;
  const evidence = heard(history, rules, { ms: at.nowMs, after: false });
  tellProgress(teller, at, near, { evidence, context: undefined });
}
