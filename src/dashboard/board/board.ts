import { printable } from "../../events/printable.ts";
import {
  type CircuitRecord,
  type EventRecord,
  isCircuitRecord,
} from "../../report/event-record.ts";
import { breakerSummary } from "../../report/incident-fold.ts";
import type { BreakerSummary, IncidentSummary } from "../../report/incident-report.ts";
import { BoardBreaker } from "./board-breaker.ts";
import { type BoardMessage, type BreakerId, shortName, understood } from "./board-message.ts";
import { BoardSource } from "./board-source.ts";
import type { StreamMessage } from "./sse-parser.ts";

/** Something that happened, for the log of the board. */
export interface LogEntry {
  /** Grows by one with each entry. */
  readonly number: number;
  readonly source: number;
  /** The breaker that it is about; null for none. */
  readonly breaker: BoardBreaker | null;
  readonly record: EventRecord;
}

/** Breakers beyond it are counted and not shown. */
const MOST_BREAKERS = 5_000;
const MOST_ENTRIES = 1_000;

/**
 * What one looks at: breakers of any number of streams, their incidents and what happened last. It holds no more than
 * it can show, however long it runs.
 */
export class Board {
  readonly sources: readonly BoardSource[];
  /** Breakers that there was no room for. */
  unshown = 0;
  /** Grows with everything that changes. */
  version = 0;
  readonly #breakers = new Map<string, BoardBreaker>();
  /** The processes that were told of. */
  readonly #instances = new Set<string | null>();
  readonly #log: LogEntry[] = [];
  #entries = 0;

  constructor(names: readonly string[]) {
    this.sources = names.map((name) => new BoardSource(name));
  }

  /** Takes a message of a stream, by the stream's place in the list. Never throws. */
  take(source: number, message: StreamMessage, nowMs: number): void {
    const from = this.sources[source];
    if (from === undefined) return;
    this.version++;
    const read = understood(message);
    from.take(read, nowMs);
    switch (read.kind) {
      case "event":
        this.#takeEvent(source, read.record);
        break;
      case "levels":
        this.#takeLevels(source, read);
        break;
      case "gap":
        if (read.missed === null) this.#forget(source, nowMs + from.offsetMs);
        break;
      case "later":
      case "damaged":
    }
  }

  /** In the order in which they were first told of. */
  breakers(): Iterable<BoardBreaker> {
    return this.#breakers.values();
  }

  get size(): number {
    return this.#breakers.size;
  }

  breaker(key: string): BoardBreaker | undefined {
    return this.#breakers.get(key);
  }

  /** What happened, the latest last. */
  get log(): readonly LogEntry[] {
    return this.#log;
  }

  /** Every incident that is known, the latest first. */
  incidents(nowMs: number): readonly IncidentSummary[] {
    return [...this.#breakers.values()]
      .flatMap((breaker) => breaker.incidents(this.asOf(breaker.source, nowMs)))
      .sort((a, b) => b.openedAtMs - a.openedAtMs);
  }

  /** Incidents together: how many, how many still open, times to recovery. */
  summary(incidents: readonly IncidentSummary[]): BreakerSummary {
    return breakerSummary(incidents, { skipsOutside: 0, gaps: 0 });
  }

  /** What a breaker is called, safe to show: with its process, or else its stream, where there are several. */
  labelOf({ name, instance, source }: BreakerId & { readonly source?: number }): string {
    const own = printable(name);
    const shown = own.trim() === "" ? "(no name)" : own;
    if (instance !== null) {
      return this.#instances.size < 2 ? shown : `${shown} @ ${printable(instance)}`;
    }
    const stream = source === undefined ? undefined : this.sources[source];
    if (stream === undefined || this.sources.length < 2) return shown;
    return `${shown} @ ${printable(stream.name)}`;
  }

  /** Of when it is what is known of a source, by its own clock. */
  asOf(source: number, nowMs: number): number {
    return this.sources[source]?.asOfMs(nowMs) ?? nowMs;
  }

  /** The present by the clock of a source. */
  nowOf(source: number, nowMs: number): number {
    return this.sources[source]?.presentMs(nowMs) ?? nowMs;
  }

  #takeEvent(source: number, record: EventRecord): void {
    if (record.type === "registry.removed") this.#remove(source, record);
    const breaker = isCircuitRecord(record) ? this.#breakerOf(source, record) : null;
    if (breaker === undefined) return;
    // What came before came once more.
    if (breaker !== null && !breaker.take(record as CircuitRecord)) return;
    this.#entries++;
    this.#log.push({ number: this.#entries, source, breaker, record });
    if (this.#log.length > MOST_ENTRIES) this.#log.shift();
  }

  #takeLevels(
    source: number,
    { atMs, isAll, told, gone }: BoardMessage & { kind: "levels" },
  ): void {
    const present = new Set<BoardBreaker>();
    for (const { levels, ...id } of told) {
      const breaker = this.#found(source, id);
      if (breaker === undefined) continue;
      breaker.takeLevels(levels, atMs);
      present.add(breaker);
    }
    for (const { name, instance } of gone) this.#breakers.delete(keyOf(source, { name, instance }));
    if (!isAll) return;
    // Those that the stream knows by its events only may be of other processes than the one that is read.
    for (const breaker of this.#breakers.values()) {
      const isMissing = breaker.source === source && breaker.hasLevels && !present.has(breaker);
      if (isMissing) this.#breakers.delete(breaker.key);
    }
  }

  #breakerOf(source: number, record: CircuitRecord): BoardBreaker | undefined {
    const { breaker, instance } = record;
    const id = {
      name: shortName(breaker),
      instance: instance === undefined ? null : shortName(instance),
    };
    return this.#found(source, id);
  }

  /** The breaker of a name, made when there is none; undefined when there is no room for it. */
  #found(source: number, id: BreakerId): BoardBreaker | undefined {
    const key = keyOf(source, id);
    const known = this.#breakers.get(key);
    if (known !== undefined) return known;
    if (this.#breakers.size >= MOST_BREAKERS) {
      this.unshown++;
      return undefined;
    }
    this.#instances.add(id.instance);
    const made = new BoardBreaker({ key, source, ...id });
    this.#breakers.set(key, made);
    return made;
  }

  #remove(source: number, record: EventRecord): void {
    const { breaker: name } = record;
    if (typeof name !== "string") return;
    for (const breaker of this.#breakers.values()) {
      if (breaker.source === source && breaker.name === shortName(name)) {
        this.#breakers.delete(breaker.key);
      }
    }
  }

  /** The process of a source has begun anew. */
  #forget(source: number, atMs: number): void {
    for (const breaker of this.#breakers.values()) {
      if (breaker.source === source) breaker.forgetProcess(atMs);
    }
  }
}

const keyOf = (source: number, { name, instance }: BreakerId): string =>
  JSON.stringify([source, name, instance]);
