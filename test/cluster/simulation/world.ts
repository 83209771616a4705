import type { Operation } from "../../../src/cluster/operation.ts";
import { ALL_PROTECTIONS, type Protections } from "../../../src/cluster/protections.ts";
import { keyOf, NOTHING } from "../../../src/cluster/record.ts";
import { emptyStore, runOnStore, type StoreData } from "../../../src/cluster/store-rules.ts";
import { seededChance } from "./chance.ts";
import { Judge } from "./judge.ts";
import type { Plan, Step } from "./plan.ts";
import { HEARTBEAT_MS, RECONCILE_MS, SimTask } from "./sim-task.ts";
import { Timeline } from "./timeline.ts";

const START_AT_MS = 1_767_225_600_000;
/** Patience, a reconnection and two reconciliations. */
const HEALING_MS = HEARTBEAT_MS * 5 + RECONCILE_MS * 3;
const SILENT_ROUNDS = 20;
const CALM_DELAY_MS = 40;

/** A fleet, its store and what is between them, in virtual time. A plan decides everything that happens. */
export class World {
  readonly plan: Plan;
  readonly keys: readonly string[];
  readonly timeline = new Timeline();
  readonly random: () => number;
  readonly judge = new Judge(this);
  readonly tasks: SimTask[] = [];
  data: StoreData = emptyStore();
  #storeIsUp = true;
  #storeClockMs = START_AT_MS;
  #calm = false;
  #ids = 0;
  readonly #protections: Protections;

  constructor(plan: Plan, protections: Protections = ALL_PROTECTIONS) {
    this.plan = plan;
    this.#protections = protections;
    this.random = seededChance(plan.luck);
    this.keys = ["one", "two"].slice(0, plan.keys).map((name) => keyOf("breaker", name));
    for (let n = 0; n < plan.tasks; n++) this.#boot();
    this.timeline.runUntil(1_000);
  }

  nextId(what: string): string {
    return `${what}-${++this.#ids}`;
  }

  /** Runs the plan, heals everything, and looks. Stops at the first broken property. */
  run(): readonly string[] {
    for (const step of this.plan.steps) {
      this.#take(step);
      if (this.judge.problems.length > 0) return this.judge.problems;
    }
    this.#heal();
    this.timeline.runUntil(this.timeline.nowMs + HEALING_MS);
    this.judge.healed();
    this.#expectSilence();
    this.#expectFreshBoot();
    return this.judge.problems;
  }

