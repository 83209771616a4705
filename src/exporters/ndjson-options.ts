import { Check } from "../events/check.ts";
import type { EventType } from "../events/event.ts";
import { chosenTypes, type EventChoice } from "./event-choice.ts";
import type { FileSettings } from "./rotating-file.ts";

/** Options of {@link recordEvents}. Unknown keys are refused. */
export interface RecordingOptions extends EventChoice {
  /**
   * The size in bytes at which the file is put aside and begun again.
   * @default 67_108_864 (64 MiB)
   */
  readonly maxBytes?: number;
  /**
   * Files put aside that are kept, the newest as `<path>.1`; 0 begins the file again and keeps none.
   * @default 5
   */
  readonly keepFiles?: number;
  /**
   * Bytes of lines that may wait in memory. With 0 each line is written at once and survives a killed process. More
   * costs less for each event: lines are then written when they are this many, after a second, when the process exits
   * and when it detaches; a killed process loses what waits.
   * @default 0
   */
  readonly bufferBytes?: number;
  /**
   * Whether refused calls, and the events of policies, are sampled without loss, as {@link logCircuitEvents} samples them: a line that follows some
   * that were not written has their number as `suppressed`. `false` writes a line for each.
   * @default true
   */
  readonly sampleSkips?: boolean;
}

/** The options, checked and complete. */
export interface RecordingSettings extends FileSettings {
  readonly types: readonly EventType[];
  readonly bufferBytes: number;
  readonly sampleSkips: boolean;
}

export const CHECK = new Check("record events");
const DEFAULTS = Object.freeze({
  maxBytes: 64 * 1024 * 1024,
  keepFiles: 5,
  bufferBytes: 0,
  sampleSkips: true,
});
const KEYS = ["events", "maxBytes", "keepFiles", "bufferBytes", "sampleSkips"];
const LONGEST_PATH = 4_096;
const MOST_FILES = 1_000;

/** @throws {TypeError|RangeError} when the path or an option is not what it must be */
export function recordingSettings(path: unknown, options: RecordingOptions): RecordingSettings {
  CHECK.keys(CHECK.object("options", options), KEYS);
  const given = { ...DEFAULTS, ...defined(options) };
  const maxBytes = CHECK.positiveInteger("maxBytes", given.maxBytes);
  const bufferBytes = count("bufferBytes", given.bufferBytes, maxBytes);
  return {
    path: CHECK.text("path", path, LONGEST_PATH),
    types: chosenTypes(CHECK, options.events),
    maxBytes,
    keepFiles: count("keepFiles", given.keepFiles, MOST_FILES),
    bufferBytes,
    sampleSkips: CHECK.flag("sampleSkips", given.sampleSkips),
  };
}

function defined(options: RecordingOptions): RecordingOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function count(field: string, value: unknown, most: number): number {
  const allowed = `an integer from 0 to ${most}`;
  if (typeof value !== "number") return CHECK.type(field, allowed, value);
  if (!Number.isSafeInteger(value) || value < 0 || value > most) {
    return CHECK.range(field, allowed, value);
  }
  return value;
}
