import type { BreakerView } from "../core/breaker-view.ts";
import type { CircuitState } from "../events/vocabulary.ts";
import { listOf, processOf, retryAtMsOf, type SnapshotSource } from "./sse-snapshot.ts";

/** How one breaker stands, in a `readings` message. */
export interface BreakerReading {
  readonly breaker: string;
  /** Which process, as its bus names it; missing when it does not. */
  readonly instance?: string;
  /** The effective state. */
  readonly state: CircuitState;
  readonly trafficShare: number;
  readonly tripProgress: number;
  readonly consecutiveFailures: number;
  readonly failureThreshold: number | null;
  readonly probesInFlight: number;
  /** When the present incident began, in epoch milliseconds; null when there is none. */
  readonly openedAtMs: number | null;
  /** While open: when a probe may run, in epoch milliseconds; null when that is unknown, and when not open. */
  readonly retryAtMs: number | null;
  /** Finished calls since it was made. */
  readonly calls: number;
  /** Refused calls since it was made. */
  readonly skips: number;
}

/** The data of a `readings` message: what has changed since the one before. */
export interface ReadingsMessage {
  readonly atMs: number;
  /** `breakers` are all there are, as in the first message to a client. */
  readonly all: boolean;
  /** The breakers whose reading is another than in the message before. */
  readonly breakers: readonly BreakerReading[];
  /** The breakers that are no longer there. */
  readonly gone: readonly Pick<BreakerReading, "breaker" | "instance">[];
}

interface Row {
  readonly text: string;
  /** As the message names it when it is gone. */
  readonly name: string;
  /** The number of the reading that first gave this. */
  readonly since: number;
}

/** As many as a snapshot has. */
const MOST = 2_000;

/** What is read of breakers again and again, so that each client is sent what has changed since it was last told. */
export class BreakerReadings {
  /** How often they were read. */
  count = 0;
  readonly #source: SnapshotSource;
  readonly #rows = new Map<string, Row>();
  /** Breakers that are gone, each with the reading that did not find it. */
  readonly #gone = new Map<string, Row>();
  #atMs = 0;
  /** Of what was gone by this reading, not all is known any more. */
  #forgotten = 0;
  /** The text that was asked for last: most clients ask for the same. */
  #made: { readonly since: number; readonly count: number; readonly text: string } | null = null;

  constructor(source: SnapshotSource) {
    this.#source = source;
  }

  /** Reads the breakers now. Never throws: what cannot be read is told by the next snapshot. */
  take(): void {
    this.count++;
    this.#atMs = Date.now();
    const gone = new Set(this.#rows.keys());
    let left = MOST;
    try {
      for (const view of listOf(this.#source)) {
        if (left-- === 0) break;
        this.#read(view, gone);
      }
    } catch {
      // They cannot be listed now: what was read before stands, and nothing new is told.
      return;
    }
    for (const key of gone) this.#bury(key);
  }

  /** The message with what has changed after a reading, by its number; 0 for all. */
  messageSince(since: number): string {
    const made = this.#made;
    if (made !== null && made.since === since && made.count === this.count) return made.text;
    const all = since === 0 || since < this.#forgotten;
    const changed: string[] = [];
    for (const row of this.#rows.values()) if (all || row.since > since) changed.push(row.text);
    const gone: string[] = [];
    for (const row of this.#gone.values()) if (!all && row.since > since) gone.push(row.name);
    const data = `{"atMs":${this.#atMs},"all":${all},"breakers":[${changed.join(",")}],"gone":[${gone.join(",")}]}`;
    // Without an id: it is no event that a client could come back for.
    const text = `event: readings\ndata: ${data}\n\n`;
    this.#made = { since, count: this.count, text };
    return text;
  }

  #bury(name: string): void {
    this.#rows.delete(name);
    this.#gone.set(name, { text: "", name, since: this.count });
    if (this.#gone.size <= MOST) return;
    const [oldest] = this.#gone;
    if (oldest === undefined) return;
    this.#gone.delete(oldest[0]);
    this.#forgotten = oldest[1].since;
  }

  #read(view: BreakerView, gone: Set<string>): void {
    try {
      const reading = readingOf(view);
      const { breaker, instance } = reading;
      const name = JSON.stringify({ breaker, instance });
      gone.delete(name);
      this.#gone.delete(name);
      const text = JSON.stringify(reading);
      if (this.#rows.get(name)?.text !== text) {
        this.#rows.set(name, { text, name, since: this.count });
      }
    } catch {
      // It is none, or cannot be read.
    }
  }
}

function readingOf(view: BreakerView): BreakerReading {
  view.catchUp?.();
  const { name: breaker, state, trafficShare, tripProgress, failureThreshold } = view;
  const { probesInFlight, openedAtMs, stats } = view;
  return {
    breaker,
    ...processOf(view),
    ...{ state, trafficShare, tripProgress },
    consecutiveFailures: stats.consecutiveFailures,
    ...{ failureThreshold, probesInFlight, openedAtMs },
    retryAtMs: retryAtMsOf(view),
    calls: sum(stats.calls),
    skips: sum(stats.skips),
  };
}

const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((total, count) => total + count, 0);
