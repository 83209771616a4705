import { attemptNow } from "./attempts.ts";
import { ANYTHING } from "./difference.ts";
import { failuresInARow, idleSteps } from "./failures.ts";
import { hungAside, unseenMoments } from "./hanging.ts";
import { isVerdict, type Moment, type Whose } from "./history.ts";
import type { Ending } from "./in-and-out.ts";
import { cooldownOf, DEFAULT_COOLDOWN_MS } from "./rule-plans.ts";
import { degradedShare } from "./shares.ts";
import type { Teller } from "./teller.ts";
import {
  askedAfter,
  type Evidence,
  explained,
  heardAside,
  lastReason,
  type Nearest,
  nearest,
  overdueFor,
  type Told,
} from "./trips.ts";

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
  const seen = { ms: at.nowMs, after: false };
  const evidence = heardAside(teller.history, teller.rules, whose, seen);
  const isHeard = evidence.verdicts.at(-1) === teller.history.findLast(isVerdict);
  if (!isHeard || (as !== "success" && as !== "error" && as !== "latency")) return;
  const near = nearest(askedAfter(rules, as !== "success"), evidence, at.nowMs);
  if (near === null || near.ratio < 1) return;
  const told = { at, decidedMs: at.nowMs, last: lastReason(evidence) };
  tellWouldOpen(teller, whose, { near, evidence }, { ...told, asked, thrown });
}

/** The same for calls that hang, up to the moment `lastMs`. */
export function lookAsideAtHung(teller: Teller, at: Moment, lastMs: number, whose: Whose): void {
  const rules = whose === "own" ? teller.rules.trip : teller.rules.shadow;
  const moments = unseenMoments(teller.history, teller.rules, rules, at.nowMs);
  let left = moments.filter((moment) => moment <= lastMs);
  for (;;) {
    const hung = hungAside(teller.history, teller.rules, whose, left);
    if (hung === null) return;
    const told = { at, decidedMs: hung.sinceMs, last: "latency" } as const;
    tellWouldOpen(teller, whose, hung, { ...told, asked: null, thrown: null });
    left = left.filter((moment) => moment > hung.sinceMs);
  }
}

function tellWouldOpen(
  teller: Teller,
  whose: Whose,
  { near, evidence }: { readonly near: Nearest; readonly evidence: Evidence },
  told: Told & { readonly asked: number | null; readonly thrown: Ending["thrown"] },
): void {
  const { at, decidedMs, asked, thrown } = told;
  const cooldownMs = asked ?? cooldownOfAttempt(teller, at, 1);
  teller.tell(at, "circuit.would_open", {
    from: teller.committed,
    ...explained(near, evidence, told),
    consecutiveFailures: evidence.count,
    cooldownMs,
    retryAtMs: at.wallMs + cooldownMs - (at.nowMs - decidedMs),
    reopens: 0,
    ...teller.error(thrown),
  });
  const hungMs = decidedMs < at.nowMs ? decidedMs : null;
  const blindUntilMs = decidedMs + cooldownMs;
  teller.history.push({ kind: "would open", whose, blindUntilMs, hungMs });
}

/** An idle step is effective at once, and committed and told at the next step; `untilMs` is when the last may be. */
export function commitIdleSteps(teller: Teller, at: Moment, untilMs = at.nowMs): void {
  const steps = idleSteps(teller.history, teller.rules, untilMs);
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

/** The cooldown of a trip that is effective since `sinceMs`, unless the classifier asked for one. */
export function cooldownNow(teller: Teller, at: Moment, sinceMs = at.nowMs): number {
  return cooldownOfAttempt(teller, at, attemptNow(teller.history, sinceMs));
}

/** The same for one who only reads: nothing is told of a function that fails. */
export function cooldownRead(teller: Teller, sinceMs: number): number {
  const { cooldown, cooldownMs } = teller.rules;
  const attempt = attemptNow(teller.history, sinceMs);
  if (cooldown === "fixed") return cooldownMs;
  if (cooldown === "grows") return cooldownOf.grows(attempt);
  return cooldown === "jitters"
    ? cooldownOf.jitters(attempt, teller.audience.chance)
    : DEFAULT_COOLDOWN_MS;
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
  { evidence, context }: { readonly evidence: Evidence; readonly context: object | undefined },
): void {
  const distance = teller.distance();
  const counting = rule.kind === "consecutive";
  const failures = distance.consecutiveFailures + overdueFor(rule, evidence, at.nowMs).length;
  const left = counting ? { failuresToTrip: rule.n - failures } : {};
  const name = counting ? "consecutive" : rule.slowMs === null ? "failureRate" : "slowRate";
  teller.tell(at, "circuit.progress", { ratio, rule: name, ...left, ...distance }, context);
}
