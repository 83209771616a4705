import { type CircuitBreaker, circuitOf } from "../core/circuit-breaker.ts";
import { closeByPeer, openByPeer } from "../core/control.ts";
import type { Fleet } from "../core/fleet.ts";
import { Check } from "../events/check.ts";
import { MEASURES, type Measures } from "../events/measurement.ts";
import type { Backplane } from "./backplane.ts";
import { ClusterJournal } from "./cluster-journal.ts";
import { clusterMeasures } from "./cluster-measures.ts";
import type { ClusterSettings } from "./cluster-options.ts";
import {
  type ClusterForceOptions,
  type ClusterRegistry,
  type ClusterStatus,
  type ControlResult,
  checkedForce,
} from "./cluster-seams.ts";
import { ClusterTask } from "./cluster-task.ts";
import type { Effect, Settled } from "./effect.ts";
import type { Evidence } from "./names-host.ts";
import type { Operation } from "./operation.ts";
import { NO_REASON, peerOpenOf } from "./peer-open.ts";
import { type KeyKind, keyOf, nameOf } from "./record.ts";
import { takeMark, tellMarks } from "./shared-quota.ts";
import { LONGEST_NOTE } from "./wire.ts";

/** How long leaving waits for what is under way. */
const LEAVE_MS = 1_000;

/** What came of something that was asked of the backplane. */
type Ended<T> = { ok: true; value: T } | { ok: false; fault: unknown };

/** A task's place in a cluster. Made by `joinCluster`. */
export class Cluster {
  readonly #settings: ClusterSettings;
  readonly #backplane: Backplane;
  readonly #task: ClusterTask;
  readonly #journal: ClusterJournal;
  readonly #breakers = new Map<string, CircuitBreaker>();
  readonly #tickets = new Map<number, (settled: Settled) => void>();
  readonly #unfollow: () => void;
  #lastTicket = 0;
  /** The ticket of the control call that is on its way through the breaker. */
  #ticket: number | null = null;
  #timer: unknown;
  #timerMs = Number.POSITIVE_INFINITY;
  #draining = false;
  #whenSettled: (() => void) | null = null;
  #losses = 0;
  /** What exporters of metrics read. */
  readonly [MEASURES]: Measures;

  constructor(registry: ClusterRegistry, backplane: Backplane, settings: ClusterSettings) {
    this.#settings = settings;
    this.#backplane = backplane;
    this.#journal = new ClusterJournal(registry.bus);
    this.#task = new ClusterTask(settings, this.#now);
    this[MEASURES] = clusterMeasures(this.#task, () => this.#losses);
    const unfollow = registry.follow({
      added: (breaker) => this.#attach(breaker),
      removed: (breaker) => this.#detach(breaker),
    });
    const untell = tellMarks(this, settings.quota);
    this.#unfollow = () => {
      unfollow();
      untell();
    };
    this.#act((nowMs) => this.#task.start(nowMs));
  }

  get status(): ClusterStatus {
    const { phase, peers, waiting, rejected } = this.#task;
    return Object.freeze({ task: this.#settings.self, phase, peers, waiting, rejected });
  }

  /**
   * Resets the breaker in every task, whatever holds it open: here at once, elsewhere as soon as the store has it.
   * Never rejects.
   *
   * @throws {TypeError|RangeError} when an argument is of the wrong type or outside its range
   */
  reset(name: string, reason?: string): Promise<ControlResult> {
    const key = this.#checkedKey("reset", name, reason);
    return this.#settled((ticket) => {
      const breaker = this.#breakers.get(name);
      if (breaker === undefined)
        this.#act((nowMs) => this.#task.names.reset(key, { ticket, note: reason }, nowMs));
      else this.#withTicket(ticket, () => breaker.reset(reason));
    });
  }

