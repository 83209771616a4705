import { type LineOutput, RedrawnLine } from "../redrawn-line.ts";

/** How many settings are replayed, on one line of a terminal; nothing where there is none. */
export class GridProgress {
  readonly #line: RedrawnLine;
  readonly #total: number;

  constructor(output: LineOutput, total: number, nowMs: () => number = () => performance.now()) {
    this.#line = new RedrawnLine(output, nowMs);
    this.#total = total;
  }

  readonly show = (done: number): void =>
    this.#line.draw(() => `replaying  ${done} of ${this.#total} settings`);

  /** Takes the line away. */
  end(): void {
    this.#line.end();
  }
}
