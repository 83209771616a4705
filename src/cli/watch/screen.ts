import type { Board } from "../../dashboard/board/board.ts";
import { type BoardView, type ViewRow, viewOf } from "../../dashboard/board/board-view.ts";
import { brief, clock, percent } from "../../dashboard/board/brief.ts";
import {
  outlook,
  STANDING_LABELS,
  STANDINGS,
  type Standing,
} from "../../dashboard/board/standing.ts";
import { doubtsOf, entryText, faultText, severityOf } from "../../dashboard/board/told-text.ts";
import type { CircuitState, Severity } from "../../events/vocabulary.ts";
import { duration, grouped } from "../../report/wording.ts";
import { clipped, fitted } from "./text-width.ts";

/** How a screen looks. */
export interface ScreenStyle {
  readonly columns: number;
  readonly rows: number;
  readonly colours: boolean;
  /** Whether the terminal shows more than ASCII. */
  readonly isUnicode: boolean;
}

/** A screen: its lines, and how many breakers there were to scroll through. */
export interface Screen {
  readonly lines: readonly string[];
  /** Breakers that fit at a time. */
  readonly page: number;
  readonly breakers: number;
}

const SGR: Readonly<Record<Standing | Severity | "faint" | "strong" | "alarm", string>> = {
  ...{ open: "31", forced_open: "35", half_open: "33", near: "33", degraded: "33" },
  ...{ disabled: "2", closed: "32", faint: "2", strong: "1", alarm: "97;41" },
  ...{ error: "31", warn: "33", info: "32", debug: "2", trace: "2" },
};
const LANE_MS = 600_000;
const STATE_WIDTH = 10;
const LANE_WIDTH = 24;
const TRIP_WIDTH = 6;
const REFUSED_WIDTH = 12;
const MOST_EVENTS = 6;
const HEAD = 5;

const PICTURES: Readonly<Record<CircuitState | "unknown", string>> = {
  ...{ closed: "─", open: "█", half_open: "▄", forced_open: "▓", disabled: "┄", unknown: " " },
};
const LETTERS: typeof PICTURES = {
  ...{ closed: "-", open: "O", half_open: "h", forced_open: "F", disabled: "d", unknown: " " },
};
/** Of several states in one cell the most urgent is shown. */
const URGENCY: readonly CircuitState[] = ["open", "forced_open", "half_open", "disabled", "closed"];

/** Draws a board for a terminal of this size, from the breaker at `from` on. */
export function drawn(board: Board, from: number, style: ScreenStyle, nowMs: number): Screen {
  const view = viewOf(board, { search: "", standing: null }, nowMs);
  const paint = painter(style.colours);
  const events = Math.max(0, Math.min(MOST_EVENTS, style.rows - HEAD - 6));
  const page = Math.max(1, style.rows - HEAD - (events > 0 ? events + 1 : 0) - 1);
  const start = Math.min(from, Math.max(0, view.rows.length - page));
  const lines = [
    headLine(board, style, nowMs, paint),
    countsLine(view, style, paint),
    incidentsLine(board, style, nowMs),
    "",
    paint(tableHead(style), "faint"),
    ...filled(
      view.rows
        .slice(start, start + page)
        .map((row) => breakerLine(board, row, { style, nowMs }, paint)),
      page,
    ),
    ...(events > 0 ? ["", ...filled(eventLines(board, events, style, paint), events)] : []),
    paint(clipped(footText(view.rows.length, start, page), style.columns).text, "faint"),
  ];
  const shown = style.isUnicode ? lines : lines.map(ascii);
  return { lines: shown.slice(0, style.rows), page, breakers: view.rows.length };
}

/** For a terminal that shows nothing else; what it cannot show is not left out unseen. */
const ascii = (line: string): string => line.replaceAll("…", "~").replace(/[^\p{ASCII}]/gu, "?");

/** What is drawn on, and when. */
interface Drawing {
  readonly style: ScreenStyle;
  readonly nowMs: number;
}

type Paint = (text: string, how: keyof typeof SGR) => string;

