import { EVENTS } from "../events/catalogue.ts";
import { isData } from "../events/event-shape.ts";
import { isEventType } from "../events/event-types.ts";
import { amount, type CircuitRecord, text } from "./event-record.ts";
import type { TripNumbers } from "./post-mortem-report.ts";
import { counted, duration, grouped, utc } from "./wording.ts";

/** What an event says, as a sentence of a timeline. */
export function timelineText(record: CircuitRecord): string {
  switch (record.type) {
    case "circuit.failure":
      return failureText(record);
    case "circuit.progress":
      return `${percent(amount(record, "ratio"))} of the way to a trip by rule ${text(record, "rule") ?? "unknown"}`;
    case "circuit.open":
      return openText(record);
    case "circuit.force_changed":
      return forceChangedText(record);
    case "circuit.half_open":
      return halfOpenText(record);
    case "circuit.probe":
      return `probe ended: ${text(record, "outcome") ?? "unknown"}${took(record)}`;
    case "circuit.close":
      return closeText(record);
    case "circuit.degrade":
      return `traffic share from ${percent(amount(record, "from"))} to ${percent(amount(record, "to"))}`;
    case "circuit.callback_failed":
      return `${text(record, "callback") ?? "a callback"} failed${errorText(record)}`;
    default:
      return isEventType(record.type) ? EVENTS[record.type].sentence : record.type;
  }
}

/** The numbers with which an open says why. */
export function tripNumbers(record: CircuitRecord): TripNumbers {
  const window = record["window"];
  return {
    consecutiveFailures: amount(record, "consecutiveFailures"),
    window: isData(window) ? numbersOf(window) : null,
    threshold: amount(record, "threshold"),
    firstFailureAtMs: amount(record, "firstFailureAtMs"),
    cooldownMs: amount(record, "cooldownMs"),
  };
}

/** Which rule opened it, with the numbers that decided. */
export function tripText(record: CircuitRecord): string {
  const reason = text(record, "reason") ?? "an unknown reason";
  const rule = text(record, "rule");
  const note = text(record, "note");
  if (rule === null) return `${reason}${note === null ? "" : `: ${note}`}`;
  const { window, threshold } = tripNumbers(record);
  const numbers = Object.entries(window ?? {}).map(([name, value]) => `${name} ${figure(value)}`);
  const limit = threshold === null ? [] : [`threshold ${figure(threshold)}`];
  const decided = [...numbers, ...limit].join(", ");
  return `${reason}, rule ${rule}${decided === "" ? "" : ` (${decided})`}`;
}

/** Several refused calls as one entry. */
export const skipsText = (calls: number, overMs: number): string =>
  `${counted(calls, "call")} refused${overMs >= 1_000 ? ` in ${duration(overMs)}` : ""}`;

/** Answers to calls of before the last change of state, as one entry. */
export const lateResultsText = (calls: number, overMs: number): string =>
  `${counted(calls, "late result")} dropped${overMs >= 1_000 ? ` in ${duration(overMs)}` : ""}`;

/** Events that the record does not have. */
export function gapText(afterSeq: number | null, beforeSeq: number): string {
  if (afterSeq === null)
    return `GAP: a process began anew, its events before ${beforeSeq} are missing`;
  const missing = beforeSeq - afterSeq - 1;
  return missing > 0
    ? `GAP: up to ${counted(missing, "event")} missing between seq ${afterSeq} and ${beforeSeq}`
    : `GAP: events are missing before seq ${beforeSeq}`;
}

function failureText(record: CircuitRecord): string {
  const failures = amount(record, "consecutiveFailures");
  // A probe counts on beyond the limit, which is about closed times only.
  const limit = record["state"] === "closed" ? amount(record, "failureThreshold") : null;
  const count =
    failures === null ? "" : ` (${failures}${limit === null ? "" : ` of ${limit}`} in a row)`;
  const kind = text(record, "reason") === "latency" ? "slow call" : "call failed";
  return `${kind}${took(record)}${count}${errorText(record)}`;
}

function openText(record: CircuitRecord): string {
  const cooldownMs = amount(record, "cooldownMs");
  const next = cooldownMs === null ? "no probe is due" : `next probe in ${duration(cooldownMs)}`;
  if (text(record, "rule") === "probe") {
    return `OPEN AGAIN: probe failed (${text(record, "reason") ?? "unknown"}); ${next}${errorText(record)}`;
  }
  const detectMs = amount(record, "detectMs");
  const detected =
    detectMs === null ? "" : `; detected ${duration(detectMs)} after the first failure`;
  return `OPEN: ${tripText(record)}${detected}; ${next}${errorText(record)}`;
}

/** What an operator said last, and what it has changed. */
function forceChangedText(record: CircuitRecord): string {
  const note = text(record, "note");
  const origin = text(record, "origin");
  const cooldownMs = amount(record, "cooldownMs");
  const end = cooldownMs === null ? "without an end" : `for ${duration(cooldownMs)}`;
  const before = amount(record, "previousRetryAtMs");
  const was = before === null ? "without an end" : `until ${utc(before)}`;
  const after = amount(record, "retryAtMs");
  // Each is rounded by itself.
  const isSame = after === before || Math.abs((after ?? 0) - (before ?? 0)) <= 1;
  const moved = isSame ? "as before" : `before: ${was}`;
  return `FORCED OPEN ${end} from now on (${moved})${note === null ? "" : `: ${note}`}${origin === null ? "" : `, by peer ${origin}`}`;
}

function halfOpenText(record: CircuitRecord): string {
  const openMs = amount(record, "openMs");
  const idleMs = amount(record, "idleMs") ?? 0;
  const idle = idleMs >= 1 ? `, of which ${duration(idleMs)} waiting for a call to come` : "";
  return `HALF OPEN: a probe goes through${openMs === null ? "" : ` after ${duration(openMs)} open`}${idle}`;
}

function closeText(record: CircuitRecord): string {
  const mttrMs = amount(record, "mttrMs");
  const skips = amount(record, "skipsInIncident");
  const parts = [
    `by ${text(record, "reason") ?? "an unknown cause"}`,
    ...(mttrMs === null ? [] : [`after ${duration(mttrMs)}`]),
    ...(skips === null ? [] : [`${counted(skips, "call")} refused in all`]),
    ...[text(record, "note")].filter((note) => note !== null),
  ];
  return `CLOSED ${parts.join(", ")}`;
}

function took(record: CircuitRecord): string {
  const latencyMs = amount(record, "latencyMs");
  return latencyMs === null ? "" : `, took ${duration(latencyMs)}`;
}

function errorText(record: CircuitRecord): string {
  const error = record["error"];
  if (!isData(error)) return "";
  const { name, message, code } = error;
  return `: ${String(name)}: ${String(message)}${typeof code === "string" ? ` (${code})` : ""}`;
}

const percent = (share: number | null): string =>
  share === null ? "an unknown part" : `${Math.round(share * 100)} %`;

const figure = (value: number): string =>
  Number.isInteger(value) ? grouped(value) : String(Math.round(value * 1_000) / 1_000);

function numbersOf(data: Readonly<Record<string, unknown>>): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(data).flatMap(([key, value]) =>
      typeof value === "number" ? [[key, value]] : [],
    ),
  );
}
