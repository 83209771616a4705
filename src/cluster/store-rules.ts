import { PROTOCOL_MAJOR, type WriteMessage } from "./message.ts";
import type {
  Answer,
  ForceOperation,
  MergeOperation,
  OpenOperation,
  Operation,
  Position,
  ProbeOperation,
  ResetOperation,
  ResultOperation,
  StoreOutcome,
} from "./operation.ts";
import { NO_REASON, SAME_END_MS } from "./peer-open.ts";
import { ALL_PROTECTIONS, type Protections } from "./protections.ts";
import { type ClusterRecord, compareRecords, isEndless, isHeld, NOTHING } from "./record.ts";

/** A task's word that the breaker should open. */
interface Vote {
  readonly at: number;
  readonly e: number;
}

/** The data of one namespace. */
export interface StoreData {
  position: Position;
  readonly records: Map<string, ClusterRecord>;
  /** Votes by key and task. */
  readonly votes: Map<string, Map<string, Vote>>;
}

export function emptyStore(): StoreData {
  return { position: { n: "", g: 0, lv: 0 }, records: new Map(), votes: new Map() };
}

/** What an operation did: the answer to its sender, and what is published to all. */
export interface StoreStep {
  readonly answer: Answer;
  readonly messages: readonly WriteMessage[];
}

/** Numbers further ahead of the store's clock than this are no history of this store. */
export const FUTURE_MS = 7 * 24 * 3_600_000;
/** The longest open window, in milliseconds. */
export const LONGEST_OPEN_MS = 24 * 3_600_000;

/**
 * The rules of the store, as data in and data out: the executable specification of the scripts. Each operation is
 * atomic. `serverMs` is the store's clock, which may step back.
 */
export function runOnStore(
  data: StoreData,
  operation: Operation,
  { serverMs, protections = ALL_PROTECTIONS }: { serverMs: number; protections?: Protections },
): StoreStep {
  if (data.position.n === "") {
    data.position = { n: `${serverMs.toString(36)}-${operation.by}`, g: 0, lv: 0 };
  }
  return new StoreRun(data, serverMs, protections).run(operation);
}

/** One operation under way. */
class StoreRun {
  readonly #data: StoreData;
  readonly #serverMs: number;
  readonly #protections: Protections;
  readonly #messages: WriteMessage[] = [];

  constructor(data: StoreData, serverMs: number, protections: Protections) {
    this.#data = data;
    this.#serverMs = serverMs;
    this.#protections = protections;
  }

  run(operation: Operation): StoreStep {
    return { answer: this.#answer(operation), messages: this.#messages };
  }

  #answer(operation: Operation): Answer {
    const { records, position } = this.#data;
    switch (operation.do) {
      case "force":
        return this.#force(operation);
      case "reset":
        return this.#reset(operation);
      case "open":
        return this.#open(operation);
      case "probe":
        return this.#probe(operation);
      case "result":
        return this.#result(operation);
      case "merge":
        return this.#merge(operation);
      case "read":
        return {
          ...this.#base("listed"),
          entries: operation.keys.map((key) => [key, this.#record(key)]),
        };
      case "sync": {
        const known = operation.position;
        const unchanged =
          known !== null &&
          known.n === position.n &&
          known.g === position.g &&
          known.lv === position.lv;
        return unchanged
          ? this.#base("unchanged")
          : { ...this.#base("listed"), entries: [...records] };
      }
    }
  }

  #force({ key, by, base, forMs, note, incident }: ForceOperation): Answer {
    const present = this.#record(key);
    const fault = this.#fault(base, present);
    if (fault !== null) return this.#keep(fault, present);
    const e = this.#epochOf(base, present);
    const was = e === present.e ? present : NOTHING;
    const ou = forMs === 0 ? 0 : this.#serverMs + Math.min(forMs, LONGEST_OPEN_MS);
    const isEndless = ou === 0 || was.ou === 0;
    const sameEnd = isEndless ? ou === was.ou : Math.abs(ou - was.ou) <= SAME_END_MS;
    // Who gives no reason leaves the one that stands.
    const fr = was.f === 1 && note === NO_REASON ? was.fr : note;
    if (was.f === 1 && sameEnd && fr === was.fr) return this.#keep("held", present);
    const next = this.#next(present, base, by);
    return this.#write(key, {
      ...next,
      e,
      f: 1,
      s: "open",
      ou,
      fr,
      fa: was.f === 1 ? was.fa : this.#serverMs,
      ...this.#incident(was, incident, next.v),
    });
  }

  #reset({ key, by, base, conditional }: ResetOperation): Answer {
    const present = this.#record(key);
    if (this.#isFuture(base)) return this.#keep("future", present);
    if (conditional && present.e > base.e) return this.#keep("stale", present);
    const grown = Math.max(present.e, base.e) + 1;
    const e = this.#protections.timeInEpoch ? Math.max(grown, this.#serverMs) : present.e + 1;
    return this.#write(key, { ...this.#closed(present, base, by), e, fr: "reset" }, true);
  }