function painter(colours: boolean): Paint {
  return (text, how) => (colours && text !== "" ? `\u001b[${SGR[how]}m${text}\u001b[0m` : text);
}

const filled = (lines: readonly string[], height: number): readonly string[] => [
  ...lines,
  ...Array.from({ length: Math.max(0, height - lines.length) }, () => ""),
];

function headLine(board: Board, { columns }: ScreenStyle, nowMs: number, paint: Paint): string {
  const { sources } = board;
  const faults = sources
    .map((source) => faultText(source, sources.length > 1, nowMs))
    .filter((text) => text !== "");
  if (faults.length > 0) return paint(fitted(` ${faults.join(" | ")}`, columns), "alarm");
  const names = sources.map(({ name }) => name).join(", ");
  const atMs = sources.reduce((most, source) => Math.max(most, source.presentMs(nowMs)), 0);
  const isRecord = sources.every((source) => source.isRecord);
  const when = ` ${isRecord ? "as of" : "live"} ${clock(atMs)} UTC`;
  return paint(
    fitted(`telltale watch ${names}`, Math.max(0, columns - when.length)) + when,
    "strong",
  );
}

function countsLine({ counts, total, skips }: BoardView, style: ScreenStyle, paint: Paint): string {
  const parts: readonly (readonly [string, Standing | null])[] = [
    [`${total} ${total === 1 ? "breaker" : "breakers"}`, null],
    ...STANDINGS.filter((standing) => counts[standing] > 0).map(
      (standing) =>
        [`${counts[standing]} ${STANDING_LABELS[standing].toLowerCase()}`, standing] as const,
    ),
    [`${grouped(skips)} calls refused`, null],
  ];
  let left = style.columns;
  const shown = parts.flatMap(([text, standing], at) => {
    const whole = at === 0 ? text : `, ${text}`;
    if (whole.length > left) return [];
    left -= whole.length;
    return [standing === null ? whole : (at === 0 ? "" : ", ") + paint(text, standing)];
  });
  return shown.join("");
}

function incidentsLine(board: Board, { columns }: ScreenStyle, nowMs: number): string {
  const doubts = doubtsOf(board).join("; ");
  const { incidents, stillOpen, mttrMeanMs, mttrP90Ms, recovered } = board.summary(
    board.incidents(nowMs),
  );
  const times =
    mttrMeanMs === null
      ? "no recovery yet"
      : `MTTR ${duration(mttrMeanMs)} (mean of ${recovered}), 90th percentile ${duration(mttrP90Ms ?? 0)}`;
  const text = `${incidents} ${incidents === 1 ? "incident" : "incidents"}, ${stillOpen} still open, ${times}${doubts === "" ? "" : `; ${doubts}`}`;
  return clipped(text, columns).text;
}

/** The columns of the table by width: the name takes what is left, the lane and what comes next go first. */
function widths({ columns }: ScreenStyle) {
  const fixed = STATE_WIDTH + TRIP_WIDTH + REFUSED_WIDTH + 3;
  const lane = columns >= 90 ? LANE_WIDTH + 1 : 0;
  const next = columns >= 70 ? 28 : 0;
  return { lane: lane > 0, next, name: Math.max(8, columns - fixed - lane - next) };
}

function tableHead(style: ScreenStyle): string {
  const { lane, next, name } = widths(style);
  const head = [
    fitted("STATE", STATE_WIDTH),
    fitted("BREAKER", name),
    ...(lane ? [fitted("LAST 10 MIN", LANE_WIDTH)] : []),
    fitted("TRIP", TRIP_WIDTH),
    "REFUSED".padStart(REFUSED_WIDTH),
    ...(next > 0 ? [" NEXT"] : []),
  ];
  return clipped(head.join(" "), style.columns).text;
}

