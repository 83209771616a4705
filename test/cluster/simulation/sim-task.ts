import { ClusterTask } from "../../../src/cluster/cluster-task.ts";
import type { Effect } from "../../../src/cluster/effect.ts";
import type { Evidence } from "../../../src/cluster/names-host.ts";
import type { Protections } from "../../../src/cluster/protections.ts";
import type { TaskSettings } from "../../../src/cluster/task-settings.ts";
import type { World } from "./world.ts";

export const HEARTBEAT_MS = 2_000;
export const RECONCILE_MS = 2_000;
const LEASE_MS = 1_500;
const AFTER_FAILED_PROBE_MS = 500;

/** A breaker by what the cluster sees of it. */
interface SimBreaker {
  state: "free" | "open" | "forced" | "half";
  /** When a probe may run, on the task's clock; Infinity without an end. */
  dueMs: number;
  /** The epoch that was known when it was forced. */
  forcedIn: number;
  probe: string;
}

/** Something that was seen by a task, and may be acted on much later. */
interface Seen {
  readonly key: string;
  readonly id: string;
  readonly evidence: Evidence;
}

/** One process of the fleet: the real state machine, with a breaker, a clock and connections that are simulated. */
export class SimTask {
  readonly id: string;
  readonly task: ClusterTask;
  alive = true;
  subscribed = false;
  /** The connection that its subscription belongs to. */
  connection = 0;
  cutIn = false;
  cutOut = false;
  readonly #world: World;
  readonly #originMs: number;
  readonly #rate: number;
  readonly #breakers = new Map<string, SimBreaker>();
  readonly #seen: Seen[] = [];
  #wakeVersion = 0;
  #wakeMs = Number.POSITIVE_INFINITY;

  constructor(world: World, id: string, protections: Protections) {
    this.#world = world;
    this.id = id;
    this.#originMs = world.random() * 1e6;
    this.#rate = 1 + (world.random() - 0.5) * 2e-4;
    const settings: TaskSettings = {
      self: id,
      namespace: "simulation",
      heartbeatMs: HEARTBEAT_MS,
      reconcileMs: RECONCILE_MS,
      deadlineMs: 250,
      leaseMs: LEASE_MS,
      longestOpenMs: 3_600_000,
      probeJitterMs: 200,
      nameLimit: 100,
      quorum: world.plan.quorum,
      random: world.random,
      protections,
    };
    this.task = new ClusterTask(settings, this.nowMs);
    for (const key of world.keys) this.#breakers.set(key, freeBreaker());
    this.act((nowMs) => {
      for (const key of world.keys) this.task.track(key, nowMs);
      this.task.start(nowMs);
    });
  }

  /** The task's own monotonic clock. */
  get nowMs(): number {
    return this.#originMs + this.#world.timeline.nowMs * this.#rate;
  }

  breaker(key: string): SimBreaker {
    const breaker = this.#breakers.get(key);
    if (breaker === undefined) throw new Error(`The simulation has no breaker ${key}`);
    return breaker;
  }

