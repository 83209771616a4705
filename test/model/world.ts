import {
  type BreakerStats,
  type CircuitEvent,
  createEventBus,
  type EventBus,
  type Permit,
} from "../../src/index.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { Deliveries } from "./deliveries.ts";
import { disagreement, type Guarded, guardedBy } from "./guarded.ts";
import { GuardedRun, refusalProblem } from "./guarded-run.ts";
import { dueMs, type Moment, unsettledProbes } from "./history.ts";
import { Listeners } from "./listeners.ts";
import type { CallPlan, ControlPlan, RecordPlan, Setup, Span, Step } from "./plans.ts";
import type { Reach } from "./reach.ts";
import type { Admission, Ending } from "./reference.ts";
import { Sightings } from "./sightings.ts";
import { THROWABLES, type ThrowableName } from "./thrown.ts";
import { userBus } from "./user-bus.ts";
import { Witness } from "./witness.ts";

interface HeldPermit {
  readonly guarded: Guarded;
  readonly permit: Permit;
  /** The reference's number of it. */
  readonly number: number;
  readonly startMs: number;
  settled: boolean;
}

/** What the callers of one breaker have seen: the other side of its counters. */
interface Seen {
  settled: number;
  refused: number;
  stats: BreakerStats;
}

/** Real breakers and their references under one clock, kept in step; everything that disagrees is a problem. */
export class World {
  readonly clock = new FakeClock();
  readonly setup: Setup;
  readonly reach: Reach;
  readonly deliveries: Deliveries;
  readonly listeners: Listeners;
  readonly sightings: Sightings;
  readonly problems: string[] = [];
  /** The call whose result the real breaker is about to judge. */
  settling: GuardedRun | null = null;
  /** Something was started that ends in a microtask. */
  awaitsMicrotasks = false;
  readonly #guarded: readonly Guarded[];
  readonly #seen = new Map<Guarded, Seen>();
  readonly #witness: Witness | null;
  readonly #permits: HeldPermit[] = [];
  #runs: GuardedRun[] = [];
  #lastRawMs = 0;
  #steadyMs = 0;

  constructor(setup: Setup, reach: Reach) {
    this.setup = setup;
    this.reach = reach;
    this.deliveries = new Deliveries(setup.bus);
    const bus = busOf(setup);
    const names = setup.second && setup.bus === "shared" ? ["first", "second"] : ["first"];
    const { clock, deliveries } = this;
    const begun = this.moment();
    this.#guarded = names.map((name) =>
      guardedBy(setup, name, {
        clock,
        bus,
        begun,
        deliveries,
        // The cast lets the model's classifier answer nonsense.
        classify: (call) => this.settling?.classify(call) as undefined,
      }),
    );
    for (const guarded of this.#guarded) {
      this.#seen.set(guarded, { settled: 0, refused: 0, stats: guarded.breaker.stats });
    }
    this.sightings = new Sightings(reach, setup);
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

  /** Lets time pass. */
  pass(span: Span): void {
    this.clock.advance(this.#lengthOf(span));
  }

  #lengthOf(span: Span): number {
    if (typeof span === "number") return span;
    const { nowMs } = this.moment();
    const { history } = this.#target(0).reference;
    let untilMs: number | undefined;
    if (span.to === "due") untilMs = dueMs(history) ?? undefined;
    else if (span.to === "lease") {
      const probe = unsettledProbes(history)[0];
      untilMs = probe === undefined ? undefined : probe.nowMs + this.setup.leaseMs;
    } else {
      const begun = [
        ...this.#runs.filter(({ running }) => running),
        ...this.#permits.filter(({ settled }) => !settled),
      ];
      untilMs = (begun[0]?.startMs ?? nowMs) + (this.setup.latencyTripMs ?? 0);
    }
    return Math.max(0, (untilMs ?? nowMs) - nowMs + span.plus);
  }

