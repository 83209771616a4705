import {
  type CircuitRecord,
  isCircuitRecord,
  type RecordNaming,
  readEntry,
} from "./event-record.ts";
import type { InputCounts } from "./incident-report.ts";

/** Takes the events of one breaker in one process, in the order of the record. */
export interface Gatherer {
  take(record: CircuitRecord): void;
}

/** Makes who gathers for a breaker; `instance` is null when its events name none. */
export type MakeGatherer<G> = (breaker: string, instance: string | null) => G;

/**
 * Reads the entries of a record, counts what they are, and hands each event of a breaker to whoever gathers for that
 * breaker in that process. Never throws, whatever the entries are.
 */
export class RecordIntake<G extends Gatherer> {
  readonly #naming: RecordNaming;
  readonly #make: MakeGatherer<G>;
  /** By breaker, then by instance. */
  readonly #gatherers = new Map<string, Map<string | null, G>>();
  #events = 0;
  #ignored = 0;
  #damaged = 0;
  #flawed = 0;
  #fromAtMs = Number.POSITIVE_INFINITY;
  #toAtMs = Number.NEGATIVE_INFINITY;

  constructor(naming: RecordNaming, make: MakeGatherer<G>) {
    this.#naming = naming;
    this.#make = make;
  }

  /** Takes an entry; the event, when it is one of a breaker. */
  add(entry: unknown): CircuitRecord | null {
    if (typeof entry === "string" && entry.trim() === "") return null;
    const reading = readEntry(entry, this.#naming);
    if (reading === "foreign") this.#ignored++;
    else if (reading === "damaged") this.#damaged++;
    else {
      const { record, flawed } = reading;
      this.#events++;
      if (flawed) this.#flawed++;
      this.#fromAtMs = Math.min(this.#fromAtMs, record.atMs);
      this.#toAtMs = Math.max(this.#toAtMs, record.atMs);
      if (!record.type.startsWith("circuit.") || !isCircuitRecord(record)) return null;
      this.#gathererOf(record.breaker, record.instance ?? null).take(record);
      return record;
    }
    return null;
  }

  get input(): InputCounts {
    const [events, ignored, damaged] = [this.#events, this.#ignored, this.#damaged];
    return { lines: events + ignored + damaged, events, ignored, damaged };
  }

  /** Events of which a field did not fit the catalogue and was left out. */
  get flawed(): number {
    return this.#flawed;
  }

  /** The moment of the earliest event; null without events. */
  get fromAtMs(): number | null {
    return this.#events > 0 ? this.#fromAtMs : null;
  }

  /** The moment of the latest event; null without events. */
  get toAtMs(): number | null {
    return this.#events > 0 ? this.#toAtMs : null;
  }

  /** Who gathers for a breaker in a process; undefined when the record has no event of it. */
  gatherer(breaker: string, instance: string | null): G | undefined {
    return this.#gatherers.get(breaker)?.get(instance);
  }

  /** The breakers by name, each with those who gather for its processes. */
  *byBreaker(): Iterable<readonly [breaker: string, gatherers: readonly G[]]> {
    for (const [breaker, gatherers] of this.#gatherers) yield [breaker, [...gatherers.values()]];
  }

  #gathererOf(breaker: string, instance: string | null): G {
    let gatherers = this.#gatherers.get(breaker);
    if (gatherers === undefined) {
      gatherers = new Map();
      this.#gatherers.set(breaker, gatherers);
    }
    let gatherer = gatherers.get(instance);
    if (gatherer === undefined) {
      gatherer = this.#make(breaker, instance);
      gatherers.set(instance, gatherer);
    }
    return gatherer;
  }
}
