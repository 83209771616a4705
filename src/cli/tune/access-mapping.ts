import { hint } from "../../events/nearest.ts";
import { UsageError } from "../usage-error.ts";
import { FATE } from "./call-log.ts";

/** How a moment is written; null for whatever it looks like. */
export type TimeUnit = "s" | "ms" | "us" | "ns" | "iso" | "clf" | null;

/** Where an access log has what a replay needs. */
export interface AccessMapping {
  readonly time: string;
  readonly timeUnit: TimeUnit;
  readonly duration: string;
  /** What one of its unit is, in milliseconds. */
  readonly durationUnitMs: number;
  readonly status: string;
  /** Which process made the call; undefined when all did. */
  readonly instance: string | undefined;
  /** Which dependency it went to; undefined when all went to one. */
  readonly breaker: string | undefined;
}

const FIELDS = ["time", "duration", "status", "instance", "breaker"] as const;
const TIME_UNITS = ["s", "ms", "us", "ns", "iso", "clf"] as const;
const UNITS_MS: Readonly<Record<string, number>> = { s: 1_000, ms: 1, us: 1e-3, ns: 1e-6 };
const SHAPE = "time=FIELD,duration=FIELD:UNIT,status=FIELD";

/** The mapping that texts such as `time=ts,duration=took:ms,status=code` ask for. @throws {UsageError} */
export function accessMapping(texts: readonly string[]): AccessMapping {
  const given = new Map<string, string>();
  for (const pair of texts.flatMap((text) => text.split(","))) {
    const at = pair.indexOf("=");
    const name = pair.slice(0, at).trim();
    const field = pair.slice(at + 1).trim();
    if (at < 1 || field === "") refuse(`--map must be ${SHAPE}, received "${pair}"`);
    if (!FIELDS.some((known) => known === name)) {
      refuse(`--map has the unknown name "${name}", ${hint(name, FIELDS)}`);
    }
    if (given.has(name)) refuse(`--map must name ${name} once`);
    given.set(name, field);
  }
  const [time, timeUnit] = withUnit(needed(given, "time"), TIME_UNITS);
  const [duration, unit] = withUnit(needed(given, "duration"), Object.keys(UNITS_MS));
  if (unit === null) {
    refuse(
      `duration in --map must have a unit, :s, :ms, :us or :ns, such as duration=${duration}:ms`,
    );
  }
  return {
    ...{ time, timeUnit, duration, durationUnitMs: UNITS_MS[unit] ?? 1 },
    status: needed(given, "status"),
    ...{ instance: given.get("instance"), breaker: given.get("breaker") },
  };
}

function needed(given: ReadonlyMap<string, string>, name: string): string {
  return given.get(name) ?? refuse(`--map must name ${name}: ${SHAPE}`);
}

/** A field and the unit behind its last colon, when there is one of those. */
function withUnit<U extends string>(text: string, units: readonly U[]): [string, U | null] {
  const at = text.lastIndexOf(":");
  const unit = units.find((known) => known === text.slice(at + 1));
  return at < 1 || unit === undefined ? [text, null] : [text.slice(0, at), unit];
}

function refuse(message: string): never {
  throw new UsageError(`Cannot tune: ${message}`);
}

/** What the statuses of an access log say. */
export interface StatusWords {
  isFailed(status: string): boolean;
  /** Says nothing of the dependency, such as a caller that has left. */
  isIgnored(status: string): boolean;
}

export const USUAL_FAILED = "500-599,error,failed,failure,timeout,false";
/** What nginx says of callers that have left. */
export const USUAL_IGNORED = "499";

/** @throws {UsageError} when a list is none of numbers, ranges and words */
export function statusWords(failed: string, ignored: string): StatusWords {
  return { isFailed: statusList(failed, "failed"), isIgnored: statusList(ignored, "ignored") };
}

function statusList(list: string, option: string): (status: string) => boolean {
  const words = new Set<string>();
  const ranges: [number, number][] = [];
  for (const item of list.split(",").map((each) => each.trim().toLowerCase())) {
    const [, from, to] = /^(\d+)(?:-(\d+))?$/.exec(item) ?? [];
    if (item === "") refuse(`--${option} must be a list such as 500-599,429,error`);
    if (from === undefined) words.add(item);
    else ranges.push([Number(from), Number(to ?? from)]);
  }
  return (status) => {
    const number = /^\d+$/.test(status) ? Number(status) : Number.NaN;
    return words.has(status) || ranges.some(([from, to]) => number >= from && number <= to);
  };
}

/** What a status says became of the call. */
export function fateOfStatus(status: string, { isFailed, isIgnored }: StatusWords): number {
  const word = status.toLowerCase();
  if (isIgnored(word)) return FATE.ignored;
  return isFailed(word) ? FATE.error : FATE.ok;
}

const MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec";
const CLF =
  /^(\d{2})\/([A-Z][a-z]{2})\/(\d{4}):(\d{2}):(\d{2}):(\d{2}(?:\.\d+)?)(?: ([+-])(\d{2})(\d{2}))?$/;
/** Moments before 1973 in one unit are moments after it in the next: 1e11 s is the year 5138, 1e11 ms is 1973. */
const LEAST_IN_UNITS = 1e11;

/** A moment in epoch milliseconds; NaN when the text is none. */
export function momentOf(text: string, unit: TimeUnit): number {
  if (unit === "clf" || (unit === null && CLF.test(text))) return clfMoment(text);
  const number = /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (unit === "iso" || (unit === null && Number.isNaN(number))) return isoMoment(text);
  if (unit !== null) return number * (UNITS_MS[unit] ?? Number.NaN);
  const power = [1_000, 1, 1e-3, 1e-6].find(
    (_, at) => Math.abs(number) < LEAST_IN_UNITS * 1_000 ** at,
  );
  return number * (power ?? 1e-6);
}

/** Without a zone it is UTC. */
function isoMoment(text: string): number {
  const [, date, time = "00:00", zone = "Z"] =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?))? ?(Z|[+-]\d\d:?\d\d)?$/i.exec(
      text,
    ) ?? [];
  if (date === undefined) return Number.NaN;
  return Date.parse(`${date}T${time.replace(",", ".")}${zone.toUpperCase()}`);
}

function clfMoment(text: string): number {
  const [, day, month = "", year, hour, minute, second, sign, hours, minutes] =
    CLF.exec(text.replace(/^\[|\]$/g, "")) ?? [];
  const at = MONTHS.indexOf(month);
  if (day === undefined || at < 0 || month === "") return Number.NaN;
  const [whole = "0", part = ""] = (second ?? "").split(".");
  const localMs =
    Date.UTC(Number(year), at / 3, Number(day), Number(hour), Number(minute), Number(whole)) +
    Number(`0.${part === "" ? 0 : part}`) * 1_000;
  const offsetMs = (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60_000;
  return sign === "-" ? localMs + offsetMs : localMs - offsetMs;
}