  /**
   * Holds the breaker open in every task: here at once, elsewhere as soon as the store has it. Never rejects.
   *
   * @throws {TypeError|RangeError} when an argument is of the wrong type or outside its range
   */
  forceOpen(
    name: string,
    reason?: string,
    options: ClusterForceOptions = {},
  ): Promise<ControlResult> {
    const key = this.#checkedKey("force open", name, reason);
    const { forMs, evidence } = checkedForce(options);
    if (evidence !== undefined && this.#task.names.isStale(key, evidence)) {
      return Promise.resolve({ scope: "stale", epoch: this.#task.slot(key)?.known.e ?? 0 });
    }
    return this.#settled((ticket) => {
      const breaker = this.#breakers.get(name);
      if (breaker !== undefined) {
        const given = forMs === undefined ? {} : { forMs };
        this.#withTicket(ticket, () => breaker.forceOpen(reason, given));
        return;
      }
      const open = { forMs: forMs ?? Number.POSITIVE_INFINITY, note: noteOf(reason ?? NO_REASON) };
      this.#act((nowMs) =>
        this.#task.names.forced(key, { ...open, incident: this.#incident(key), ticket }, nowMs),
      );
    });
  }

  /** What a check that begins now will be evidence of: given to `forceOpen` when the check has ended. */
  evidence(name: string): Evidence {
    return this.#task.names.evidence(keyOf("breaker", name));
  }

  /** Tells the fleet that a provider's quota is used up. */
  markQuota(provider: string, forMs: number, reason = "quota"): void {
    const key = this.#checkedKey("mark quota", provider, reason, "quota");
    new Check("mark quota").positiveMs("forMs", forMs);
    const open = { forMs, note: noteOf(reason), incident: "" };
    this.#act((nowMs) => this.#task.names.tripped(key, open, nowMs));
  }

  /** Tells the fleet that a provider's quota is there again. */
  clearQuota(provider: string): void {
    const key = this.#checkedKey("clear quota", provider, undefined, "quota");
    this.#act((nowMs) => this.#task.names.reset(key, {}, nowMs));
  }

  /**
   * Asks for the right to do something for the whole fleet for `leaseMs` milliseconds; whoever has it may ask again to
   * keep it. Null when the store cannot be reached.
   */
  lease(name: string, leaseMs: number): Promise<boolean | null> {
    const key = this.#checkedKey("take a lease", name, undefined, "lease");
    new Check("take a lease").positiveMs("leaseMs", leaseMs);
    return new Promise((resolve) => {
      this.#act((nowMs) => this.#task.lease(key, { leaseMs, done: resolve }, nowMs));
    });
  }

  /** The breaker of a name, when there is one here. */
  breaker(name: string): CircuitBreaker | undefined {
    return this.#breakers.get(name);
  }

  /**
   * Leaves: what is under way is waited for, a second at most; then the other tasks are told, the connections end and
   * the breakers go on by themselves.
   */
  async leave(): Promise<void> {
    if (this.#task.phase === "left") return;
    this.#unfollow();
    for (const breaker of [...this.#breakers.values()]) this.#detach(breaker);
    if (this.#task.phase === "up" && !this.#task.isSettled) await this.#untilSettled();
    this.#act(() => this.#task.leave());
    this.#settings.timers.stop(this.#timer);
  }

  #untilSettled(): Promise<void> {
    const { timers } = this.#settings;
    return new Promise((resolve) => {
      const end = () => {
        timers.stop(limit);
        this.#whenSettled = null;
        resolve();
      };
      const limit = timers.start(end, LEAVE_MS);
      this.#whenSettled = end;
    });
  }

  get #now(): number {
    return this.#settings.clock.monotonicMs();
  }

  #checkedKey(action: string, name: unknown, reason: unknown, kind: KeyKind = "breaker"): string {
    const check = new Check(action);
    const key = keyOf(kind, check.text(kind === "quota" ? "provider" : "name", name, 256));
    if (reason !== undefined) check.text("reason", reason, 512);
    return key;
  }

  #settled(begin: (ticket: number) => void): Promise<ControlResult> {
    const ticket = ++this.#lastTicket;
    return new Promise((resolve) => {
      this.#tickets.set(ticket, ({ scope, e }) => resolve({ scope, epoch: e }));
      begin(ticket);
      // A task that is alone has nobody to wait for.
      const { phase } = this.#task;
      if (phase !== "up") this.#act(() => this.#task.names.settleAll());
    });
  }

  #withTicket(ticket: number, control: () => void): void {
    this.#ticket = ticket;
    control();
    this.#ticket = null;
  }

  // Breakers

  #attach(breaker: CircuitBreaker): void {
    const circuit = circuitOf(breaker);
    const key = keyOf("breaker", breaker.name);
    this.#breakers.set(breaker.name, breaker);
    circuit.fleet = this.#fleetOf(key);
    this.#act((nowMs) => this.#task.track(key, nowMs, breaker.isOpen));
  }

  #detach(breaker: CircuitBreaker): void {
    if (this.#breakers.get(breaker.name) !== breaker) return;
    this.#breakers.delete(breaker.name);
    circuitOf(breaker).fleet = null;
    this.#task.names.slots.untrack(keyOf("breaker", breaker.name));
  }

  #fleetOf(key: string): Fleet {
    return {
      incidentId: () => this.#task.incidentId(key),
      mayProbe: () => {
        let may = false;
        this.#act((nowMs) => {
          may = this.#task.names.mayProbe(key, nowMs);
        });
        return may;
      },
      opened: ({ forced, forMs, note, incidentId: incident }) => {
        const ticket = this.#ticket === null ? {} : { ticket: this.#ticket };
        const open = { forMs, note: noteOf(note), incident };
        this.#act((nowMs) => {
          if (forced) this.#task.names.forced(key, { ...open, ...ticket }, nowMs);
          else this.#task.names.tripped(key, open, nowMs);
        });
      },
      closed: (reason, note) => {
        if (reason === "disabled") return;
        const ticket = this.#ticket;
        this.#act((nowMs) => {
          if (reason === "probe") this.#task.names.recovered(key, nowMs);
          else this.#task.names.reset(key, { ticket, note }, nowMs);
        });
      },
      enabled: () => this.#act((nowMs) => this.#task.realign(key, nowMs)),
    };
  }

  #incident(key: string): string {
    const { random, clock } = this.#settings;
    const own = `${clock.epochMs().toString(36)}-${random().toString(36).slice(2, 10)}`;
    return this.#task.incidentId(key) ?? own;
  }

  // The machine and what it asks for

  /** Gives the machine an input and does what it asks for. An input that comes meanwhile is done after it. */
  #act(input: (nowMs: number) => void): void {
    input(this.#now);
    if (this.#draining) return;
    this.#draining = true;
    for (let effects = this.#task.take(); effects.length > 0; effects = this.#task.take()) {
      for (const effect of effects) this.#do(effect);
    }
    this.#draining = false;
    if (this.#task.isSettled) this.#whenSettled?.();
    this.#plan();
  }

  #plan(): void {
    const { wakeMs, phase } = this.#task;
    const { timers } = this.#settings;
    if (wakeMs === this.#timerMs) return;
    timers.stop(this.#timer);
    this.#timerMs = wakeMs;
    if (phase === "left" || !Number.isFinite(wakeMs)) return;
    this.#timer = timers.start(
      () => {
        this.#timerMs = Number.POSITIVE_INFINITY;
        this.#act((nowMs) => this.#task.wake(nowMs));
      },
      Math.max(0, wakeMs - this.#now),
    );
  }

  #do(effect: Effect): void {
    switch (effect.do) {
      case "connect":
      case "reconnect":
        this.#connect(effect.do);
        return;
      case "close":
        void this.#try(() => this.#backplane.close());
        return;
      case "publish":
        this.#publish(effect.text);
        return;
      case "run":
        this.#run(effect.id, effect.operation);
        return;
      case "hold":
      case "release":
        this.#adopt(effect);
        return;
      case "settle":
        this.#tickets.get(effect.ticket)?.(effect.settled);
        this.#tickets.delete(effect.ticket);
        return;
      case "tell": {
        if (effect.told.what === "degraded") this.#losses++;
        const { waiting, peers } = this.#task;
        const counts = Object.values(this.#task.rejected);
        const rejected = counts.reduce((sum, count) => sum + count, 0);
        const atMs = Math.floor(this.#settings.clock.epochMs());
        this.#journal.tell(effect.told, { atMs, waiting, peers: peers.length, rejected });
      }
    }
  }

  #connect(how: "connect" | "reconnect"): void {
    const listener = {
      message: (text: string) => this.#act((nowMs) => this.#task.hear(text, nowMs)),
      forged: () => this.#act(() => this.#task.forged()),
      lost: () => this.#act((nowMs) => this.#task.lost(nowMs)),
    };
    const connected = this.#try(() =>
      how === "connect"
        ? this.#backplane.connect(listener, this.#settings.namespace)
        : this.#backplane.reconnect(),
    );
    void connected.then((ended) =>
      this.#act((nowMs) => {
        if (ended.ok) this.#task.connected(nowMs);
        else this.#task.connectFailed(nowMs, ended.fault);
      }),
    );
  }

  #publish(text: string): void {
    void this.#try(() => this.#backplane.publish(text)).then((ended) => {
      if (!ended.ok) this.#act(() => this.#task.publishFailed(ended.fault));
    });
  }

  #run(id: number, operation: Operation): void {
    void this.#try(() => this.#backplane.run(operation)).then((ran) =>
      this.#act((nowMs) => {
        // Nothing is no answer either.
        if (ran.ok) this.#task.answered(id, ran.value ?? null, nowMs);
        else this.#task.answered(id, null, nowMs, ran.fault);
      }),
    );
  }

  /** A backplane may throw at once, or reject: either is a failure that the machine knows how to take. */
  async #try<T>(run: () => Promise<T>): Promise<Ended<T>> {
    try {
      return { ok: true, value: await run() };
    } catch (fault) {
      return { ok: false, fault };
    }
  }

  #adopt(effect: Extract<Effect, { do: "hold" | "release" }>): void {
    const { key, record, afresh } = effect;
    // Something was decided here while the effect waited for its turn.
    const slot = this.#task.slot(key);
    if (slot === undefined || slot.intent !== null) return;
    const { kind, name } = nameOf(key);
    if (kind === "quota") {
      const remainingMs = effect.do === "hold" ? effect.remainingMs : 0;
      const mark = { provider: name, remainingMs, note: record.fr, origin: record.o };
      takeMark(mark, this.#settings);
      return;
    }
    const breaker = this.#breakers.get(name);
    if (breaker === undefined) return;
    const circuit = circuitOf(breaker);
    const nowMs = circuit.begin();
    if (effect.do === "hold") {
      openByPeer(circuit, peerOpenOf(effect, circuit, nowMs), nowMs);
      return;
    }
    const note = record.fr === "" ? undefined : record.fr;
    closeByPeer(circuit, { note, origin: record.o, epoch: record.e, afresh }, nowMs);
  }
}

function noteOf(reason: string): string {
  return reason.slice(0, LONGEST_NOTE);
}
