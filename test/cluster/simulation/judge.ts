import type { Told } from "../../../src/cluster/effect.ts";
import type { Answer, Operation } from "../../../src/cluster/operation.ts";
import { type ClusterRecord, isHeld, NOTHING } from "../../../src/cluster/record.ts";
import type { World } from "./world.ts";

interface SeenFacts {
  readonly by: string;
  readonly key: string;
  /** The epoch that was known. */
  readonly epoch: number;
  /** A reset of the task's own was under way. */
  readonly resetting: boolean;
}

interface AskedReset {
  readonly by: string;
  readonly key: string;
  readonly askedMs: number;
}

interface RanReset extends AskedReset {
  readonly epoch: number;
}

/** The last thing that decided a key, by the store's own order. */
interface LastWord {
  readonly kind: "reset" | "hold";
  readonly epoch: number;
  /** Tasks that have known it ever since the data were lost; null when they never were. */
  keepers: Set<string> | null;
}

/** Watches a run from above, with all that no task can know, and says which property was broken. */
export class Judge {
  readonly problems: string[] = [];
  readonly #world: World;
  readonly #seen = new Map<string, SeenFacts & { readonly sinceMs: number }>();
  readonly #asked: AskedReset[] = [];
  readonly #ran: RanReset[] = [];
  readonly #lastWords = new Map<string, LastWord>();
  readonly #votes = new Map<string, { by: string; at: number }[]>();
  readonly #agreed = new Set<string>();
  readonly #told = new Map<string, number>();
  lostData = false;
  steppedBack = false;

  constructor(world: World) {
    this.#world = world;
  }

  broken(property: string, how: string): void {
    this.problems.push(`${property}: ${how} (at ${this.#world.timeline.nowMs.toFixed(1)} ms)`);
  }

