import { BreakerReplay } from "./breaker-replay.ts";
import { type CircuitRecord, type RecordOptions, recordNaming } from "./event-record.ts";
import type { InputCounts } from "./incident-report.ts";
import { RecordIntake } from "./record-intake.ts";
import type { ReplayedBreaker } from "./replayed-breaker.ts";

/** Rebuilds breakers from their events, one event at a time. */
export interface Replay {
  /**
   * Takes an event as it was emitted, a log line parsed, or the text of a line. What is no event is counted and
   * otherwise ignored, an event that comes once more is taken once. Never throws. The events of one breaker in one
   * process have to come in the order they were emitted; those of different ones may mix, if their `instance` differs.
   *
   * @returns the event, when it is one of a breaker
   */
  add(entry: unknown): CircuitRecord | null;
  /** A breaker as of its last event; null when there was none. `instance` as its events name it, if they do. */
  breaker(name: string, instance?: string): ReplayedBreaker | null;
  /** Every breaker of every process. */
  breakers(): readonly ReplayedBreaker[];
  /** What was read so far. */
  readonly input: InputCounts;
  /** Events of which a field did not fit the catalogue and was left out. */
  readonly flawed: number;
}

/** One event of a record, and its breaker right after it; unchanged by an event that was there before. */
export interface ReplayStep {
  readonly event: CircuitRecord;
  readonly breaker: ReplayedBreaker;
}

class EventReplay implements Replay {
  readonly #intake: RecordIntake<BreakerReplay>;

  constructor(options: RecordOptions, action: string) {
    this.#intake = new RecordIntake(
      recordNaming(options, action),
      (breaker, instance) => new BreakerReplay(breaker, instance),
    );
  }

  add(entry: unknown): CircuitRecord | null {
    return this.#intake.add(entry);
  }

  breaker(name: string, instance?: string): ReplayedBreaker | null {
    return this.#intake.gatherer(name, instance ?? null)?.read() ?? null;
  }

  breakers(): readonly ReplayedBreaker[] {
    return [...this.#intake.byBreaker()].flatMap(([, replays]) =>
      replays.flatMap((replay) => replay.read() ?? []),
    );
  }

  get input(): InputCounts {
    return this.#intake.input;
  }

  get flawed(): number {
    return this.#intake.flawed;
  }
}

/**
 * Makes a replay to which events are added as they come: it holds the breakers, not the events, and reading one costs
 * only when it is read.
 *
 * @throws {TypeError} when an option is unknown or no string
 * @example
 * const replay = createReplay();
 * breaker.on("circuit.*", (event) => replay.add(event));
 * replay.breaker("payments")?.incident?.skips;
 */
export function createReplay(options: RecordOptions = {}): Replay {
  return new EventReplay(options, "create a replay");
}

/**
 * Goes through a record and gives, after each event of a breaker, that breaker as it was then: state, counters,
 * incident and times. Events as they were emitted, parsed log lines, or lines of text.
 *
 * @throws {TypeError} when an option is unknown or no string
 * @example
 * for (const { event, breaker } of replay(lines)) {
 *   if (event.type === "circuit.open") console.log(breaker.stats.calls, breaker.incident?.reason);
 * }
 */
export function* replay(
  events: Iterable<unknown>,
  options: RecordOptions = {},
): Generator<ReplayStep, void, undefined> {
  const replaying = new EventReplay(options, "replay events");
  for (const entry of events) {
    const event = replaying.add(entry);
    const breaker = event === null ? null : replaying.breaker(event.breaker, event.instance);
    if (event !== null && breaker !== null) yield { event, breaker };
  }
}
