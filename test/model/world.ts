import { type CircuitEvent, createEventBus, type EventBus } from "../../src/index.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { healthyAtMs } from "./attempts.ts";
import { Counters } from "./counters.ts";
import { Deliveries } from "./deliveries.ts";
import { DepthSightings } from "./depth-sightings.ts";
import { disagreement, type Guarded, guardedBy } from "./guarded.ts";
import { GuardedRun } from "./guarded-run.ts";
import { hungTrip, nextOverdueMs } from "./hanging.ts";
import { HangingSightings } from "./hanging-sightings.ts";
import { dueMs, isVerdict, type Moment, unsettledProbes } from "./history.ts";
import { Listeners } from "./listeners.ts";
import { Permits } from "./permits.ts";
import type { CallPlan, ControlPlan, Setup, Span, Step } from "./plans.ts";
import type { Reach } from "./reach.ts";
import type { ReplayCheck } from "./replay-check.ts";
import { Sightings } from "./sightings.ts";
import { allUntouched, type ThrowableName } from "./thrown.ts";
import { userBus } from "./user-bus.ts";
import { Witness } from "./witness.ts";

/** Real breakers and their references under one clock, kept in step; everything that disagrees is a problem. */
export class World {
  readonly clock = new FakeClock();
  readonly setup: Setup;
  readonly reach: Reach;
  readonly deliveries: Deliveries;
  readonly listeners: Listeners;
  readonly sightings: Sightings;
  readonly depth: DepthSightings;
  readonly hanging: HangingSightings;
  readonly permits = new Permits(this);
  readonly problems: string[] = [];
  /** The call whose result the real breaker is about to judge. */
  settling: GuardedRun | null = null;
  /** The classifier is calling the breaker. */
  classifying = false;
  /** Something was started that ends in a microtask. */
  awaitsMicrotasks = false;
  readonly #guarded: readonly Guarded[];
  readonly #counters = new Map<Guarded, Counters>();
  readonly #witness: Witness | null;
  readonly #replay: ReplayCheck | null;
  #runs: GuardedRun[] = [];
  #lastRawMs = 0;
  #steadyMs = 0;

  /** `replay` listens in on the buses, so that it needs one that was given, and a witness. */
  constructor(setup: Setup, reach: Reach, replay: ReplayCheck | null = null) {
    this.setup = setup;
    this.reach = reach;
    this.#replay = replay;
    this.deliveries = new Deliveries(setup.bus);
    const bus = busOf(setup);
    const names = setup.second && setup.bus === "shared" ? ["first", "second"] : ["first"];
    const { clock, deliveries } = this;
    const begun = this.moment();
    this.#guarded = names.map((name) =>
      guardedBy(setup, name, {
        clock,
        bus: bus === undefined ? undefined : (replay?.listenIn(name, bus) ?? bus),
        begun,
        deliveries,
        // The cast lets the model's classifier answer nonsense.
        classify: (call) => this.settling?.classify(call) as undefined,
      }),
    );
    for (const guarded of this.#guarded) {
      this.#counters.set(guarded, new Counters(guarded.breaker, setup.maxProbes));
      replay?.begin(guarded);
    }
    this.sightings = new Sightings(reach, setup);
    this.depth = new DepthSightings(reach);
    this.hanging = new HangingSightings(reach);
    this.listeners = new Listeners(this, bus);
    this.#witness = setup.witness ? this.#addWitness() : null;
    if (setup.watchesBus && (setup.witness || bus !== undefined)) {
      this.listeners.watchBus(this.#target(0));
    }
  }

  // Time

