import { Check } from "../events/check.ts";
import { isData } from "../events/event-shape.ts";
import { EVENT_FAMILIES } from "../events/event-types.ts";
import { LAST_AT_MS, usableFields } from "./usable-fields.ts";

/**
 * A recorded event in the form in which it was emitted, whatever wrote it down. A sink that filters or samples has
 * added `prevSeq` (the `seq` of its line before, null on its first) and `suppressed` (skips since that line that it
 * did not write).
 */
export interface EventRecord {
  readonly type: string;
  /** Epoch milliseconds. */
  readonly atMs: number;
  readonly [field: string]: unknown;
}

/** A recorded event of a breaker. */
export interface CircuitRecord extends EventRecord {
  readonly seq: number;
  readonly breaker: string;
  readonly instance?: string;
  readonly incidentId?: string;
  readonly prevSeq?: number | null;
  readonly suppressed?: number;
}

/** How the recorded lines name their events. Events under `type`, without a prefix, are always understood too. */
export interface RecordOptions {
  /**
   * The key that holds the name of the event.
   * @default "type"
   */
  readonly eventKey?: string;
  /**
   * What is put before the name, such as `"triage."`.
   * @default ""
   */
  readonly prefix?: string;
}

/** The options, checked and complete. */
export type RecordNaming = Required<RecordOptions>;

/** An event that was read. */
interface ReadEvent {
  readonly record: EventRecord;
  /** A field did not fit the catalogue and was left out. */
  readonly flawed: boolean;
}

/** What one line is: an event, something that is none of ours, or an event or JSON that cannot be used. */
export type Reading = ReadEvent | "foreign" | "damaged";

/** What a logger adds of its own, and the error of its lines, which is read apart. */
const NOT_COPIED = new Set(["level", "time", "pid", "hostname", "msg", "err"]);
const FAMILIES = EVENT_FAMILIES.map((family) => family.slice(0, -1));

/** @throws {TypeError} when an option is unknown or no string */
export function recordNaming(options: RecordOptions, action: string): RecordNaming {
  const check = new Check(action);
  check.keys(check.object("options", options), ["eventKey", "prefix"]);
  const { eventKey = "type", prefix = "" } = options;
  for (const [field, value] of Object.entries({ eventKey, prefix })) {
    if (typeof value !== "string") check.type(field, "a string", value);
  }
  return { eventKey, prefix };
}

/**
 * Turns one line of NDJSON into an event, or into undefined when it holds none: a line of something else, or a
 * damaged one. The line may be an event as it was emitted or a line of the pino exporter. A line is evidence, so it
 * need not be whole: a field that does not fit the catalogue is left out. Where a typed event is wanted, use
 * {@link parseEvent}.
 *
 * @throws {TypeError} when an option is unknown or no string
 * @example
 * const record = parseEventLine(line, { eventKey: "event", prefix: "triage." });
 */
export function parseEventLine(line: string, options: RecordOptions = {}): EventRecord | undefined {
  const reading = readLine(line, recordNaming(options, "parse an event line"));
  return typeof reading === "string" ? undefined : reading.record;
}

/** What an entry of a record is: the text of a line, or an object. */
export function readEntry(entry: unknown, naming: RecordNaming): Reading {
  return typeof entry === "string" ? readLine(entry, naming) : readRecord(entry, naming);
}

function readLine(line: string, naming: RecordNaming): Reading {
  const text = line.trim();
  // Text of something else is no damage; a piece of an object, cut at either end, is.
  if (!text.startsWith("{") && !text.endsWith("}")) return "foreign";
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return "damaged";
  }
  return readRecord(value, naming);
}

function readRecord(value: unknown, naming: RecordNaming): Reading {
  let held: Readonly<Record<string, unknown>>;
  try {
    if (!isData(value)) return "foreign";
    // Read once: what follows must not run a getter of a stranger.
    held = { ...value };
  } catch {
    return "damaged";
  }
  const type = eventName(held, naming);
  if (type === undefined || held["v"] !== 1) return "foreign";
  const atMs = held["atMs"];
  if (typeof atMs !== "number" || !(Math.abs(atMs) <= LAST_AT_MS)) return "damaged";
  // A plain loop: of a large log this is most of the work.
  const given: Record<string, unknown> = {};
  for (const key of Object.keys(held)) {
    if (NOT_COPIED.has(key) || key === naming.eventKey) continue;
    // A key of a stranger may be __proto__, which an assignment would take for something else.
    if (key !== "__proto__") given[key] = held[key];
  }
  const { fields, flawed } = usableFields(type, given);
  const record: EventRecord = { ...fields, ...errorIn(fields, held), type, atMs };
  if (!type.startsWith("circuit.")) return { record, flawed };
  // The envelope as it was given: a field of it that does not fit is no flaw.
  return isCircuitRecord(flawed ? { ...given, type, atMs } : record)
    ? { record, flawed }
    : "damaged";
}

/** Whether the record is of a breaker, with an envelope that can be used. */
export function isCircuitRecord(record: EventRecord): record is CircuitRecord {
  const { seq, breaker, instance, incidentId, prevSeq, suppressed } = record;
  return (
    isCount(seq) &&
    typeof breaker === "string" &&
    isTextOrMissing(instance) &&
    isTextOrMissing(incidentId) &&
    (prevSeq === undefined || prevSeq === null || isCount(prevSeq)) &&
    (suppressed === undefined || isCount(suppressed))
  );
}

/** A field that must be a number of 0 or more; null when the record does not have it. */
export function amount(record: EventRecord, field: string): number | null {
  const value = record[field];
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : null;
}

/** A field that must be text; null when the record does not have it. */
export function text(record: EventRecord, field: string): string | null {
  const value = record[field];
  return typeof value === "string" ? value : null;
}

function eventName(
  held: Readonly<Record<string, unknown>>,
  { eventKey, prefix }: RecordNaming,
): string | undefined {
  const named = held[eventKey];
  const own =
    typeof named === "string" && named.startsWith(prefix) ? named.slice(prefix.length) : undefined;
  return [own, held["type"]].find(isEventName);
}

const isEventName = (name: unknown): name is string =>
  typeof name === "string" && FAMILIES.some((family) => name.startsWith(family));

const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0;

const isTextOrMissing = (value: unknown): value is string | undefined =>
  value === undefined || typeof value === "string";

/** The error of an event that has one under another name or in another form. */
function errorIn(
  fields: Readonly<Record<string, unknown>>,
  held: Readonly<Record<string, unknown>>,
): { readonly error?: object } {
  if (Object.hasOwn(fields, "error")) return {};
  const error = errorOf(held["error"] ?? held["err"]);
  return error === undefined ? {} : { error };
}

/** The error of a line as events carry it; other serializers than ours call the name `type`. */
function errorOf(value: unknown): Readonly<Record<string, string>> | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { name, type, message, code } = value as Readonly<Record<string, unknown>>;
  const called = typeof name === "string" ? name : type;
  if (typeof called !== "string" && typeof message !== "string") return undefined;
  return {
    name: typeof called === "string" ? called : "Error",
    message: typeof message === "string" ? message : "",
    ...(typeof code === "string" ? { code } : {}),
  };
}
