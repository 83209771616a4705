import type { Board } from "../../dashboard/board/board.ts";
import { drawn } from "./screen.ts";

/** What the screen is drawn on. */
export interface ScreenOutput {
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

/** Looks that do not change with the size. */
export interface ScreenLook {
  readonly colours: boolean;
  readonly isUnicode: boolean;
}

const ESCAPE = "\u001b";
const ENTER = "\u001b[?1049h\u001b[?25l";
const LEAVE = "\u001b[?25h\u001b[?1049l";
/** The terminal shows a frame when all of it is there, if it knows how. */
const BEGIN = "\u001b[?2026h\u001b[H";
const END = "\u001b[J\u001b[?2026l";
/** One key: a character, or the sequence of an arrow and the like. */
const KEY = new RegExp(`${ESCAPE}(?:\\[[\\d;]*[A-Za-z~]|O[A-Z])|[^]`, "g");
const USUAL = { columns: 80, rows: 24 };

/** Draws a board over the whole terminal, and gives the terminal back as it was. */
export class TerminalWatch {
  readonly #board: Board;
  readonly #output: ScreenOutput;
  readonly #look: ScreenLook;
  #from = 0;
  #page = 1;
  #breakers = 0;
  #isOpen = false;

  constructor(board: Board, output: ScreenOutput, look: ScreenLook) {
    this.#board = board;
    this.#output = output;
    this.#look = look;
  }

  open(): void {
    this.#isOpen = true;
    this.#output.write(ENTER);
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#output.write(LEAVE);
  }

  show(nowMs: number): void {
    if (!this.#isOpen) return;
    const { columns = USUAL.columns, rows = USUAL.rows } = this.#output;
    const style = { ...this.#look, columns: Math.max(1, columns), rows: Math.max(1, rows) };
    const { lines, page, breakers } = drawn(this.#board, this.#from, style, nowMs);
    this.#page = page;
    this.#breakers = breakers;
    this.#from = Math.min(this.#from, Math.max(0, breakers - page));
    this.#output.write(`${BEGIN}${lines.map((line) => `${line}\u001b[K`).join("\r\n")}${END}`);
  }

  /** Does what keys stand for, as the terminal sends them, several at a time; false when one asks to end. */
  press(keys: string): boolean {
    return (keys.match(KEY) ?? []).every((key) => this.#pressOne(key));
  }

  #pressOne(key: string): boolean {
    const last = Math.max(0, this.#breakers - this.#page);
    const steps: Readonly<Record<string, number>> = {
      ...{ "\u001b[A": -1, k: -1, "\u001b[B": 1, j: 1, "\u001b[5~": -this.#page },
      ...{ "\u001b[6~": this.#page, " ": this.#page, "\u001b[H": -last, "\u001b[1~": -last },
      // What terminals send in the mode for applications.
      ...{ "\u001bOA": -1, "\u001bOB": 1, "\u001bOH": -last, "\u001bOF": last },
      ...{ g: -last, "\u001b[F": last, "\u001b[4~": last, G: last },
    };
    if (key === "q" || key === "Q" || key === "\u0003" || key === "\u0004") return false;
    const step = steps[key];
    if (step !== undefined) this.#from = Math.min(last, Math.max(0, this.#from + step));
    return true;
  }
}
