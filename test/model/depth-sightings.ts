import { attemptNow, healthyAtMs } from "./attempts.ts";
import { failuresInARow, idleSteps } from "./failures.ts";
import type { Guarded } from "./guarded.ts";
import {
  beginsPeriod,
  type Change,
  committedState,
  type Fact,
  type History,
  isChange,
  isFailure,
  isVerdict,
  type Moment,
  type Rules,
  type Settled,
} from "./history.ts";
import type { Admission } from "./in-and-out.ts";
import { probeDecision } from "./probes.ts";
import type { Rare, Reach } from "./reach.ts";
import { trafficShare } from "./shares.ts";
import { heard, nearest } from "./trips.ts";

/** Notes the rare things of trip rules, shaped traffic and growing cooldowns. It decides nothing. */
export class DepthSightings {
  readonly #reach: Reach;
  /** How many facts of each breaker were looked at. */
  readonly #seen = new Map<Guarded, number>();

  constructor(reach: Reach) {
    this.#reach = reach;
  }

  /** The reference has answered an admission. */
  sawAdmission({ reference, chance }: Guarded, admission: Admission, at: Moment): void {
    const { history, rules } = reference;
    if (typeof admission === "object" && admission.reason === "ramping") this.#hit("ramping skip");
    if (typeof admission === "object" && admission.reason === "degraded")
      this.#hit("degraded skip");
    if (committedState(history) !== "closed") return;
    const { share, reason } = trafficShare(history, rules, at.nowMs);
    if (share === chance.now) this.#hit("chance exactly at the share");
    if (typeof admission !== "number") return;
    if (share < 1) this.#hit(`passed by chance, ${reason}`);
    const wasIdle = history.at(-2)?.kind === "idled";
    if (wasIdle) this.#hit("idle step committed by a call that passes");
  }

  /** A step is over: what it added to the list is looked at. */
  sawStep(guarded: Guarded, nowMs: number): void {
    const { history, rules } = guarded.reference;
    if (idleSteps(history, rules, nowMs) > 0 && failuresInARow(history, rules).count > 0) {
      this.#hit("idle step effective, not committed");
    }
    for (let index = this.#seen.get(guarded) ?? 0; index < history.length; index++) {
      const fact = history[index];
      if (fact !== undefined) this.#sawFact(guarded, fact, history.slice(0, index));
    }
    this.#seen.set(guarded, history.length);
  }

  #sawFact({ reference: { rules } }: Guarded, fact: Fact, before: History): void {
    switch (fact.kind) {
      case "idled":
        this.#hit(fact.steps > 1 ? "several idle steps at once" : "idle step committed");
        return;
      case "would open":
        this.#sawWouldOpen(before);
        return;
      case "settled":
        if (isVerdict(fact)) this.#sawVerdict(rules, fact, before);
        if (isFailure(fact) && fact.during === "half_open" && rules.probeRate !== null) {
          const decided = probeDecision([...before, fact], rules) !== null;
          if (!decided) this.#hit("probe failed below the rate");
        }
        return;
      case "change":
        if (fact.why === "trip" && fact.effectiveMs === fact.nowMs) {
          this.#sawTrip(rules, fact, before);
        }
        // One that fails answers the same for each attempt.
        if (fact.to === "open" && (rules.cooldown === "grows" || rules.cooldown === "jitters")) {
          this.#sawAttempt(fact, before);
        }
    }
  }

  #sawWouldOpen(before: History): void {
    const period = before.slice(before.findLastIndex(beginsPeriod) + 1);
    if (committedState(before) === "closed") this.#hit("would open by a shadow rule");
    else this.#hit("would open while disabled");
    if (period.some(({ kind }) => kind === "would open")) this.#hit("would open again");
    const last = before.at(-1);
    if (last?.kind === "settled" && last.as === "success") this.#hit("would open by a success");
  }

  #sawVerdict(rules: Rules, fact: Settled, before: History): void {
    const told = before.findLast((other) => beginsPeriod(other) || other.kind === "would open");
    if (told?.kind === "would open") {
      const leftMs = told.blindUntilMs - fact.nowMs;
      if (leftMs > 0) this.#hit("verdict while rules look away");
      if (leftMs === 0) this.#hit("verdict when rules look again");
    }
    if (rules.degradation === null || fact.as !== "success" || fact.during !== "closed") return;
    const { count } = failuresInARow(before, rules);
    if (count > 1) this.#hit("success that takes one of several failures off");
  }

  #sawTrip(rules: Rules, trip: Change, before: History): void {
    const evidence = heard(before, rules, { ms: trip.nowMs, after: false });
    const near = nearest(rules.trip, evidence, trip.nowMs);
    if (near === null) return;
    const { rule } = near;
    if (rule !== rules.trip[0]) this.#hit("trip by another rule than the first");
    if (evidence.verdicts.at(-1)?.as === "success") this.#hit("trip by a success");
    if (rule.kind === "consecutive") return;
    const over = "calls" in rule.window ? "calls" : "time";
    this.#hit(`trip by ${rule.slowMs === null ? "failures" : "slow calls"} over ${over}`);
    const { length } = evidence.verdicts;
    if ("durationMs" in rule.window) {
      const fromMs = trip.nowMs - rule.window.durationMs;
      if (evidence.verdicts.some(({ nowMs }) => nowMs < fromMs)) this.#hit("time window moved on");
    } else if (length > rule.window.calls) this.#hit("call window moved on");
  }

  #sawAttempt(open: Change, before: History): void {
    const attempt = attemptNow(before, open.effectiveMs);
    if (attempt === 2) this.#hit("second attempt");
    if (attempt >= 3) this.#hit("third attempt or later");
    if (open.why !== "trip") return;
    const leftMs = (healthyAtMs(before) ?? Number.NaN) - open.effectiveMs;
    if (leftMs === 0) this.#hit("tripped exactly when it was healthy");
    if (leftMs === 1) this.#hit("tripped one before it was healthy");
    if (attempt > 1) this.#hit("attempt counted on after a short recovery");
    const earlier = before.filter(isChange);
    const operator = earlier.findLastIndex(({ why }) => why === "closed");
    const opened = earlier.slice(operator + 1).some(({ to }) => to === "open");
    if (attempt === 1 && opened) this.#hit("attempts begun again after health");
    if (attempt === 1 && !opened && earlier.some(({ to }) => to === "open")) {
      this.#hit("attempts begun again by an operator");
    }
  }

  #hit(rare: Rare): void {
    this.#reach.hit(rare);
  }
}
