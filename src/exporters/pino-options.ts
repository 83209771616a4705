import { BUS_ENVELOPE, CIRCUIT_ENVELOPE, EVENTS } from "../events/catalogue.ts";
import type { EventType } from "../events/event.ts";
import { EVENT_TYPES } from "../events/event-types.ts";
import { hint } from "../events/nearest.ts";
import { SEVERITIES, type Severity } from "../events/vocabulary.ts";
import type { EventNaming } from "./pino-line.ts";

/** The level of a line, or `silent` for no line. */
export type LogLevel = Severity | "silent";

/** Options of {@link logCircuitEvents}. Unknown keys are refused. */
export interface LogOptions {
  /**
   * The key of a line that holds the name of the event.
   * @default "type"
   */
  readonly eventKey?: string;
  /**
   * Put before the name of the event: `"triage."` makes `"triage.circuit.skip"`.
   * @default ""
   */
  readonly prefix?: string;
  /**
   * Levels by event, where they differ from the catalogue's; `"silent"` for no line.
   * @default the severity of the catalogue
   */
  readonly severities?: Readonly<Partial<Record<EventType, LogLevel>>>;
  /**
   * Whether refused calls are sampled without loss: the 1st, 2nd, 4th, 8th … of an open window and one every 10 s
   * are written, and `suppressed` on the next line is the number of the others. `false` writes a line for each.
   * @default true
   */
  readonly sampleSkips?: boolean;
}

/** The options, checked and complete. */
export interface LogSettings extends EventNaming {
  readonly levels: Readonly<Record<EventType, LogLevel>>;
  readonly sampleSkips: boolean;
}

const DEFAULTS = Object.freeze({ eventKey: "type", prefix: "", sampleSkips: true });
const KNOWN = ["eventKey", "prefix", "severities", "sampleSkips"];
const LEVELS: readonly string[] = [...SEVERITIES, "silent"];
const LONGEST_NAME = 64;

/** The keys that lines have anyway; `type` gives way to the `eventKey`. */
const TAKEN: ReadonlySet<string> = new Set([
  ...[CIRCUIT_ENVELOPE, BUS_ENVELOPE, ...Object.values(EVENTS).map(({ fields }) => fields)].flatMap(
    (fields) => Object.keys(fields),
  ),
  ...["level", "time", "pid", "hostname", "msg", "err", "prevSeq", "suppressed"],
]);

/** Refuses the arguments of one call in the words that every public function uses. */
export function refuse(field: string, allowed: string, value: unknown): never {
  const received =
    typeof value === "string"
      ? JSON.stringify(value.slice(0, LONGEST_NAME))
      : typeof value === "object"
        ? value === null
          ? "null"
          : "an object"
        : typeof value === "function"
          ? "a function"
          : String(value);
  throw new TypeError(
    `Cannot log circuit events: ${field} must be ${allowed}, received ${received}`,
  );
}

/** @throws {TypeError} when an option is unknown or has a value that it cannot have */
export function logSettings(options: LogOptions): LogSettings {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    return refuse("options", "an object", options);
  }
  refuseUnknown(Object.keys(options), KNOWN, (key) => `"${key}"`);
  const eventKey = options.eventKey ?? DEFAULTS.eventKey;
  if (!isText(eventKey) || eventKey === "") {
    return refuse("eventKey", `a string of 1 to ${LONGEST_NAME} characters`, eventKey);
  }
  if (TAKEN.has(eventKey)) {
    return refuse("eventKey", "a key that no line has for something else", eventKey);
  }
  const prefix = options.prefix ?? DEFAULTS.prefix;
  if (!isText(prefix)) {
    return refuse("prefix", `a string of at most ${LONGEST_NAME} characters`, prefix);
  }
  const sampleSkips = options.sampleSkips ?? DEFAULTS.sampleSkips;
  if (typeof sampleSkips !== "boolean") return refuse("sampleSkips", "true or false", sampleSkips);
  return { eventKey, prefix, sampleSkips, levels: levelsOf(options.severities ?? {}) };
}

const isText = (value: unknown): value is string =>
  typeof value === "string" && value.length <= LONGEST_NAME;

function levelsOf(severities: unknown): Readonly<Record<EventType, LogLevel>> {
  if (typeof severities !== "object" || severities === null || Array.isArray(severities)) {
    return refuse("severities", "an object of levels by event", severities);
  }
  refuseUnknown(Object.keys(severities), EVENT_TYPES, (key) => `severities["${key}"]`);
  const chosen: ReadonlyMap<string, unknown> = new Map(Object.entries(severities));
  const levels = EVENT_TYPES.map((type): [EventType, LogLevel] => {
    const level = chosen.get(type) ?? EVENTS[type].severity;
    return isLevel(level)
      ? [type, level]
      : refuse(`severities["${type}"]`, `one of ${LEVELS.join(", ")}`, level);
  });
  // Every event has its level, which is what the type says.
  return Object.freeze(Object.fromEntries(levels) as Record<EventType, LogLevel>);
}

const isLevel = (value: unknown): value is LogLevel =>
  typeof value === "string" && LEVELS.includes(value);

function refuseUnknown(
  keys: readonly string[],
  known: readonly string[],
  named: (key: string) => string,
): void {
  const unknown = keys.find((key) => !known.includes(key));
  if (unknown === undefined) return;
  throw new TypeError(
    `Cannot log circuit events: unknown option ${named(unknown)}, ${hint(unknown, known)}`,
  );
}
