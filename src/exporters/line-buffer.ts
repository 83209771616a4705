import type { TelltaleEvent } from "../events/event.ts";
import { type FileSettings, RotatingFile } from "./rotating-file.ts";

/** The longest that a line waits, in milliseconds. */
const WAIT_MS = 1_000;

/** Told of events that did not reach the file: how many, the last of them, and what stood in the way. */
type Lost = (count: number, last: TelltaleEvent, failure: { readonly value: unknown }) => void;

interface Waiting {
  readonly bytes: Buffer;
  /** Events that it tells of: its own, and those that it says were not written. */
  readonly tells: number;
}

/** Lines on their way to a file: written one by one, or gathered. */
export class LineBuffer {
  readonly #file: RotatingFile;
  readonly #bufferBytes: number;
  readonly #lost: Lost;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #last: TelltaleEvent | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(settings: FileSettings & { readonly bufferBytes: number }, lost: Lost) {
    this.#file = new RotatingFile(settings);
    this.#bufferBytes = settings.bufferBytes;
    this.#lost = lost;
  }

  /**
   * Takes a line; `suppressed` events before its own were not written, which it alone says.
   * @throws what kept the line from the file, when lines are written one by one
   */
  put(event: TelltaleEvent, line: string, suppressed: number): void {
    const bytes = Buffer.from(line);
    if (this.#bufferBytes === 0) {
      const { failure } = this.#file.append(bytes);
      if (failure !== null) throw failure.value;
      return;
    }
    if (this.#waitingBytes + bytes.length > this.#bufferBytes) this.#flush();
    this.#waiting.push({ bytes, tells: 1 + suppressed });
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
    const lines = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#last = null;
    const { bytes, failure } = this.#file.append(Buffer.concat(lines.map((line) => line.bytes)));
    if (failure !== null) this.#lost(toldAfter(lines, bytes), last, failure);
  }
}

/** The events of the lines that do not lie within the first so many bytes as a whole. */
function toldAfter(lines: readonly Waiting[], written: number): number {
  let end = 0;
  let told = 0;
  for (const { bytes, tells } of lines) {
    end += bytes.length;
    if (end > written) told += tells;
  }
  return told;
}
