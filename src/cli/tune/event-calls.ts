import { isData } from "../../events/event-shape.ts";
import { namingOf, USUAL_NAMING } from "../../report/event-naming.ts";
import {
  amount,
  type CircuitRecord,
  isCircuitRecord,
  type RecordNaming,
  readEntry,
  text,
} from "../../report/event-record.ts";
import { ProcessNames } from "../../report/process-names.ts";
import { CallLog, FATE, MOST_CALLS, tooManyCalls } from "./call-log.ts";
import type { CallReader, Gathered, ReadCounts } from "./call-reader.ts";
import { RecordedFacts } from "./recorded-facts.ts";

/** Which events are wanted. */
export interface EventCallsOptions {
  readonly breaker: string | undefined;
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Found out when undefined. */
  readonly naming: RecordNaming | undefined;
}

/** Refusals that the breaker has not decided. */
const BESIDE: ReadonlySet<string | null> = new Set(["quota", "bulkhead"]);
/** Events of one millisecond keep their order by this much. */
const ORDER_MS = 0.001;

interface Process {
  readonly log: CallLog;
  lastAtMs: number;
  inThisMs: number;
  timesOut: boolean;
}

interface Breaker {
  readonly facts: RecordedFacts;
  readonly processes: Map<string | null, Process>;
}

/** Makes calls of the recorded events of breakers. */
export class EventCalls implements CallReader {
  readonly counts: ReadCounts = { lines: 0, used: 0, ignored: 0, damaged: 0, overlong: 0 };
  /** Events that are dated before the one that their process has written before them. */
  unordered = 0;
  readonly #options: EventCallsOptions;
  #naming: RecordNaming;
  readonly #names = new ProcessNames();
  readonly #breakers = new Map<string, Breaker>();
  readonly #others = new Set<string>();
  #calls = 0;

  constructor(options: EventCallsOptions) {
    this.#options = options;
    this.#naming = options.naming ?? USUAL_NAMING;
  }

  skip(ignored: number, damaged: number, overlong = 0): void {
    this.counts.lines += ignored + damaged + overlong;
    this.counts.ignored += ignored;
    this.counts.damaged += damaged + overlong;
    this.counts.overlong += overlong;
  }