  #open(operation: OpenOperation): Answer {
    const { key, by, base, note, incident, votes, extend } = operation;
    const present = this.#record(key);
    const fault = this.#fault(base, present);
    if (fault !== null) return this.#keep(fault, present);
    const e = this.#epochOf(base, present);
    const was = e === present.e ? present : NOTHING;
    const ou = this.#serverMs + Math.min(operation.forMs, LONGEST_OPEN_MS);
    const isOpen = was.s === "open" && was.ou > this.#serverMs && !(extend && ou > was.ou);
    const isProbed = was.s === "half_open" && was.pu > this.#serverMs;
    if (was.f === 1 || isOpen || isProbed) return this.#keep("held", present);
    if (votes !== null && this.#vote(operation, e) < votes.quorum) {
      return this.#keep("voted", present);
    }
    const next = this.#next(present, base, by);
    return this.#write(key, {
      ...next,
      e,
      s: "open",
      ou,
      fr: note,
      ...this.#incident(was, incident, next.v),
    });
  }

  /** Counts the task's vote, and says how many there are: of this epoch, and not too old. */
  #vote({ key, by, votes: asked }: OpenOperation, e: number): number {
    const votes = this.#data.votes.get(key) ?? new Map<string, Vote>();
    this.#data.votes.set(key, votes);
    votes.set(by, { at: this.#serverMs, e });
    const withinMs = asked?.withinMs ?? 0;
    for (const [task, vote] of votes) {
      if (vote.e !== e || Math.abs(this.#serverMs - vote.at) > withinMs) votes.delete(task);
    }
    return votes.size;
  }

  #probe({ key, by, base, leaseMs }: ProbeOperation): Answer {
    const present = this.#record(key);
    if (this.#isFuture(base)) return this.#keep("future", present);
    // The task knows more than the store, which lost it: first it must be given back.
    if (base.e > present.e) return this.#keep("refused", present);
    const isDue =
      isHeld(present) &&
      !isEndless(present) &&
      (present.s === "half_open"
        ? !this.#protections.lease || present.pu <= this.#serverMs
        : present.ou <= this.#serverMs);
    if (!isDue) return this.#keep("refused", present);
    return this.#write(key, {
      ...present,
      ...this.#numbers(present, base, by),
      s: "half_open",
      pl: by,
      pu: this.#serverMs + leaseMs,
    });
  }

  #result({ key, by, base, token, ok, forMs }: ResultOperation): Answer {
    const present = this.#record(key);
    if (this.#isFuture(base)) return this.#keep("future", present);
    const isCurrent =
      present.s === "half_open" &&
      present.pl === by &&
      present.e === token.e &&
      present.v === token.v;
    if (this.#protections.token ? !isCurrent : !isHeld(present)) {
      return this.#keep("stale", present);
    }
    if (!ok) {
      return this.#write(key, {
        ...present,
        ...this.#numbers(present, base, by),
        s: "open",
        pl: "",
        pu: 0,
        ou: this.#serverMs + Math.min(forMs, LONGEST_OPEN_MS),
      });
    }
    const closed = { ...this.#closed(present, base, by), fr: "probe" };
    // Forced gives way to a newer epoch only.
    if (present.f === 0 || !this.#protections.stickyForce) return this.#write(key, closed);
    const e = Math.max(present.e + 1, this.#serverMs);
    return this.#write(key, { ...closed, e });
  }

  #merge({ entries }: MergeOperation): Answer {
    let outcome: StoreOutcome = "held";
    for (const [key, record] of entries) {
      const present = this.#record(key);
      if (this.#isFuture(record)) continue;
      if (this.#protections.join && this.#compare(record, present) <= 0) continue;
      this.#write(key, record);
      outcome = "written";
    }
    return this.#base(outcome);
  }

  #compare(a: ClusterRecord, b: ClusterRecord): number {
    if (this.#protections.stickyForce) return compareRecords(a, b);
    return compareRecords({ ...a, f: 0 }, { ...b, f: 0 });
  }

  #record(key: string): ClusterRecord {
    return this.#data.records.get(key) ?? NOTHING;
  }

  #fault(base: { e: number; v: number }, present: ClusterRecord): "stale" | "future" | null {
    if (this.#isFuture(base)) return "future";
    return this.#protections.fence && base.e < present.e ? "stale" : null;
  }

  #isFuture({ e, v }: { e: number; v: number }): boolean {
    const limit = this.#serverMs + FUTURE_MS;
    return e > limit || v > limit;
  }

  /** The epoch of the evidence: a store that lost its data takes it from the task. */
  #epochOf(base: { e: number }, present: ClusterRecord): number {
    return Math.max(base.e, present.e);
  }

  /** The part of time keeps numbers unique after a loss of data, the part that counts keeps them growing. */
  #numbers(present: ClusterRecord, base: { v: number }, by: string) {
    const v = Math.max(Math.max(present.v, base.v) + 1, this.#serverMs);
    return { v, o: by, t: this.#serverMs };
  }

  /** A closed record of the present epoch. */
  #next(present: ClusterRecord, base: { v: number }, by: string): ClusterRecord {
    return { ...NOTHING, e: present.e, ...this.#numbers(present, base, by) };
  }

  /** A closed record that tells which incident it ends, if any. */
  #closed(present: ClusterRecord, base: { v: number }, by: string): ClusterRecord {
    const { i, ia, iv } = isHeld(present) ? present : NOTHING;
    return { ...this.#next(present, base, by), i, ia, iv };
  }

  #incident(was: ClusterRecord, i: string, iv: number) {
    return isHeld(was) ? { i: was.i, ia: was.ia, iv: was.iv } : { i, ia: this.#serverMs, iv };
  }

  #base(outcome: StoreOutcome): Answer {
    return { outcome, at: this.#serverMs, position: this.#data.position };
  }

  #keep(outcome: StoreOutcome, record: ClusterRecord): Answer {
    return { ...this.#base(outcome), record };
  }

  #write(key: string, record: ClusterRecord, recovered = false): Answer {
    const { n, g } = this.#data.position;
    this.#data.position = { n, g: g + 1, lv: record.v };
    if (recovered && !this.#protections.tombstone) this.#data.records.delete(key);
    else this.#data.records.set(key, record);
    this.#data.votes.delete(key);
    const { position } = this.#data;
    const message = { p: PROTOCOL_MAJOR, k: "write", position, key, record } as const;
    this.#messages.push(recovered ? { ...message, recovered: true } : message);
    return this.#keep("written", record);
  }
}
