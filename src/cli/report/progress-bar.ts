/** What a progress bar writes to: stderr, or what stands in for it. */
export interface BarOutput {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

const ERASE_LINE = "\r\u001b[2K";
const EVERY_MS = 100;
const CELLS = 30;
const MEGABYTE = 1_000_000;

/** How far the reading is, on one line of a terminal that is redrawn in place; nothing where there is no terminal. */
export class ProgressBar {
  readonly #output: BarOutput;
  readonly #isShown: boolean;
  readonly #totalBytes: number | null;
  readonly #startMs: number;
  readonly #nowMs: () => number;
  #drawnMs: number;
  #bytes = 0;

  /** `totalBytes` is null when nobody knows, as of a pipe. */
  constructor(
    output: BarOutput,
    totalBytes: number | null,
    nowMs: () => number = () => performance.now(),
  ) {
    this.#output = output;
    this.#isShown = output.isTTY === true && process.env["TERM"] !== "dumb";
    this.#totalBytes = totalBytes;
    this.#nowMs = nowMs;
    this.#startMs = nowMs();
    this.#drawnMs = this.#startMs;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
    if (!this.#isShown) return;
    const nowMs = this.#nowMs();
    if (nowMs - this.#drawnMs < EVERY_MS) return;
    this.#drawnMs = nowMs;
    this.#output.write(`${ERASE_LINE}${this.#text(nowMs)}`);
  }

  /** Takes the line away. */
  end(): void {
    if (this.#isShown && this.#drawnMs > this.#startMs) this.#output.write(ERASE_LINE);
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
