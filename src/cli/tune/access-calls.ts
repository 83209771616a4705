import { hint } from "../../events/nearest.ts";
import { printable } from "../../events/printable.ts";
import { UsageError } from "../usage-error.ts";
import {
  type AccessFormat,
  cellsOf,
  type FieldOf,
  fieldsOfLine,
  formatOfLine,
  hasHeader,
} from "./access-lines.ts";
import { type AccessMapping, fateOfStatus, momentOf, type StatusWords } from "./access-mapping.ts";
import { CallLog, MOST_CALLS, tooManyCalls } from "./call-log.ts";
import type { CallReader, Gathered, ReadCounts } from "./call-reader.ts";

/** How an access log is read. */
export interface AccessCallsOptions {
  readonly mapping: AccessMapping;
  /** Found out for each file when undefined. */
  readonly format: AccessFormat | undefined;
  /** Whether the time of a line is the start of the call; else it is its end. */
  readonly isStart: boolean;
  readonly statuses: StatusWords;
  readonly breaker: string | undefined;
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** What the calls of an access log without names of dependencies are called. */
const UNNAMED = "access log";
/** No date is later. */
const LAST_AT_MS = 8.64e15;
/** A longer call is a wrong unit. */
const LONGEST_MS = 86_400_000;
const LONGEST_SHOWN = 200;

/** Makes calls of the lines of access logs. */
export class AccessCalls implements CallReader {
  readonly wantsEveryLine = true;
  readonly counts: ReadCounts = { lines: 0, used: 0, ignored: 0, damaged: 0, overlong: 0 };
  /** Lines with a call that took more than a day, or less than no time. */
  impossible = 0;
  readonly #options: AccessCallsOptions;
  readonly #logs = new Map<string, Map<string, CallLog>>();
  readonly #others = new Set<string>();
  #file = "";
  #format: AccessFormat | null = null;
  #columns: ReadonlyMap<string, number> = new Map();
  #calls = 0;
  #isWhole = true;
  #firstDamaged: { readonly line: string; readonly fields: FieldOf | null } | null = null;

  constructor(options: AccessCallsOptions) {
    this.#options = options;
  }

  skip(ignored: number, damaged: number, overlong = 0): void {
    this.counts.lines += ignored + damaged + overlong;
    this.counts.ignored += ignored;
    this.counts.damaged += damaged + overlong;
    this.counts.overlong += overlong;
  }