  /** Now: time that goes back counts as no time. */
  moment(): Moment {
    const rawMs = this.clock.monotonicMs();
    this.#steadyMs += Math.max(0, rawMs - this.#lastRawMs);
    this.#lastRawMs = rawMs;
    return { nowMs: this.#steadyMs, wallMs: this.clock.epochMs() };
  }

  /**
   * Lets time pass, but not while a classifier runs: the contract does not say whether the call ended before it was
   * judged or after.
   */
  pass(span: Span): void {
    if (this.classifying) return;
    this.clock.advance(this.#lengthOf(span));
  }

  #lengthOf(span: Span): number {
    if (typeof span === "number") return span;
    const { nowMs } = this.moment();
    const { reference } = this.#target(0);
    const { history } = reference;
    let untilMs: number | undefined;
    if (span.to === "due") {
      const { retryAfterMs } = reference.readings(nowMs);
      const isHung = hungTrip(history, reference.rules, nowMs) !== null;
      untilMs = isHung ? nowMs + (retryAfterMs ?? 0) : (dueMs(history) ?? undefined);
    } else if (span.to === "overdue") untilMs = nextOverdueMs(history, reference.rules, nowMs);
    else if (span.to === "lease") {
      const probe = unsettledProbes(history)[0];
      untilMs = probe === undefined ? undefined : probe.nowMs + this.setup.leaseMs;
    } else if (span.to === "idle step") {
      const { idleStepMs } = this.#target(0).reference.rules;
      const last = history.findLast(isVerdict);
      if (last !== undefined) {
        const steps = Math.floor((nowMs - last.nowMs) / idleStepMs) + 1;
        untilMs = last.nowMs + steps * idleStepMs;
      }
    } else if (span.to === "blind end") {
      const last = history.findLast((fact) => fact.kind === "would open");
      untilMs = last?.kind === "would open" ? last.blindUntilMs : undefined;
    } else if (span.to === "healthy") untilMs = healthyAtMs(history);
    else {
      const oldest = this.#runs.find(({ running }) => running);
      const begunMs = oldest?.startMs ?? this.permits.oldestMs ?? nowMs;
      untilMs = begunMs + (this.setup.latencyTripMs ?? 0);
    }
    return Math.max(0, (untilMs ?? nowMs) - nowMs + span.plus);
  }

  // Steps

  /** Takes one step, and throws when anything disagreed in it. */
  async take(step: Step): Promise<void> {
    this.reach.steps++;
    this.awaitsMicrotasks = false;
    const reactedBefore = this.listeners.reactions;
    // A trip by calls that hang is committed first, whatever the step brings.
    const isHung = this.#guarded.some(({ reference: { history, rules } }) =>
      hungTrip(history, rules, this.moment().nowMs),
    );
    this.#do(step, this.#target(step.on));
    if (this.awaitsMicrotasks) await new Promise((resolve) => setImmediate(resolve));
    this.deliveries.finish();
    const calm = this.listeners.reactions === reactedBefore;
    const onlyResult = calm && !isHung && (step.do === "settle" || step.do === "finish");
    for (const guarded of this.#guarded) {
      this.#check(guarded, onlyResult);
      this.hanging.sawStep(guarded, step, this.moment().nowMs);
      this.#replay?.endStep(guarded);
    }
    this.#failOnProblems();
  }

  /** What must hold of the whole run. */
  end(): void {
    if (this.#runs.some(({ running }) => running)) this.reach.hit("call never settled");
    if (!allUntouched()) this.problem("a thrown value was changed");
    this.#witness?.end(this.#target(0).breaker.stats);
    this.#failOnProblems();
  }

  #do(step: Step, guarded: Guarded): void {
    switch (step.do) {
      case "call":
        this.call(guarded, step.call);
        return;
      case "burst":
        this.#burst(guarded, step.calls, step.throws);
        return;
      case "finish":
        this.#finish(step.pick, step.throws, step.abort);
        return;
      case "admit":
        this.permits.admit(guarded);
        return;
      case "settle":
        this.permits.settle(step);
        return;
      case "record":
        this.permits.record(guarded, step);
        return;
      case "wait":
        this.pass(step.span);
        return;
      case "step back":
        this.clock.advance(-step.byMs);
        this.moment();
        for (const { breaker } of this.#guarded) void breaker.stats;
        this.clock.advance(step.thenMs);
        this.reach.hit("monotonic clock back");
        return;
      case "set wall clock":
        this.clock.jumpWall(step.byMs);
        this.sightings.sawWallClockSet(guarded, step.byMs);
        return;
      case "listen":
        this.listeners.add(guarded, step.listener);
        return;
      case "stop listening":
        this.listeners.remove(step.pick);
        return;
      default:
        this.control(guarded, step);
    }
  }

  call(guarded: Guarded, plan: CallPlan): void {
    const run = new GuardedRun(this, guarded, plan);
    this.#runs.push(run);
    run.start();
  }

  #burst(guarded: Guarded, calls: number, throws: ThrowableName | null): void {
    for (let n = 0; n < calls; n++) {
      this.call(guarded, {
        via: "callSync",
        form: throws === null ? "value" : "throw",
        throws: throws ?? "error",
        answer: { kind: "default" },
        signal: "none",
        context: false,
        tookMs: 0,
      });
    }
  }

