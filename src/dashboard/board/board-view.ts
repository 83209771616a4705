import type { Board } from "./board.ts";
import type { BoardBreaker } from "./board-breaker.ts";
import { STANDINGS, type Standing, standingOf } from "./standing.ts";

/** Which breakers are wanted. */
export interface Wanted {
  /** A part of the name, of any case; empty for all. */
  readonly search: string;
  /** Only those that stand so; null for all. */
  readonly standing: Standing | null;
}

/** One breaker as it stands. */
export interface ViewRow {
  readonly breaker: BoardBreaker;
  readonly standing: Standing;
  /** What it is called, safe to show. */
  readonly label: string;
  /** Of when that is, by its own clock: the present, or when its stream was lost. */
  readonly atMs: number;
}

/** A board at one moment. */
export interface BoardView {
  /** Those that are wanted, the most urgent first. */
  readonly rows: readonly ViewRow[];
  /** All breakers by how they stand. */
  readonly counts: Readonly<Record<Standing, number>>;
  readonly total: number;
  /** Calls refused by all of them, since they were made. */
  readonly skips: number;
}

const RANKS = new Map(STANDINGS.map((standing, rank) => [standing, rank]));

/** A board at this moment, the most urgent breakers first and those of one standing by name. */
export function viewOf(board: Board, wanted: Wanted, nowMs: number): BoardView {
  const counts: Record<Standing, number> = {
    ...{ open: 0, forced_open: 0, half_open: 0, near: 0, degraded: 0, disabled: 0, closed: 0 },
  };
  const search = wanted.search.trim().toLowerCase();
  const rows: ViewRow[] = [];
  let skips = 0;
  for (const breaker of board.breakers()) {
    const ownMs = board.asOf(breaker.source, nowMs);
    const standing = standingOf(breaker, ownMs);
    counts[standing]++;
    skips += breaker.skips;
    if (wanted.standing !== null && wanted.standing !== standing) continue;
    const label = board.labelOf(breaker);
    if (search !== "" && !label.toLowerCase().includes(search)) continue;
    rows.push({ breaker, standing, label, atMs: ownMs });
  }
  return { rows: rows.sort(byUrgency), counts, total: board.size, skips };
}

function byUrgency(a: ViewRow, b: ViewRow): number {
  const ranks = (RANKS.get(a.standing) ?? 0) - (RANKS.get(b.standing) ?? 0);
  if (ranks !== 0) return ranks;
  return a.label < b.label ? -1 : a.label > b.label ? 1 : a.breaker.key < b.breaker.key ? -1 : 1;
}
