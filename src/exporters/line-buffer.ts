import type { TelltaleEvent } from "../events/event.ts";
import { type FileSettings, RotatingFile } from "./rotating-file.ts";

/** The longest that a line waits, in milliseconds. */
const WAIT_MS = 1_000;
const LINE_END = 10;

/** Told of lines that did not reach the file: how many, the last of them, and what stood in the way. */
type Lost = (count: number, last: TelltaleEvent, failure: { readonly value: unknown }) => void;

/** Lines on their way to a file: written one by one, or gathered. */
export class LineBuffer {
  readonly #file: RotatingFile;
  readonly #bufferBytes: number;
  readonly #lost: Lost;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #last: TelltaleEvent | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(settings: FileSettings & { readonly bufferBytes: number }, lost: Lost) {
    this.#file = new RotatingFile(settings);
    this.#bufferBytes = settings.bufferBytes;
    this.#lost = lost;
  }

  /** @throws what kept the line from the file, when lines are written one by one */
  put(event: TelltaleEvent, line: string): void {
    const bytes = Buffer.from(line);
    if (this.#bufferBytes === 0) {
      const { failure } = this.#file.append(bytes);
      if (failure !== null) throw failure.value;
      return;
    }
    if (this.#waitingBytes + bytes.length > this.#bufferBytes) this.#flush();
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#last = event;
    // An idle process may end: what waits then is written as it exits.
    this.#timer ??= setTimeout(() => this.#flush(), WAIT_MS).unref();
  }

  /** Writes what waits, and lets the file go. */
  end(): void {
    this.#flush();
    this.#file.close();
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const last = this.#last;
    if (last === null) return;
    const all = Buffer.concat(this.#waiting);
    const count = this.#waiting.length;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#last = null;
    const { bytes, failure } = this.#file.append(all);
    if (failure !== null) this.#lost(count - linesIn(all.subarray(0, bytes)), last, failure);
  }
}

function linesIn(bytes: Buffer): number {
  let lines = 0;
  for (const byte of bytes) if (byte === LINE_END) lines++;
  return lines;
}
