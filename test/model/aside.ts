import { attemptNow } from "./attempts.ts";
import { ANYTHING } from "./difference.ts";
import { failuresInARow, idleSteps } from "./failures.ts";
import { isVerdict, type Moment, type Whose } from "./history.ts";
import type { Ending } from "./in-and-out.ts";
import { cooldownOf, DEFAULT_COOLDOWN_MS } from "./rule-plans.ts";
import { degradedShare } from "./shares.ts";
import type { Teller } from "./teller.ts";
import { askedAfter, explained, heardAside, type Nearest, nearest } from "./trips.ts";

// What happens beside the changes of state: what is told of rules, shares and functions given as options.

/** Rules that only report: told once, then they look away for the cooldown that would have followed. */
export function lookAside(
  teller: Teller,
  at: Moment,
  { as, retryAfterMs: asked, thrown }: Ending,
  whose: Whose,
): void {
  const { trip, shadow } = teller.rules;
  const rules = whose === "own" ? trip : shadow;
  if (rules.length === 0) return;
  const evidence = heardAside(teller.history, whose);
  const isHeard = evidence.verdicts.at(-1) === teller.history.findLast(isVerdict);
  if (!isHeard || (as !== "success" && as !== "error" && as !== "latency")) return;
  const near = nearest(askedAfter(rules, as !== "success"), evidence, at.nowMs);
  if (near === null || near.ratio < 1) return;
  const cooldownMs = asked ?? cooldownOfAttempt(teller, at, 1);
  teller.tell(at, "circuit.would_open", {
    from: teller.committed,
    ...explained(near, evidence, at),
    consecutiveFailures: evidence.count,
    cooldownMs,
    retryAtMs: at.wallMs + cooldownMs,
    reopens: 0,
    ...teller.error(thrown),
  });
  teller.history.push({ kind: "would open", whose, blindUntilMs: at.nowMs + cooldownMs });
}

/** An idle step is effective at once, and committed and told at the next step. */
export function commitIdleSteps(teller: Teller, at: Moment): void {
  const steps = idleSteps(teller.history, teller.rules, at.nowMs);
  const { count } = failuresInARow(teller.history, teller.rules);
  if (steps === 0 || count === 0) return;
  teller.history.push({ kind: "idled", steps });
  tellShare(teller, at, count);
}

/** Tells that the share is not what it was with a count of `before`. */
export function tellShare(teller: Teller, at: Moment, before: number): void {
  const { consecutiveFailures } = teller;
  const from = degradedShare(teller.rules, before);
  const to = degradedShare(teller.rules, consecutiveFailures);
  if (from !== to) teller.tell(at, "circuit.degrade", { from, to, consecutiveFailures });
}

/** The cooldown of a trip now, unless the classifier asked for one. */
export function cooldownNow(teller: Teller, at: Moment): number {
  return cooldownOfAttempt(teller, at, attemptNow(teller.history, at.nowMs));
}

function cooldownOfAttempt(teller: Teller, at: Moment, attempt: number): number {
  const { cooldown, cooldownMs } = teller.rules;
  if (cooldown === "fixed") return cooldownMs;
  if (cooldown === "grows") return cooldownOf.grows(attempt);
  if (cooldown === "jitters") return cooldownOf.jitters(attempt, teller.audience.chance);
  const error =
    cooldown === "throws"
      ? { name: "Error", message: "no cooldown" }
      : { name: "RangeError", message: ANYTHING };
  teller.tell(at, "circuit.callback_failed", { callback: "cooldownMs", error });
  return DEFAULT_COOLDOWN_MS;
}

/** The random source is asked. */
export function tellRandom(teller: Teller, at: Moment): void {
  const { randomFails: error } = teller.rules;
  if (error !== null) teller.tell(at, "circuit.callback_failed", { callback: "random", error });
}

export function tellProgress(
  teller: Teller,
  at: Moment,
  { rule, ratio }: Nearest,
  context: object | undefined,
): void {
  const distance = teller.distance();
  const counting = rule.kind === "consecutive";
  const left = counting ? { failuresToTrip: rule.n - distance.consecutiveFailures } : {};
  const name = counting ? "consecutive" : rule.slowMs === null ? "failureRate" : "slowRate";
  teller.tell(at, "circuit.progress", { ratio, rule: name, ...left, ...distance }, context);
}
