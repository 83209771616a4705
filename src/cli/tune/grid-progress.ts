import type { BarOutput } from "../report/progress-bar.ts";

const ERASE_LINE = "\r\u001b[2K";
const EVERY_MS = 100;

/** How many settings are replayed, on one line of a terminal that is redrawn in place; nothing where there is none. */
export class GridProgress {
  readonly #output: BarOutput;
  readonly #total: number;
  readonly #isShown: boolean;
  readonly #nowMs: () => number;
  #drawnMs = Number.NEGATIVE_INFINITY;

  constructor(output: BarOutput, total: number, nowMs: () => number = () => performance.now()) {
    this.#output = output;
    this.#nowMs = nowMs;
    this.#total = total;
    this.#isShown = output.isTTY === true && process.env["TERM"] !== "dumb";
  }

  readonly show = (done: number): void => {
    if (!this.#isShown) return;
    const nowMs = this.#nowMs();
    if (nowMs - this.#drawnMs < EVERY_MS) return;
    this.#drawnMs = nowMs;
    this.#output.write(`${ERASE_LINE}replaying  ${done} of ${this.#total} settings`);
  };

  /** Takes the line away. */
  end(): void {
    if (this.#isShown && this.#drawnMs > Number.NEGATIVE_INFINITY) this.#output.write(ERASE_LINE);
  }
}
