import type { Board } from "../../dashboard/board/board.ts";
import { outlook, STANDING_LABELS, standingOf } from "../../dashboard/board/standing.ts";
import { entryText, faultText, severityOf } from "../../dashboard/board/told-text.ts";

/** Prints what happens line by line, for a file or a pipe. */
export class PlainWatch {
  readonly #board: Board;
  readonly #print: (line: string) => void;
  /** The number of the last entry that was printed. */
  #printed = 0;
  readonly #faults: string[] = [];
  #hasStood = false;

  constructor(board: Board, print: (line: string) => void) {
    this.#board = board;
    this.#print = print;
  }

  /** Prints what is new. */
  show(nowMs: number): void {
    this.#showFaults(nowMs);
    for (const entry of this.#board.log) {
      if (entry.number <= this.#printed) continue;
      const missed = entry.number - this.#printed - 1;
      if (missed > 0) this.#line(entry.record.atMs, "WARN", `${missed} events came too fast`);
      this.#printed = entry.number;
      const severity = severityOf(entry).toUpperCase();
      const who = entry.breaker === null ? "" : `${this.#board.labelOf(entry.breaker)}: `;
      this.#line(entry.record.atMs, severity, who + entryText(entry));
    }
    this.#showStandings(nowMs);
  }

  /** Once it is known how the breakers stand: those that are not well, which no event may tell. */
  #showStandings(nowMs: number): void {
    if (this.#hasStood) return;
    const all = [...this.#board.breakers()];
    if (!all.some(({ hasLevels }) => hasLevels)) return;
    this.#hasStood = true;
    for (const breaker of all) {
      const ownMs = this.#board.nowOf(breaker.source, nowMs);
      const standing = standingOf(breaker, ownMs);
      if (standing === "closed") continue;
      const next = outlook(breaker, ownMs);
      const text = `${this.#board.labelOf(breaker)} stands ${STANDING_LABELS[standing]}${next === "" ? "" : `, ${next}`}`;
      this.#line(nowMs, "INFO", text);
    }
  }

  #showFaults(nowMs: number): void {
    const { sources } = this.#board;
    for (const [at, source] of sources.entries()) {
      const { kind } = source.status;
      if (this.#faults[at] === kind || kind === "connecting") continue;
      const wasLost = this.#faults[at] !== undefined;
      this.#faults[at] = kind;
      const name = sources.length > 1 ? `${source.name}: ` : "";
      if (kind !== "live") this.#line(nowMs, "WARN", faultText(source, sources.length > 1, nowMs));
      else if (wasLost) this.#line(nowMs, "INFO", `${name}live again`);
    }
  }

  #line(atMs: number, severity: string, text: string): void {
    const moment = new Date(atMs);
    const when = Number.isNaN(moment.getTime()) ? "an unknown time" : moment.toISOString();
    this.#print(`${when} ${severity.padEnd(5)} ${text}`);
  }
}
