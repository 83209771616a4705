import { type LineOutput, RedrawnLine } from "../redrawn-line.ts";

const CELLS = 30;
const MEGABYTE = 1_000_000;

/** How far the reading is, on one line of a terminal; nothing where there is none. */
export class ProgressBar {
  readonly #line: RedrawnLine;
  readonly #totalBytes: number | null;
  readonly #startMs: number;
  #bytes = 0;

  /** `totalBytes` is null when nobody knows, as of a pipe. */
  constructor(
    output: LineOutput,
    totalBytes: number | null,
    nowMs: () => number = () => performance.now(),
  ) {
    this.#totalBytes = totalBytes;
    this.#startMs = nowMs();
    // What is read at once needs no bar.
    this.#line = new RedrawnLine(output, nowMs, this.#startMs);
  }

  add(bytes: number): void {
    this.#bytes += bytes;
    this.#line.draw((nowMs) => this.#text(nowMs));
  }

  /** Takes the line away. */
  end(): void {
    this.#line.end();
  }

  #text(nowMs: number): string {
    const megabytes = Math.round(this.#bytes / MEGABYTE);
    const perSecond = Math.round((this.#bytes / MEGABYTE / (nowMs - this.#startMs)) * 1_000);
    const speed = `${megabytes} MB, ${perSecond} MB/s`;
    const total = this.#totalBytes;
    if (total === null || total === 0) return `reading  ${speed}`;
    const share = Math.min(1, this.#bytes / total);
    const full = Math.round(share * CELLS);
    const bar = `${"#".repeat(full)}${".".repeat(CELLS - full)}`;
    return `reading [${bar}] ${String(Math.round(share * 100)).padStart(3)} %  ${speed}`;
  }
}