  add(line: string): void {
    this.counts.lines++;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      this.counts.damaged++;
      return;
    }
    const record = this.#read(value);
    if (record === null) return;
    this.counts.used++;
    const { breaker, sinceMs, untilMs } = this.#options;
    if (record.atMs < sinceMs || record.atMs > untilMs) return;
    if (breaker !== undefined && record.breaker !== breaker) this.#others.add(record.breaker);
    else this.#take(record, isData(value) ? value : {});
  }

  gathered(): readonly Gathered[] {
    return [...this.#breakers].map(([breaker, { facts, processes }]) => ({
      breaker,
      facts,
      logs: [...processes.values()].map(({ log }) => log),
    }));
  }

  get otherBreakers(): readonly string[] {
    return [...this.#others];
  }

  #read(value: unknown): CircuitRecord | null {
    let reading = readEntry(value, this.#naming);
    if (reading === "foreign" && this.#options.naming === undefined) {
      const naming = namingOf(value);
      if (naming !== null) {
        this.#naming = naming;
        reading = readEntry(value, naming);
      }
    }
    if (reading === "damaged") this.counts.damaged++;
    else if (reading === "foreign" || !isCircuitRecord(reading.record)) this.counts.ignored++;
    else return reading.record;
    return null;
  }

  #take(record: CircuitRecord, line: Readonly<Record<string, unknown>>): void {
    const { facts, processes } = this.#breakerOf(record.breaker);
    const process = processOf(processes, this.#names.keyOf(record, line));
    const { atMs } = record;
    if (atMs < process.lastAtMs && process.lastAtMs < Number.POSITIVE_INFINITY) this.unordered++;
    process.inThisMs = atMs === process.lastAtMs ? process.inThisMs + 1 : 0;
    const endMs = atMs + Math.min(0.999, process.inThisMs * ORDER_MS);
    this.#takeSuppressed(record, { facts, process, endMs });
    process.lastAtMs = atMs;
    const latencyMs = amount(record, "latencyMs");
    const call = (fate: number): void => {
      if (latencyMs === null) facts.untimed++;
      this.#call(process, { startMs: endMs - (latencyMs ?? 0), durationMs: latencyMs ?? 0, fate });
    };
    switch (record.type) {
      case "circuit.success":
        facts.success(latencyMs);
        call(FATE.ok);
        break;
      case "circuit.failure":
        facts.failure(record, latencyMs);
        call(fateOfFailure(record, process, latencyMs));
        break;
      case "circuit.ignored":
        call(FATE.ignored);
        break;
      case "circuit.late":
        call(fateOfLate(record, process, latencyMs));
        break;
      case "circuit.skip":
        this.#refused(record, { facts, process, atMs: endMs });
        break;
      case "circuit.open":
        facts.open(record);
        break;
      case "circuit.close":
        facts.close(record);
        break;
      case "circuit.disable":
        facts.foreign++;
    }
  }

  /**
   * The refusals that a line stands for came between the line before it and this one: evenly, for all that is known. When
   * the next call was a probe, they came before the cooldown was over.
   */
  #takeSuppressed(
    record: CircuitRecord,
    { facts, process, endMs }: { facts: RecordedFacts; process: Process; endMs: number },
  ): void {
    const { suppressed = 0 } = record;
    if (this.#calls + suppressed > MOST_CALLS) tooManyCalls();
    const idleMs = record.type === "circuit.half_open" ? (amount(record, "idleMs") ?? 0) : 0;
    const untilMs = endMs - idleMs;
    const fromMs = Math.min(process.lastAtMs, untilMs);
    for (let n = 1; n <= suppressed; n++) {
      const atMs = fromMs + ((untilMs - fromMs) * n) / (suppressed + 1);
      this.#refused(record, { facts, process, atMs });
    }
  }

  #refused(
    record: CircuitRecord,
    { facts, process, atMs }: { facts: RecordedFacts; process: Process; atMs: number },
  ): void {
    if (record.type === "circuit.skip" && BESIDE.has(text(record, "reason"))) {
      facts.refusedBeside++;
      return;
    }
    facts.refused++;
    this.#call(process, { startMs: atMs, durationMs: 0, fate: FATE.unknown });
  }

  #call(
    { log }: Process,
    { startMs, durationMs, fate }: { startMs: number; durationMs: number; fate: number },
  ): void {
    if (++this.#calls > MOST_CALLS) tooManyCalls();
    log.add(startMs, durationMs, fate);
  }

  #breakerOf(name: string): Breaker {
    const known = this.#breakers.get(name);
    if (known !== undefined) return known;
    const made = { facts: new RecordedFacts(), processes: new Map() };
    this.#breakers.set(name, made);
    return made;
  }
}

function processOf(processes: Map<string | null, Process>, key: string | null): Process {
  const known = processes.get(key);
  if (known !== undefined) return known;
  const log = new CallLog();
  const made = { log, lastAtMs: Number.POSITIVE_INFINITY, inThisMs: 0, timesOut: false };
  processes.set(key, made);
  return made;
}

/** A call that was only too slow gave its value: with a higher limit it would have been a success. */
function fateOfFailure(record: CircuitRecord, process: Process, latencyMs: number | null): number {
  const { error } = record;
  if (isData(error) && error["name"] === "TimeoutError") {
    process.timesOut = true;
    return FATE.timeout;
  }
  if (text(record, "reason") !== "latency" || error !== undefined) return FATE.error;
  return latencyMs === null ? FATE.timeout : FATE.ok;
}

/** A late result has no error with it: what was slow is taken for a timeout when others of its process were. */
function fateOfLate(record: CircuitRecord, process: Process, latencyMs: number | null): number {
  switch (text(record, "countedAs")) {
    case "success":
      return FATE.ok;
    case "error":
      return FATE.error;
    case "latency":
      return process.timesOut || latencyMs === null ? FATE.timeout : FATE.ok;
    default:
      return FATE.ignored;
  }
}
