import { isData } from "../../events/event-shape.ts";
import { STATES } from "../../events/vocabulary.ts";
import type { EventRecord } from "../../report/event-record.ts";
import { readEntry } from "../../report/event-record.ts";
import type { Levels } from "./board-breaker.ts";
import type { StreamMessage } from "./sse-parser.ts";

/** Which breaker of a stream. */
export interface BreakerId {
  readonly name: string;
  /** The process; null when the stream does not say. */
  readonly instance: string | null;
}

/** What a stream says of one breaker, beyond events. */
interface ToldLevels extends BreakerId {
  readonly levels: Levels;
}

/** A message of a stream, understood. */
export type BoardMessage =
  | { readonly kind: "event"; readonly record: EventRecord }
  | {
      readonly kind: "levels";
      readonly atMs: number;
      /** It tells of all breakers there are; otherwise of those that have changed. */
      readonly isAll: boolean;
      readonly told: readonly ToldLevels[];
      /** Breakers that are no longer there. */
      readonly gone: readonly BreakerId[];
      /** Breakers that it leaves out, cannot read, or tells wrongly. */
      readonly untold: number;
    }
  | { readonly kind: "gap"; readonly missed: number | null }
  /** An event of a later version of telltale than this one. */
  | { readonly kind: "later" }
  | { readonly kind: "damaged" };

const NAMING = { eventKey: "type", prefix: "" };
const LONGEST_NAME = 256;
/** The times that a date can hold. */
const LAST_AT_MS = 8.64e15;
const MOST_BREAKERS = 5_000;

/** What a message of a stream says. Never throws, whatever the message is. */
export function understood({ name, data }: StreamMessage): BoardMessage {
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    return { kind: "damaged" };
  }
  if (!isData(value)) return { kind: "damaged" };
  if (name === "gap") return { kind: "gap", missed: count(value["missed"]) };
  if (name === "snapshot" || name === "readings") return levelsOf(value, name === "snapshot");
  const reading = readEntry(value, NAMING);
  if (reading === "damaged") return { kind: "damaged" };
  if (reading !== "foreign") return { kind: "event", record: reading.record };
  const { v } = value;
  return typeof v === "number" && v > 1 ? { kind: "later" } : { kind: "damaged" };
}

function levelsOf(value: Readonly<Record<string, unknown>>, isSnapshot: boolean): BoardMessage {
  const { atMs, breakers } = value;
  if (!isMoment(atMs) || !Array.isArray(breakers)) return { kind: "damaged" };
  const told = breakers.slice(0, MOST_BREAKERS).flatMap((row: unknown) => toldOf(row, atMs) ?? []);
  const listed = Array.isArray(value["gone"]) ? value["gone"].slice(0, MOST_BREAKERS) : [];
  const gone = listed.flatMap((row: unknown) => idOf(row) ?? []);
  const missing = (count(value["omitted"]) ?? 0) + (count(value["unreadable"]) ?? 0);
  const untold = breakers.length - told.length + missing;
  const tellsAll = isSnapshot ? missing === 0 && !("error" in value) : value["all"] === true;
  return { kind: "levels", atMs, isAll: tellsAll, told, gone, untold };
}

function idOf(row: unknown): BreakerId | null {
  if (!isData(row)) return null;
  const { breaker, instance } = row;
  if (typeof breaker !== "string") return null;
  const name = shortName(breaker);
  return { name, instance: typeof instance === "string" ? shortName(instance) : null };
}

function toldOf(row: unknown, atMs: number): ToldLevels | null {
  const id = idOf(row);
  if (id === null || !isData(row)) return null;
  const state = STATES.find((word) => word === row["state"]);
  if (state === undefined) return null;
  // A snapshot tells every counter by its word, a reading their sums.
  const stats = isData(row["stats"]) ? row["stats"] : {};
  const openedAtMs = moment(row["openedAtMs"]);
  return {
    ...id,
    levels: {
      state,
      trafficShare: share(row["trafficShare"]) ?? 1,
      tripProgress: share(row["tripProgress"]) ?? 0,
      consecutiveFailures:
        count(row["consecutiveFailures"]) ?? count(stats["consecutiveFailures"]) ?? 0,
      failureThreshold: count(row["failureThreshold"]),
      probesInFlight: count(row["probesInFlight"]) ?? 0,
      openedAtMs,
      retryAtMs: moment(row["retryAtMs"]),
      sinceAtMs: sinceOf(state, stats["timeInStateMs"], atMs),
      calls: count(row["calls"]) ?? sum(stats["calls"]),
      skips: count(row["skips"]) ?? sum(stats["skips"]),
    },
  };
}

/** A name as it is kept: no longer than any of ours. */
export const shortName = (name: string): string => name.slice(0, LONGEST_NAME);

const isMoment = (value: unknown): value is number =>
  typeof value === "number" && Math.abs(value) <= LAST_AT_MS;

const moment = (value: unknown): number | null => (isMoment(value) ? value : null);

const count = (value: unknown): number | null =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : null;

const share = (value: unknown): number | null =>
  typeof value === "number" && value >= 0 && value <= 1 ? value : null;

const sum = (counts: unknown): number =>
  isData(counts)
    ? Object.values(counts).reduce((total: number, value) => total + (count(value) ?? 0), 0)
    : 0;

/** Since when it has been in its state, if it has been in no other. */
function sinceOf(state: string, times: unknown, atMs: number): number | null {
  if (!isData(times)) return null;
  const ownMs = times[state];
  const others = Object.entries(times).some(([other, ms]) => other !== state && ms !== 0);
  return others || typeof ownMs !== "number" || !(ownMs >= 0) ? null : moment(atMs - ownMs);
}