  /** Gives the task an input, does what it asks for, and plans when it wakes. */
  act(input: (nowMs: number) => void): void {
    if (!this.alive) return;
    input(this.nowMs);
    for (let effects = this.task.take(); effects.length > 0; effects = this.task.take()) {
      for (const effect of effects) this.#do(effect);
    }
    const { wakeMs } = this.task;
    if (wakeMs === this.#wakeMs || !Number.isFinite(wakeMs)) return;
    this.#wakeMs = wakeMs;
    const version = ++this.#wakeVersion;
    const { timeline } = this.#world;
    // A wake a moment too early would ask again for ever.
    const afterMs = Math.max(0, (wakeMs - this.nowMs) / this.#rate) + 0.01;
    timeline.at(timeline.nowMs + afterMs, () => {
      if (version !== this.#wakeVersion) return;
      this.#wakeMs = Number.POSITIVE_INFINITY;
      this.act((nowMs) => this.task.wake(nowMs));
    });
  }

  #do(effect: Effect): void {
    switch (effect.do) {
      case "connect":
      case "reconnect":
        this.#world.connect(this);
        return;
      case "publish":
        this.#world.publish(this, effect.text);
        return;
      case "run":
        this.#world.ask(this, effect.id, effect.operation);
        return;
      case "hold": {
        const { key, record, remainingMs } = effect;
        const breaker = this.breaker(key);
        const state = record.f === 1 ? "forced" : "open";
        if (state === "open") this.#leavesForce(key);
        breaker.state = state;
        breaker.dueMs = this.nowMs + remainingMs;
        breaker.forcedIn = record.e;
        this.#world.judge.held(this.id, key, record);
        return;
      }
      case "release":
        this.#leavesForce(effect.key);
        this.breaker(effect.key).state = "free";
        return;
      case "tell":
        this.#world.judge.told(effect.told);
        return;
      case "settle":
      case "close":
        return;
    }
  }

  #leavesForce(key: string): void {
    const breaker = this.breaker(key);
    const knownEpoch = this.task.slot(key)?.known.e ?? 0;
    const isOver = this.nowMs >= breaker.dueMs;
    if (breaker.state === "forced" && !isOver) {
      this.#world.judge.unforced(this.id, { knownEpoch, forcedIn: breaker.forcedIn });
    }
  }

  // What happens at the task

  seeNow(key: string): Seen {
    const seen = { key, id: this.#world.nextId("ev"), evidence: this.task.names.evidence(key) };
    const slot = this.task.slot(key);
    this.#world.judge.seen(seen.id, {
      by: this.id,
      key,
      epoch: slot?.known.e ?? 0,
      resetting: slot?.resetsHere ?? false,
    });
    this.#seen.push(seen);
    return seen;
  }

  force(key: string, pick: number, forMs: number | null): void {
    const candidates = this.#seen.filter((seen) => seen.key === key);
    this.forceOn(candidates[pick % Math.max(1, candidates.length)] ?? this.seeNow(key), forMs);
  }

  /** Acts on what was seen. */
  forceOn(seen: Seen, forMs: number | null): void {
    const { key } = seen;
    this.act((nowMs) => {
      const { id: note, evidence } = seen;
      const forever = forMs ?? Number.POSITIVE_INFINITY;
      const incident = this.#incident(key);
      const open = { forMs: forever, note, incident, evidence };
      if (!this.task.names.forced(key, open, nowMs)) return;
      const breaker = this.breaker(key);
      breaker.state = "forced";
      breaker.dueMs = nowMs + forever;
      breaker.forcedIn = this.task.slot(key)?.known.e ?? 0;
    });
  }

  trip(key: string, forMs: number): void {
    if (this.breaker(key).state !== "free") return;
    this.#opens(key, forMs, this.seeNow(key).id);
  }

  #opens(key: string, forMs: number, note: string): void {
    this.act((nowMs) => {
      const breaker = this.breaker(key);
      const incident = this.#incident(key);
      breaker.state = "open";
      breaker.dueMs = nowMs + forMs;
      this.task.names.tripped(key, { forMs, note, incident }, nowMs);
    });
  }

  reset(key: string): void {
    this.#world.judge.resetAsked(this.id, key);
    this.act((nowMs) => {
      this.breaker(key).state = "free";
      this.task.names.reset(key, { ticket: null }, nowMs);
    });
  }

  /** A call comes: it may be a probe. */
  call(key: string): void {
    this.act((nowMs) => {
      const breaker = this.breaker(key);
      const isShut = breaker.state === "open" || breaker.state === "forced";
      if (!isShut || nowMs < breaker.dueMs || !this.task.names.mayProbe(key, nowMs)) return;
      breaker.state = "half";
      breaker.probe = this.seeNow(key).id;
    });
  }

  endProbe(key: string, ok: boolean): void {
    const breaker = this.breaker(key);
    if (breaker.state !== "half") return;
    if (!ok) {
      this.#opens(key, AFTER_FAILED_PROBE_MS, breaker.probe);
      return;
    }
    this.act((nowMs) => {
      breaker.state = "free";
      this.task.names.recovered(key, nowMs);
    });
  }

  #incident(key: string): string {
    return this.task.incidentId(key) ?? this.#world.nextId("incident");
  }
}

function freeBreaker(): SimBreaker {
  return { state: "free", dueMs: 0, forcedIn: 0, probe: "" };
}