  #latencyOf(span: Span | null): number | undefined {
    if (span === null) return undefined;
    if (typeof span === "number") return span;
    return Math.max(0, (this.setup.latencyTripMs ?? 10) + span.plus);
  }

  // Steps

  /** Takes one step, and throws when anything disagreed in it. */
  async take(step: Step): Promise<void> {
    this.reach.steps++;
    this.awaitsMicrotasks = false;
    const lateBefore = this.#target(step.on).breaker.stats;
    const reactedBefore = this.listeners.reactions;
    this.#do(step, this.#target(step.on));
    if (this.awaitsMicrotasks) await new Promise((resolve) => setImmediate(resolve));
    this.deliveries.finish();
    for (const guarded of this.#guarded) this.#check(guarded);
    const quiet = this.listeners.reactions === reactedBefore;
    if ((step.do === "settle" || step.do === "finish") && quiet) {
      this.#checkLate(this.#target(step.on), lateBefore);
    }
    this.#failOnProblems();
  }

  /** What must hold of the whole run. */
  end(): void {
    if (this.#runs.some(({ running }) => running)) this.reach.hit("call never settled");
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
        this.admit(guarded);
        return;
      case "settle":
        this.#settle(step);
        return;
      case "record":
        this.record(guarded, step);
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

  admit(guarded: Guarded): HeldPermit | null {
    const at = this.moment();
    const admission = guarded.reference.admit(at);
    this.sawAdmission(guarded, admission, at);
    const answer = guarded.breaker.admit();
    if (answer.ok !== (typeof admission === "number")) {
      this.problem(`admit() answered ok: ${answer.ok}`);
    }
    if (answer.ok && typeof admission === "number") {
      const { nowMs: startMs } = at;
      const held = { guarded, permit: answer, number: admission, startMs, settled: false };
      this.#permits.push(held);
      return held;
    }
    if (!answer.ok && typeof admission === "object") {
      this.refused(guarded);
      const found = refusalProblem(answer.error, guarded.name, admission, this);
      if (found !== null) this.problem(found);
    }
    return null;
  }

  #settle(step: Extract<Step, { do: "settle" }>): void {
    const held = this.#permits[step.pick % Math.max(1, this.#permits.length)];
    if (held === undefined) return;
    this.settlePermit(held, step);
  }

  settlePermit(
    held: HeldPermit,
    {
      method,
      throws,
      latencyMs: span,
    }: Omit<Extract<Step, { do: "settle" }>, "do" | "on" | "pick">,
  ): void {
    const { guarded, permit, number } = held;
    const given = method === "success" || method === "failure" ? this.#latencyOf(span) : undefined;
    const thrown = method === "failure" && throws !== null ? THROWABLES[throws].value : undefined;
    if (held.settled) this.reach.hit("permit settled twice");
    else {
      held.settled = true;
      const at = this.moment();
      const latencyMs = given ?? at.nowMs - held.startMs;
      const words = { ignore: "ignored", cancel: "cancelled", release: "unreached" } as const;
      const ending =
        method === "success" || method === "failure"
          ? this.#reported(method === "success", throws, latencyMs)
          : { ...NO_VERDICT, as: words[method], latencyMs };
      this.sightings.sawSettlement(guarded, number, at, ending);
      guarded.reference.settle(at, number, ending);
      this.settledOne(guarded);
    }
    if (method === "success") permit.success(given);
    else if (method === "failure") permit.failure(thrown, given);
    else permit[method]();
  }

  /** A result reported without the call: a missing error is none, and no classifier is asked. */
  #reported(success: boolean, throws: ThrowableName | null, latencyMs: number | null): Ending {
    const value = throws === null ? undefined : THROWABLES[throws].value;
    const slow = latencyMs !== null && latencyMs > (this.setup.latencyTripMs ?? latencyMs);
    const as = success ? "success" : throws === null ? "error" : THROWABLES[throws].as;
    return {
      ...NO_VERDICT,
      as: slow && as !== "unreached" ? "latency" : as,
      latencyMs,
      thrown: success || value === undefined ? null : { value },
    };
  }

  /** A record is an admission and a settlement: outside of a listener, what the first tells is heard in between. */
  record(guarded: Guarded, { success, throws, latencyMs: span }: RecordPlan): void {
    const at = this.moment();
    const { reference, breaker } = guarded;
    const given = this.#latencyOf(span);
    const ending = this.#reported(success, throws, given ?? null);
    const number = reference.tryAdmit(at);
    this.settledOne(guarded);
    this.sightings.sawRecord(guarded, number);
    if (number === null) reference.settleUnadmitted(at, ending);
    else {
      const settle = (): void => {
        this.sightings.sawSettlement(guarded, number, at, ending);
        reference.settle(at, number, ending);
      };
      if (this.deliveries.depth === 0) this.deliveries.deferred = settle;
      else settle();
    }
    if (success) breaker.recordSuccess(given);
    else breaker.recordFailure(throws === null ? undefined : THROWABLES[throws].value, given);
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
    }
  }

  // What the callers see

  sawAdmission(guarded: Guarded, admission: Admission, at: Moment): void {
    this.sightings.sawAdmission(guarded, admission, at);
  }

  sawEnd(run: GuardedRun, at: Moment, end: Parameters<Sightings["sawEnd"]>[2]): void {
    if (run.permit !== null) this.sightings.sawSettlement(run.guarded, run.permit, at, end);
    this.sightings.sawEnd(run.guarded, run.plan, end);
  }

  settledOne(guarded: Guarded): void {
    const seen = this.#seen.get(guarded);
    if (seen !== undefined) seen.settled++;
  }

  refused(guarded: Guarded): void {
    const seen = this.#seen.get(guarded);
    if (seen !== undefined) seen.refused++;
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

  #check(guarded: Guarded): void {
    this.compare(guarded);
    const seen = this.#seen.get(guarded);
    if (seen === undefined) return;
    const { breaker } = guarded;
    const { stats } = breaker;
    if (sum(stats.calls) !== seen.settled) {
      this.problem(`${sum(stats.calls)} calls counted, ${seen.settled} settled`);
    }
    if (sum(stats.skips) !== seen.refused) {
      this.problem(`${sum(stats.skips)} skips counted, ${seen.refused} calls refused`);
    }
    if (breaker.probesInFlight > this.setup.maxProbes) {
      this.problem(`${breaker.probesInFlight} probes held of ${this.setup.maxProbes}`);
    }
    const back = wentBack(seen.stats, stats);
    if (back !== null) this.problem(`stats.${back} went back`);
    this.sightings.sawStats(guarded, seen.stats, stats);
    seen.stats = stats;
  }

  /** A late result decides nothing. */
  #checkLate({ breaker }: Guarded, before: BreakerStats): void {
    const { stats } = breaker;
    if (stats.calls.late === before.calls.late) return;
    if (sum(stats.transitions) !== sum(before.transitions)) {
      this.problem("a late result changed the state");
    }
    if (stats.consecutiveFailures !== before.consecutiveFailures) {
      this.problem("a late result changed consecutiveFailures");
    }
  }

  #failOnProblems(): void {
    const problems = [
      ...this.problems,
      ...this.deliveries.problems,
      ...(this.#witness?.problems ?? []),
    ];
    if (problems.length > 0) throw new Error(problems.join("\n"));
  }
}

const NO_VERDICT: Ending = {
  as: "ignored",
  permanent: false,
  retryAfterMs: null,
  latencyMs: null,
  thrown: null,
  context: undefined,
  callbackFailed: null,
};

const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((total, count) => total + count, 0);

/** The first counter that fell; null when none did. */
function wentBack(before: BreakerStats, after: BreakerStats): string | null {
  const groups = ["calls", "skips", "trips", "transitions", "probes", "timeInStateMs"] as const;
  for (const group of groups) {
    const now: Readonly<Record<string, number>> = after[group];
    for (const [key, count] of Object.entries(before[group])) {
      if (!(Number(now[key]) >= count)) return `${group}.${key}`;
    }
  }
  return null;
}

function busOf({ bus, instance }: Setup): EventBus | undefined {
  const name = instance ? "node-1" : undefined;
  if (bus === "user") return userBus(name);
  if (bus === "shared") return createEventBus(name === undefined ? {} : { instance: name });
  return undefined;
}