  #expectSilence(): void {
    const { g } = this.data.position;
    this.timeline.runUntil(this.timeline.nowMs + SILENT_ROUNDS * RECONCILE_MS * 1.2);
    if (this.data.position.g !== g) {
      this.judge.broken("P8", `${this.data.position.g - g} writes after everybody agreed`);
    }
  }

  #expectFreshBoot(): void {
    this.#boot();
    this.timeline.runUntil(this.timeline.nowMs + HEARTBEAT_MS);
    const before = this.judge.problems.length;
    this.judge.healed();
    if (this.judge.problems.length > before) this.judge.broken("P9", "a fresh boot disagrees");
  }

  #take(step: Step): void {
    switch (step.do) {
      case "wait":
        this.timeline.runUntil(this.timeline.nowMs + step.ms);
        return;
      case "store down":
        this.#storeDown(step.noticed);
        return;
      case "store up":
        this.#storeIsUp = true;
        return;
      case "lose data":
        this.judge.dataLost();
        this.data = emptyStore();
        return;
      case "step server clock":
        if (step.byMs < 0) this.judge.steppedBack = true;
        this.#storeClockMs += step.byMs;
        return;
      case "boot":
        if (this.#alive.length < this.plan.tasks + 1) this.#boot();
        return;
      default: {
        const alive = this.#alive;
        const sim = alive[step.task % Math.max(1, alive.length)];
        if (sim !== undefined) this.#takeAt(sim, step);
      }
    }
  }

  #takeAt(sim: SimTask, step: Extract<Step, { task: number }>): void {
    switch (step.do) {
      case "crash":
        sim.alive = false;
        this.judge.crashed(sim.id);
        return;
      case "cut":
        sim.cutIn = step.way !== "out";
        sim.cutOut = step.way !== "in";
        return;
      case "mend":
        sim.cutIn = false;
        sim.cutOut = false;
        return;
      case "boot":
        return;
      default: {
        const key = this.keys[step.key % this.keys.length];
        if (key !== undefined) this.#takeOn(sim, key, step);
      }
    }
  }

  #takeOn(sim: SimTask, key: string, step: Extract<Step, { key: number }>): void {
    switch (step.do) {
      case "begin evidence":
        sim.seeNow(key);
        return;
      case "force":
        sim.force(key, step.pick, step.forMs);
        return;
      case "trip":
        sim.trip(key, step.forMs);
        return;
      case "reset":
        sim.reset(key);
        return;
      case "call":
        sim.call(key);
        return;
      case "end probe":
        sim.endProbe(key, step.ok);
    }
  }

  get #alive(): SimTask[] {
    return this.tasks.filter(({ alive }) => alive);
  }

  #boot(): void {
    this.tasks.push(new SimTask(this, this.nextId("task"), this.#protections));
  }

  #heal(): void {
    this.#calm = true;
    this.#storeIsUp = true;
    for (const sim of this.tasks) {
      sim.cutIn = false;
      sim.cutOut = false;
    }
  }

  #storeDown(noticed: boolean): void {
    this.#storeIsUp = false;
    for (const sim of this.tasks) {
      sim.subscribed = false;
      if (noticed) this.#later(() => sim.act((nowMs) => sim.task.lost(nowMs)));
    }
  }

  // The network

  connect(sim: SimTask): void {
    const connection = ++sim.connection;
    sim.subscribed = false;
    this.#later(() => {
      if (sim.connection !== connection) return;
      const works = this.#storeIsUp && !sim.cutIn && !sim.cutOut;
      sim.subscribed = works;
      sim.act((nowMs) => (works ? sim.task.connected(nowMs) : sim.task.connectFailed(nowMs)));
    });
  }

  publish(sim: SimTask, text: string): void {
    if (sim.cutOut || this.#loses()) return;
    this.#later(() => {
      if (this.#storeIsUp) this.#broadcast(text);
    });
  }

  ask(sim: SimTask, id: number, operation: Operation): void {
    if (sim.cutOut || this.#loses()) return;
    this.#later(() => {
      if (!this.#storeIsUp) return;
      const answer = this.#runOnStore(operation);
      if (sim.cutIn || this.#loses()) return;
      this.#later(() => sim.act((nowMs) => sim.task.answered(id, answer, nowMs)));
    });
  }

  #runOnStore(operation: Operation): unknown {
    const before = "key" in operation ? this.data.records.get(operation.key) : undefined;
    const serverMs = Math.floor(this.#storeClockMs + this.timeline.nowMs);
    const step = runOnStore(this.data, operation, { serverMs, protections: this.#protections });
    this.judge.ran(operation, before ?? NOTHING, step.answer);
    for (const message of step.messages) this.#broadcast(JSON.stringify(message));
    return step.answer;
  }

  #broadcast(text: string): void {
    for (const sim of this.tasks) {
      if (!sim.alive || !sim.subscribed || sim.cutIn || this.#loses()) continue;
      this.#deliver(sim, text);
      if (this.random() < this.plan.duplicateShare) this.#deliver(sim, text);
    }
  }

  #deliver(sim: SimTask, text: string): void {
    this.#later(() => {
      const before = this.keys.map((key) => sim.task.slot(key)?.known.e ?? 0);
      sim.act((nowMs) => sim.task.hear(text, nowMs));
      for (const [index, key] of this.keys.entries()) {
        this.judge.epochOf(sim.id, before[index] ?? 0, sim.task.slot(key)?.known.e ?? 0);
      }
    });
  }

  #loses(): boolean {
    return !this.#calm && this.random() < this.plan.lossShare;
  }

  #later(run: () => void): void {
    const longestMs = this.#calm ? Math.min(CALM_DELAY_MS, this.plan.delayMs) : this.plan.delayMs;
    this.timeline.at(this.timeline.nowMs + this.random() * longestMs, run);
  }
}
