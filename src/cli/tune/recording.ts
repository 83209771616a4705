import { printable } from "../../events/printable.ts";
import { AccessCalls, type AccessCallsOptions } from "./access-calls.ts";
import { FATE } from "./call-log.ts";
import type { CallReader, Gathered, ReadCounts } from "./call-reader.ts";
import type { Assumptions } from "./call-table.ts";
import { EventCalls, type EventCallsOptions } from "./event-calls.ts";
import type { RecordedFacts } from "./recorded-facts.ts";

/** A recording cannot be tuned with; the message says why, and what to do. */
export class UnusableRecording extends Error {
  override readonly name = "UnusableRecording";
}

/** Calls to one dependency as they were read. */
export interface Recording {
  readonly breaker: string;
  /** What a breaker has told of itself; null for an access log. */
  readonly facts: RecordedFacts | null;
  readonly processes: number;
  readonly counts: ReadCounts;
  readonly calls: number;
  /** Calls that were refused, so that nobody knows what would have become of them. */
  readonly unknown: number;
  /** Processes of which no call has an outcome: they are left out. */
  readonly silent: number;
  readonly fromAtMs: number;
  readonly toAtMs: number;
  /** What is doubtful about how it was written down. */
  readonly doubts: readonly string[];
}

/** A recording and its calls, which nobody needs any more when they are in tables. */
export interface RecordedCalls {
  readonly recording: Recording;
  /** One for each process. */
  readonly logs: Gathered["logs"];
}

/** The tables that the replays take: one entry for each process. */
export type Streams = readonly Assumptions[];

/** How recordings are read: as events, or as an access log by a mapping. */
export type ReaderOptions =
  | { readonly kind: "events"; readonly options: EventCallsOptions }
  | { readonly kind: "access"; readonly options: AccessCallsOptions };

export function readerFor({ kind, options }: ReaderOptions): CallReader {
  return kind === "events" ? new EventCalls(options) : new AccessCalls(options);
}

/** What the reader has read. @throws {UnusableRecording} when no setting could be judged by it */
export function recordingOf(reader: CallReader): RecordedCalls {
  const gathered = reader.gathered();
  const [first] = gathered;
  if (first === undefined) throw new UnusableRecording(nothingIn(reader));
  if (gathered.length > 1) {
    const names = gathered.map(({ breaker }) => breaker);
    throw new UnusableRecording(
      `the recording is of ${names.length} breakers, name one with --breaker: ${named(names)}`,
    );
  }
  const { breaker, facts } = first;
  const logs = first.logs.filter(({ fate }) => fate.some((each) => each !== FATE.unknown));
  if (logs.length === 0) {
    throw new UnusableRecording(
      `no call of breaker "${printable(breaker)}" has an outcome in the recording${facts !== null && facts.refused > 0 ? ", only refusals" : ""}`,
    );
  }
  if (facts !== null && facts.successes === 0) {
    throw new UnusableRecording(
      'the recording has failures and no successes, so it cannot tell a bad minute from a bad call: record "circuit.*" with recordEvents(bus, path, { events: ["circuit.*"] }) or log at level trace, or map an access log with --map',
    );
  }
  const sum = (of: (log: Gathered["logs"][number]) => number): number =>
    logs.reduce((total, log) => total + of(log), 0);
  const recording = {
    ...{ breaker, facts, processes: logs.length, counts: reader.counts },
    calls: sum(({ length }) => length),
    unknown: sum(({ fate }) => fate.reduce((n, each) => n + (each === FATE.unknown ? 1 : 0), 0)),
    silent: first.logs.length - logs.length,
    fromAtMs: logs.reduce(
      (least, { startMs }) => startMs.reduce(min, least),
      Number.POSITIVE_INFINITY,
    ),
    toAtMs: logs.reduce(
      (most, { startMs, durationMs }) =>
        startMs.reduce((last, start, at) => Math.max(last, start + (durationMs[at] ?? 0)), most),
      Number.NEGATIVE_INFINITY,
    ),
    doubts: doubtsOf(reader),
  };
  return { recording, logs };
}

const min = (a: number, b: number): number => Math.min(a, b);

const MOST_NAMES = 20;

function named(names: readonly string[]): string {
  const shown = names.slice(0, MOST_NAMES).map((name) => `"${printable(name).slice(0, 60)}"`);
  return `${shown.join(", ")}${names.length > MOST_NAMES ? ", …" : ""}`;
}

function nothingIn({ counts, otherBreakers }: CallReader): string {
  if (otherBreakers.length > 0) {
    return `the recording has nothing of that breaker, only of ${named(otherBreakers)}`;
  }
  if (counts.used > 0) return "no call of the recording is between --since and --until";
  const { lines, damaged } = counts;
  return lines === 0
    ? "the recording is empty"
    : `none of its ${lines} lines is an event of a breaker${damaged > 0 ? `, ${damaged} of them are damaged` : ""}; for an access log say with --map where its fields are`;
}

function doubtsOf(reader: CallReader): readonly string[] {
  const { damaged, overlong, used } = reader.counts;
  const doubts: string[] = [];
  if (damaged > 0) {
    const long = overlong > 0 ? `, ${overlong} of them too long` : "";
    doubts.push(`${damaged} lines could not be read${long}: calls may be missing.`);
  }
  if (reader instanceof AccessCalls) {
    if (reader.impossible > 0) {
      doubts.push(
        `${reader.impossible} lines have a call of less than no time or of more than a day: is the unit of the duration right?`,
      );
    }
    if (reader.isWhole) {
      doubts.push(
        "The times are whole seconds. Calls of one second are spread evenly over it in the order of their lines, so detection and recovery are known to a second at best.",
      );
    }
  }
  if (reader instanceof EventCalls && reader.unordered > used / 100) {
    doubts.push(
      `${reader.unordered} events are dated before the one written before them. They were put in order; but if the same log was given twice, its calls count twice.`,
    );
  }
  return doubts;
}
