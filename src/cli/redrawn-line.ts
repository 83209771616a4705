/** What a line is drawn on: stderr, or what stands in for it. */
export interface LineOutput {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

const ERASE_LINE = "\r\u001b[2K";
const EVERY_MS = 100;

/** One line of a terminal that is redrawn in place, ten times a second at most; nothing where there is no terminal. */
export class RedrawnLine {
  readonly #output: LineOutput;
  readonly #isShown: boolean;
  readonly #nowMs: () => number;
  #drawnMs: number;
  #isDrawn = false;

  /** `sinceMs`: as if it had been drawn then. */
  constructor(output: LineOutput, nowMs: () => number, sinceMs: number = Number.NEGATIVE_INFINITY) {
    this.#output = output;
    this.#isShown = output.isTTY === true && process.env["TERM"] !== "dumb";
    this.#nowMs = nowMs;
    this.#drawnMs = sinceMs;
  }

  /** Draws the text of this moment, unless one was drawn just now. */
  draw(textAt: (nowMs: number) => string): void {
    if (!this.#isShown) return;
    const nowMs = this.#nowMs();
    if (nowMs - this.#drawnMs < EVERY_MS) return;
    this.#drawnMs = nowMs;
    this.#isDrawn = true;
    this.#output.write(`${ERASE_LINE}${textAt(nowMs)}`);
  }

  /** Takes the line away. */
  end(): void {
    if (this.#isDrawn) this.#output.write(ERASE_LINE);
  }
}