  /** @throws {UsageError} when a file has no such format, or not the fields that were named */
  add(line: string, { file }: { readonly file: string }): void {
    this.counts.lines++;
    if (file !== this.#file) {
      this.#file = file;
      if (this.#begin(line)) {
        this.counts.ignored++;
        return;
      }
    }
    const fields = this.#format === null ? null : fieldsOfLine(line, this.#format, this.#columns);
    if (fields !== null && this.#take(fields)) return;
    this.counts.damaged++;
    this.#firstDamaged ??= { line, fields };
  }

  get otherBreakers(): readonly string[] {
    return [...this.#others];
  }

  /** Whether every time is a whole second, so that nobody knows the order within it. */
  get isWhole(): boolean {
    return this.#isWhole && this.#calls > 0;
  }

  /** @throws {UsageError} when no line could be used */
  gathered(): readonly Gathered[] {
    this.#checkFound();
    return [...this.#logs].map(([breaker, logs]) => {
      for (const log of logs.values()) this.#settleTimes(log);
      return { breaker, facts: null, logs: [...logs.values()] };
    });
  }

  /** Begins a file with its first line; true when that is the header. */
  #begin(line: string): boolean {
    this.#format = this.#options.format ?? formatOfLine(line);
    this.#columns = new Map();
    if (this.#format === null) {
      throw new UsageError(
        `Cannot tune: ${this.#file} must be JSON lines, CSV, TSV or in the common log format, it begins with "${shortened(line)}"`,
      );
    }
    if (!hasHeader(this.#format)) return false;
    const names = cellsOf(line, this.#format === "tsv" ? "tsv" : "csv").map((name) => name.trim());
    this.#columns = new Map(names.map((name, at) => [name, at]));
    for (const field of this.#fields()) {
      if (!this.#columns.has(field)) {
        throw new UsageError(
          `Cannot tune: ${this.#file} has no column "${field}", ${hint(field, names.map(shortened))}`,
        );
      }
    }
    return true;
  }

  /** Of a log in which no line could be used, what is wrong with the first of them. */
  #checkFound(): void {
    if (this.counts.used > 0 || this.#firstDamaged === null) return;
    const { line, fields } = this.#firstDamaged;
    const missing = this.#fields().find((field) => fields?.(field) === undefined);
    const fault = missing === undefined ? "a value of it cannot be read" : `it has no "${missing}"`;
    throw new UsageError(
      `Cannot tune: no line of ${this.#file} fits --map; of the first, ${fault}: ${shortened(line)}`,
    );
  }

  #fields(): readonly string[] {
    const { time, duration, status, instance, breaker } = this.#options.mapping;
    return [time, duration, status, instance, breaker].filter((field) => field !== undefined);
  }

  /** Whether the line could be used. */
  #take(fields: FieldOf): boolean {
    const { mapping, statuses, breaker, sinceMs, untilMs } = this.#options;
    const atMs = momentOf(fields(mapping.time)?.trim() ?? "", mapping.timeUnit);
    const durationText = fields(mapping.duration)?.trim() ?? "";
    const durationMs =
      durationText === "" ? Number.NaN : Number(durationText) * mapping.durationUnitMs;
    const status = fields(mapping.status)?.trim() ?? "";
    if (!(Math.abs(atMs) <= LAST_AT_MS) || Number.isNaN(durationMs) || /^-?$/.test(status)) {
      return false;
    }
    if (durationMs < 0 || durationMs > LONGEST_MS) {
      this.impossible++;
      return false;
    }
    const name = mapping.breaker === undefined ? UNNAMED : (fields(mapping.breaker) ?? UNNAMED);
    const instance = mapping.instance === undefined ? "" : (fields(mapping.instance) ?? "");
    this.counts.used++;
    if (atMs < sinceMs || atMs > untilMs) return true;
    if (breaker !== undefined && name !== breaker) {
      this.#others.add(name);
      return true;
    }
    if (++this.#calls > MOST_CALLS) tooManyCalls();
    this.#isWhole &&= atMs % 1_000 === 0;
    // What is written down is a moment; settleTimes makes a start of it.
    this.#logOf(name, instance).add(atMs, durationMs, fateOfStatus(status, statuses));
    return true;
  }

  #logOf(name: string, instance: string): CallLog {
    let logs = this.#logs.get(name);
    if (logs === undefined) {
      logs = new Map();
      this.#logs.set(name, logs);
    }
    let log = logs.get(instance);
    if (log === undefined) {
      log = new CallLog();
      logs.set(instance, log);
    }
    return log;
  }

  /** Makes starts of the moments that were written down; those of one whole second are spread over it. */
  #settleTimes({ startMs, durationMs }: CallLog): void {
    if (this.#isWhole) spread(startMs);
    if (this.#options.isStart) return;
    for (let at = 0; at < startMs.length; at++) {
      startMs[at] = (startMs[at] ?? 0) - (durationMs[at] ?? 0);
    }
  }
}

/** Spreads moments that are whole seconds over their seconds, in the order in which they stand. */
function spread(momentsMs: Float64Array): void {
  const inAll = new Map<number, number>();
  for (const atMs of momentsMs) inAll.set(atMs, (inAll.get(atMs) ?? 0) + 1);
  const before = new Map<number, number>();
  for (let at = 0; at < momentsMs.length; at++) {
    const atMs = momentsMs[at] ?? 0;
    const n = before.get(atMs) ?? 0;
    before.set(atMs, n + 1);
    momentsMs[at] = atMs + ((n + 0.5) / (inAll.get(atMs) ?? 1)) * 1_000;
  }
}

const shortened = (text: string): string => printable(text).slice(0, LONGEST_SHOWN);
