import { EVENTS, envelopeOf } from "../events/catalogue.ts";
import { Check } from "../events/check.ts";
import type { EventType } from "../events/event.ts";
import { EVENT_TYPES } from "../events/event-types.ts";
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
   * are written, and `suppressed` on the next line is the number of the others; the events of policies likewise.
   * `false` writes a line for each.
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
  ...Object.entries(EVENTS).flatMap(([type, { fields }]) =>
    Object.keys({ ...envelopeOf(type), ...fields }),
  ),
  ...["level", "time", "pid", "hostname", "msg", "err", "prevSeq", "suppressed"],
]);

/** Checks the arguments of `logCircuitEvents`. */
export const CHECK = new Check("log circuit events");

/** @throws {TypeError} when an option is unknown or has a value that it cannot have */
export function logSettings(options: LogOptions): LogSettings {
  CHECK.keys(CHECK.object("options", options), KNOWN);
  const eventKey = options.eventKey ?? DEFAULTS.eventKey;
  if (!isText(eventKey) || eventKey === "") {
    return CHECK.type("eventKey", `a string of 1 to ${LONGEST_NAME} characters`, eventKey);
  }
  if (TAKEN.has(eventKey)) {
    return CHECK.type("eventKey", "a key that no line has for something else", eventKey);
  }
  const prefix = options.prefix ?? DEFAULTS.prefix;
  if (!isText(prefix)) {
    return CHECK.type("prefix", `a string of at most ${LONGEST_NAME} characters`, prefix);
  }
  const sampleSkips = CHECK.flag("sampleSkips", options.sampleSkips ?? DEFAULTS.sampleSkips);
  return { eventKey, prefix, sampleSkips, levels: levelsOf(options.severities ?? {}) };
}

const isText = (value: unknown): value is string =>
  typeof value === "string" && value.length <= LONGEST_NAME;

function levelsOf(severities: unknown): Readonly<Record<EventType, LogLevel>> {
  const given = CHECK.keys(CHECK.object("severities", severities), EVENT_TYPES, "severities.");
  const chosen: ReadonlyMap<string, unknown> = new Map(Object.entries(given));
  const levels = EVENT_TYPES.map((type): [EventType, LogLevel] => {
    const level = chosen.get(type) ?? EVENTS[type].severity;
    return isLevel(level)
      ? [type, level]
      : CHECK.type(`severities["${type}"]`, `one of ${LEVELS.join(", ")}`, level);
  });
  // Every event has its level, which is what the type says.
  return Object.freeze(Object.fromEntries(levels) as Record<EventType, LogLevel>);
}

const isLevel = (value: unknown): value is LogLevel =>
  typeof value === "string" && LEVELS.includes(value);