  #finish(pick: number, throws: ThrowableName | null, abort: boolean): void {
    this.#runs = this.#runs.filter(({ running }) => running);
    const run = this.#runs[pick % Math.max(1, this.#runs.length)];
    if (run === undefined) return;
    this.awaitsMicrotasks = true;
    run.finish(throws, abort);
  }

  control(guarded: Guarded, plan: ControlPlan): void {
    const at = this.moment();
    const { reference, breaker } = guarded;
    this.sightings.sawControl(guarded, plan);
    switch (plan.do) {
      case "force open": {
        const { forMs } = plan;
        reference.forceOpen(at, plan.note ? "maintenance" : undefined, forMs);
        breaker.forceOpen(plan.note ? "maintenance" : undefined, forMs === null ? {} : { forMs });
        return;
      }
      case "reset":
        reference.reset(at, plan.note ? "fixed" : undefined);
        breaker.reset(plan.note ? "fixed" : undefined);
        return;
      case "disable":
        reference.disable(at);
        breaker.disable();
        return;
      case "enable":
        reference.enable(at);
        breaker.enable();
        return;
      case "catch up":
        reference.catchUp(at);
        breaker.catchUp();
    }
  }

  // What the callers see

  sawEnd(run: GuardedRun, at: Moment, end: Parameters<Sightings["sawEnd"]>[2]): void {
    if (run.permit !== null) this.sightings.sawSettlement(run.guarded, run.permit, at, end);
    this.sightings.sawEnd(run.guarded, run.plan, end);
  }

  settledOne(guarded: Guarded): void {
    const counters = this.#counters.get(guarded);
    if (counters !== undefined) counters.settled++;
  }

  refused(guarded: Guarded): void {
    const counters = this.#counters.get(guarded);
    if (counters !== undefined) counters.refused++;
  }

  problem(text: string): void {
    this.problems.push(text);
  }

  /** Compares everything that can be read; also inside a listener. */
  compare(guarded: Guarded): void {
    const found = disagreement(guarded, this.deliveries, this.moment().nowMs);
    if (found !== null) this.problem(found);
  }

  // Checks

  #target(on: 0 | 1): Guarded {
    const guarded = this.#guarded[on] ?? this.#guarded[0];
    if (guarded === undefined) throw new Error("A world has at least one breaker");
    return guarded;
  }

  #addWitness(): Witness {
    const witness = new Witness();
    this.listeners.addWitness(this.#target(0), (event: CircuitEvent) => witness.hear(event));
    return witness;
  }

  #check(guarded: Guarded, onlyResult: boolean): void {
    this.compare(guarded);
    const counters = this.#counters.get(guarded);
    if (counters === undefined) return;
    this.problems.push(...counters.problems(onlyResult));
    const { stats } = guarded.breaker;
    this.sightings.sawStats(guarded, counters.stats, stats);
    this.depth.sawStep(guarded, this.moment().nowMs);
    counters.stats = stats;
  }

  #failOnProblems(): void {
    const problems = [
      ...this.problems,
      ...this.deliveries.problems,
      ...(this.#witness?.problems ?? []),
      ...(this.#replay?.problems ?? []),
    ];
    if (problems.length > 0) throw new Error(problems.join("\n"));
  }
}

function busOf({ bus, instance }: Setup): EventBus | undefined {
  const name = instance ? "node-1" : undefined;
  if (bus === "user") return userBus(name);
  if (bus === "shared") return createEventBus(name === undefined ? {} : { instance: name });
  return undefined;
}