  get #nowMs(): number {
    return this.#world.timeline.nowMs;
  }

  /** Epochs may collide when the clock steps back and the data are lost too: nothing is left to count from. */
  get #isLawless(): boolean {
    return this.lostData && this.steppedBack;
  }

  // What tasks do

  seen(id: string, facts: SeenFacts): void {
    this.#seen.set(id, { ...facts, sinceMs: this.#nowMs });
  }

  resetAsked(by: string, key: string): void {
    this.#asked.push({ by, key, askedMs: this.#nowMs });
  }

  unforced(task: string, { knownEpoch, forcedIn }: { knownEpoch: number; forcedIn: number }): void {
    if (knownEpoch <= forcedIn) {
      this.broken("P4", `${task} left forced in epoch ${forcedIn}, knowing ${knownEpoch}`);
    }
  }

  /** A task took over a hold. */
  held(task: string, key: string, record: ClusterRecord): void {
    const { quorum } = this.#world.plan;
    if (quorum === null || record.f === 1 || record.o === task) return;
    // A record that was forced once may come back as open after a failed probe.
    const agreed = `${key} ${record.i}`;
    if (!this.#agreed.has(agreed)) this.broken("P11", `${task} opened ${key} without a quorum`);
  }

  told(told: Told): void {
    if (told.what !== "opened" && told.what !== "closed") return;
    const incident = told.what === "opened" ? told.record.i : told.incident;
    const name = `${told.what} ${told.key} ${incident}`;
    const times = (this.#told.get(name) ?? 0) + 1;
    this.#told.set(name, times);
    if (times > 1 && !this.lostData) this.broken("once", `${name} was told ${times} times`);
  }

  epochOf(task: string, before: number, after: number): void {
    if (after < before) this.broken("P1", `${task} went back from epoch ${before} to ${after}`);
  }

  // What the store does

  ran(operation: Operation, before: ClusterRecord, answer: Answer): void {
    switch (operation.do) {
      case "sync":
      case "read":
        return;
      case "merge":
        for (const [key] of operation.entries) {
          const after = this.#world.data.records.get(key) ?? NOTHING;
          const known = this.#lastWords.get(key);
          if (known !== undefined && after.e < known.epoch && !this.lostData) {
            this.broken("P1", `a merge took ${key} back to epoch ${after.e}`);
          }
        }
        return;
      default:
        this.#ranOn(operation, before, answer);
    }
  }

  #ranOn(
    operation: Exclude<Operation, { do: "sync" | "read" | "merge" }>,
    before: ClusterRecord,
    { outcome, record = NOTHING, at }: Answer,
  ): void {
    const { key, by } = operation;
    const stored = this.#world.data.records.get(key) ?? NOTHING;
    if (stored.e < before.e) this.broken("P1", `${operation.do} took ${key} back in its epoch`);
    if (operation.do === "open" || operation.do === "force") {
      if (this.#seen.get(operation.note)?.by !== by) {
        this.broken("P8", `${by} announced what ${operation.note} showed to another task`);
      }
    }
    if (operation.do === "open") this.#voted(operation, before, at);
    if (outcome !== "written") return;
    switch (operation.do) {
      case "reset":
        this.#resetRan(by, key, record.e);
        return;
      case "probe":
        if (before.s === "half_open" && before.pu > at) {
          this.broken("P6", `${by} got a lease while ${before.pl} had one`);
        }
        return;
      case "result": {
        const { token } = operation;
        const isCurrent =
          before.s === "half_open" &&
          before.pl === by &&
          before.e === token.e &&
          before.v === token.v;
        if (!isCurrent) this.broken("P7", `a stale result of ${by} changed ${key}`);
        if (operation.ok && record.f === 0) this.#closed(key, record);
        else this.#lastWords.set(key, { kind: "hold", epoch: record.e, keepers: null });
        return;
      }
      case "open":
      case "force":
        this.#evidenceHolds(operation.do, operation.note, record);
        this.#lastWords.set(key, { kind: "hold", epoch: record.e, keepers: null });
        if (operation.do === "force") this.#agreed.add(`${key} ${record.i}`);
    }
  }

  #closed(key: string, record: ClusterRecord): void {
    this.#lastWords.set(key, { kind: "hold", epoch: record.e, keepers: null });
  }

  #resetRan(by: string, key: string, epoch: number): void {
    const mine = this.#asked.filter((reset) => reset.by === by && reset.key === key);
    // One that was sent again runs a second time, after the data of the first were lost.
    const asked = mine[0] ?? this.#ran.findLast((reset) => reset.by === by && reset.key === key);
    if (asked !== undefined) this.#ran.push({ ...asked, epoch });
    if (mine[0] !== undefined) this.#asked.splice(this.#asked.indexOf(mine[0]), 1);
    this.#lastWords.set(key, { kind: "reset", epoch, keepers: null });
  }

  #evidenceHolds(how: "open" | "force", note: string, record: ClusterRecord): void {
    const seen = this.#seen.get(note);
    if (seen === undefined || this.#isLawless) return;
    const { key, by, sinceMs, epoch } = seen;
    const ownReset =
      seen.resetting &&
      this.#ran.some((reset) => reset.by === by && reset.key === key && reset.epoch === record.e);
    if (how === "force" && record.e !== epoch && !ownReset) {
      this.broken("P2", `forced in epoch ${record.e} on evidence of epoch ${epoch}`);
    }
    // What was seen after a reset of the task's own belongs to the epoch of that reset, which came last.
    if (ownReset) return;
    const undone = this.#ran.find(
      (reset) => reset.key === key && reset.askedMs > sinceMs && record.e >= reset.epoch,
    );
    if (undone !== undefined) {
      this.broken("P10", `a reset of ${undone.askedMs} was undone by evidence of ${sinceMs}`);
    }
  }

  #voted(
    { key, by, base }: Extract<Operation, { do: "open" }>,
    before: ClusterRecord,
    at: number,
  ): void {
    const { quorum } = this.#world.plan;
    if (quorum === null) return;
    const name = `${key} ${Math.max(base.e, before.e)}`;
    const votes = this.#votes.get(name) ?? [];
    this.#votes.set(name, votes);
    votes.push({ by, at });
    const record = this.#world.data.records.get(key) ?? NOTHING;
    if (record === before || !isHeld(record) || record.f === 1) return;
    const recent = votes.filter((vote) => Math.abs(at - vote.at) <= quorum.withinMs);
    const voters = new Set(recent.map((vote) => vote.by));
    if (voters.size < quorum.quorum) this.broken("P11", `${key} opened on ${voters.size} votes`);
    this.#agreed.add(`${key} ${record.i}`);
  }

  dataLost(): void {
    this.lostData = true;
    for (const [key, word] of this.#lastWords) {
      const knowers = this.#world.tasks.filter(
        ({ alive, task }) => alive && (task.slot(key)?.known.e ?? 0) >= word.epoch,
      );
      const keepers = new Set(knowers.map(({ id }) => id));
      word.keepers =
        word.keepers === null
          ? keepers
          : new Set([...word.keepers].filter((id) => keepers.has(id)));
    }
  }

  crashed(task: string): void {
    for (const word of this.#lastWords.values()) word.keepers?.delete(task);
  }

  // The end

  /** Everything is healed and every task has had its reconciliation. */
  healed(): void {
    for (const key of this.#world.keys) {
      const record = this.#world.data.records.get(key) ?? NOTHING;
      for (const sim of this.#world.tasks) if (sim.alive) this.#agrees(sim.id, key, record);
      const word = this.#lastWords.get(key);
      if (word?.kind !== "reset" || this.#isLawless) continue;
      const isKept = word.keepers === null || word.keepers.size > 0;
      if (isKept && isHeld(record)) this.broken("P3", `${key} is held after its last reset`);
      if (isKept && record.e < word.epoch) this.broken("P3", `the reset of ${key} was forgotten`);
    }
  }

  #agrees(id: string, key: string, record: ClusterRecord): void {
    const sim = this.#world.tasks.find((task) => task.id === id);
    const slot = sim?.task.slot(key);
    if (sim === undefined || slot === undefined) return;
    const { known } = slot;
    const same =
      known.e === record.e && known.f === record.f && known.v === record.v && known.s === record.s;
    if (!same) {
      const both = `${JSON.stringify(known)}, the store ${JSON.stringify(record)}`;
      this.broken("P5", `${id} knows of ${key} ${both}, ${sim.task.phase}`);
    }
    const { state } = sim.breaker(key);
    const isShut = state !== "free";
    if (slot.intent !== null) this.broken("P5", `${id} still wants ${slot.intent.want}`);
    else if (isHeld(record) !== isShut && !slot.alone) {
      this.broken(
        "P5",
        `${id} has ${key} ${state}, the store says ${record.s}, forced ${record.f}`,
      );
    } else if (record.f === 1 && state !== "forced" && state !== "half") {
      this.broken("P5", `${id} has ${key} ${state} though it is forced`);
    }
  }
}