function breakerLine(board: Board, row: ViewRow, at: Drawing, paint: Paint): string {
  const { style, nowMs } = at;
  const { breaker, standing, label, atMs } = row;
  const { lane, next, name } = widths(style);
  const { incident, skips } = breaker;
  const refused =
    incident === null
      ? grouped(skips)
      : `${incident.isWhole ? "" : style.isUnicode ? "≥ " : ">= "}${grouped(incident.skips)}`;
  const isStale = board.sources[breaker.source]?.isLive !== true;
  const cells = [
    paint(fitted(STANDING_LABELS[standing], STATE_WIDTH), standing),
    isStale ? paint(fitted(label, name), "faint") : fitted(label, name),
    ...(lane ? [laneText(board, row, { style, nowMs }, paint)] : []),
    fitted(tripText(row), TRIP_WIDTH),
    refused.padStart(REFUSED_WIDTH),
    ...(next > 0 ? [` ${clipped(outlook(breaker, atMs), next - 2).text}`] : []),
  ];
  return cells.join(" ");
}

function tripText({ breaker }: ViewRow): string {
  const { state, tripProgress, consecutiveFailures, failureThreshold } = breaker;
  if (state !== "closed" || tripProgress <= 0) return "";
  const byCount = failureThreshold === null ? 0 : consecutiveFailures / failureThreshold;
  return byCount >= tripProgress - 0.001
    ? `${consecutiveFailures}/${failureThreshold}`
    : percent(tripProgress);
}

function laneText(board: Board, row: ViewRow, at: Drawing, paint: Paint): string {
  const { breaker } = row;
  const nowMs = board.nowOf(breaker.source, at.nowMs);
  const fromMs = nowMs - LANE_MS;
  const source = board.sources[breaker.source];
  const knownToMs = nowMs - (source?.lostForMs(at.nowMs) ?? 0);
  const stretches = breaker.lane.since(fromMs);
  const cellMs = LANE_MS / LANE_WIDTH;
  let text = "";
  for (let cell = 0; cell < LANE_WIDTH; cell++) {
    const startMs = fromMs + cell * cellMs;
    const endMs = startMs + cellMs;
    const present = stretches.filter(
      (stretch) =>
        stretch.fromMs <= endMs && startMs < knownToMs && (stretch.toMs ?? knownToMs) > startMs,
    );
    const state = URGENCY.find((each) => present.some((stretch) => stretch.state === each));
    const picture = (at.style.isUnicode ? PICTURES : LETTERS)[state ?? "unknown"];
    text += state === undefined ? picture : paint(picture, state);
  }
  return text;
}

function eventLines(board: Board, most: number, style: ScreenStyle, paint: Paint): string[] {
  return board.log.slice(-most).map((entry) => {
    const severity = severityOf(entry);
    const head = `${clock(entry.record.atMs)} `;
    const room = Math.max(0, style.columns - head.length - 6);
    const who = entry.breaker === null ? "" : `${board.labelOf(entry.breaker)}: `;
    const { text } = clipped(who + entryText(entry), room);
    return `${head}${paint(severity.toUpperCase().padEnd(5), severity)} ${text}`;
  });
}

function footText(breakers: number, start: number, page: number): string {
  const place =
    breakers > page ? `${start + 1}-${Math.min(breakers, start + page)} of ${breakers}, ` : "";
  return `${place}q quits, arrows scroll`;
}

/** The same once, for `--once`: every breaker and nothing else. */
export function standingLines(board: Board, style: ScreenStyle, nowMs: number): readonly string[] {
  const view = viewOf(board, { search: "", standing: null }, nowMs);
  const paint = painter(style.colours);
  const since = ({ breaker }: ViewRow): string =>
    breaker.incident === null
      ? ""
      : `, incident of ${brief(Math.max(0, nowMs - breaker.incident.openedAtMs))}`;
  return [
    countsLine(view, { ...style, columns: Number.MAX_SAFE_INTEGER }, paint),
    ...view.rows.map((row) => {
      const { breaker, standing, label, atMs: ownMs } = row;
      const skips = breaker.incident?.skips ?? breaker.skips;
      const next = outlook(breaker, ownMs);
      const state = paint(STANDING_LABELS[standing].padEnd(STATE_WIDTH), standing);
      return `${state} ${label}: ${grouped(skips)} refused${since(row)}${next === "" ? "" : `, ${next}`}`;
    }),
  ];
}
