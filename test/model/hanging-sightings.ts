import type { Guarded } from "./guarded.ts";
import { hungTrip } from "./hanging.ts";
import { type Change, committedState, type Fact, type History, type Rules } from "./history.ts";
import type { Step } from "./plans.ts";
import type { Rare, Reach } from "./reach.ts";
import { heard, limitOf, overdueFor, startsOf } from "./trips.ts";

/** What a step of each kind is to a breaker that it makes commit something. */
const COMMITS: Readonly<Record<Step["do"], Rare | null>> = {
  call: "in-flight trip committed by a call",
  burst: "in-flight trip committed by a call",
  admit: "in-flight trip committed by a permit",
  finish: "in-flight trip committed by a result",
  settle: "in-flight trip committed by a result",
  record: "in-flight trip committed by a record",
  "force open": "in-flight trip committed by a control call",
  reset: "in-flight trip committed by a control call",
  disable: "in-flight trip committed by a control call",
  "catch up": "in-flight trip committed by a scrape",
  enable: null,
  wait: null,
  "step back": null,
  "set wall clock": null,
  listen: null,
  "stop listening": null,
};

/** Notes the rare things of calls that hang. It decides nothing. */
export class HangingSightings {
  readonly #reach: Reach;
  /** How many facts of each breaker were looked at. */
  readonly #seen = new Map<Guarded, number>();

  constructor(reach: Reach) {
    this.#reach = reach;
  }

  /** A step is over: what it added to the list is looked at, and where the calls under way stand. */
  sawStep(guarded: Guarded, step: Step, nowMs: number): void {
    const { history, rules } = guarded.reference;
    const from = this.#seen.get(guarded) ?? 0;
    this.#seen.set(guarded, history.length);
    if (!rules.inFlight) return;
    const added = history.slice(from);
    for (const [index, fact] of added.entries()) {
      this.#sawFact(guarded, fact, { before: history.slice(0, from + index), step });
    }
    const hung = added.filter((fact) => fact.kind === "would open" && fact.hungMs !== null);
    if (hung.length > 1) this.#hit("several would-be trips by calls that hang in one step");
    if (hungTrip(history, rules, nowMs) !== null) {
      this.#hit("in-flight trip effective, not committed");
    }
    if (committedState(history) === "closed") this.#sawCalls(history, rules, nowMs);
  }

  #sawFact(
    { reference: { rules } }: Guarded,
    fact: Fact,
    { before, step }: { readonly before: History; readonly step: Step },
  ): void {
    if (fact.kind === "change" && fact.effectiveMs < fact.nowMs) {
      this.#sawTrip(rules, fact, before);
      const how = COMMITS[step.do];
      if (how !== null) this.#hit(how);
    } else if (fact.kind === "would open" && fact.hungMs !== null) {
      const disabled = committedState(before) === "disabled";
      this.#hit(`would open by calls that hang ${disabled ? "while disabled" : "beside a rule"}`);
    } else if (fact.kind === "looked" && fact.raised) {
      this.#hit("calls became overdue without a trip");
    } else if (fact.kind === "settled") this.#sawEnd(rules, fact, before);
  }

  #sawTrip(rules: Rules, trip: Change, before: History): void {
    if (trip.dueMs !== null && trip.dueMs <= trip.nowMs) {
      this.#hit("in-flight trip whose cooldown was over at the commit");
    }
    if (before.at(-1)?.kind === "idled") this.#hit("idle steps before an in-flight trip");
    const hung = hungTrip(before, rules, trip.nowMs);
    if (hung === null) return;
    const { rule } = hung.near;
    if (rule.kind === "consecutive") this.#hit("in-flight trip by failures in a row");
    else {
      const kind = rule.slowMs === null ? "failures" : "slow calls";
      this.#hit(`in-flight trip by a rate of ${kind}`);
    }
    const { length } = overdueFor(rule, hung.evidence, hung.sinceMs);
    if (length < hung.evidence.starts.length) this.#hit("in-flight trip while other calls run");
    if (hung.evidence.count > 0) this.#hit("in-flight trip with failures that ended");
  }

  /** A call ended that may have been overdue. */
  #sawEnd(rules: Rules, fact: Extract<Fact, { kind: "settled" }>, before: History): void {
    const started = before.find((one) => one.kind === "started" && one.call === fact.call);
    if (started?.kind !== "started") return;
    const limits = rules.trip.flatMap((rule) => limitOf(rule, rules) ?? []);
    if (!limits.some((limitMs) => started.nowMs + limitMs < fact.nowMs)) return;
    const verdict = fact.as === "error" || fact.as === "latency";
    if (fact.as === "success") this.#hit("overdue call ended as a success");
    else if (fact.as === "late") this.#hit("overdue call ended late");
    else this.#hit(`overdue call ended as ${verdict ? "a failure" : "no verdict"}`);
  }

  /** Where the calls under way stand against the rules in force. */
  #sawCalls(history: History, rules: Rules, nowMs: number): void {
    const evidence = heard(history, rules, { ms: nowMs, after: false });
    for (const rule of rules.trip) {
      const limitMs = limitOf(rule, rules);
      if (limitMs === null) continue;
      const due = startsOf(history).map((startMs) => startMs + limitMs);
      if (due.includes(nowMs)) this.#hit("call under way exactly at its limit");
      if (due.includes(nowMs - 1)) this.#hit("call under way one over its limit");
      const overdue = due.filter((ms) => ms < nowMs).length;
      if (overdue === overdueFor(rule, evidence, nowMs).length) continue;
      if (rule.kind === "consecutive") this.#hit("overdue call from before the last success");
      else {
        const over = "calls" in rule.window ? "calls" : "time";
        this.#hit(`overdue call that a window of ${over} forgot`);
      }
    }
  }

  #hit(rare: Rare): void {
    this.#reach.hit(rare);
  }
}
