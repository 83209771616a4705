/** What a scanner hands on. */
export interface LineTaker {
  /** A line that may hold an event, or any line that is not empty, with its number from 1. */
  line(text: string, number: number): void;
  /** Lines that were not looked into: of something else, cut off, and too long to be held. */
  skipped(ignored: number, damaged: number, overlong: number): void;
}

/** Every event has it, and hardly anything else. JSON of ours and of pino writes it without an escape. */
const MARKER = Buffer.from('"atMs"');
/** Events are far smaller; a longer line is left out, so that no line can fill the memory. */
const LONGEST_LINE = 1_048_576;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
const SPACE = 0x20;
const TAB = 0x09;
const OPENING = 0x7b;
const CLOSING = 0x7d;
const BOM = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * Splits chunks of bytes into lines and hands on those that may hold an event. The others are only counted: most of a
 * log is not ours, and looking for a few bytes costs a hundredth of parsing JSON. Holds one line at most.
 */
export class LineScanner {
  readonly #taker: LineTaker;
  readonly #isEvery: boolean;
  #lines = 0;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #isOverlong = false;
  #ignored = 0;
  #damaged = 0;

  /** `isEvery` hands on every line that is not empty, whatever is in it. */
  constructor(taker: LineTaker, isEvery = false) {
    this.#taker = taker;
    this.#isEvery = isEvery;
  }

  /** Takes the next bytes; the buffer may be used for others afterwards. */
  push(chunk: Buffer): void {
    let at = 0;
    if (this.#isOverlong || this.#heldBytes > 0) {
      const end = chunk.indexOf(NEWLINE);
      if (end < 0) {
        this.#hold(chunk);
        return;
      }
      this.#hold(chunk.subarray(0, end));
      this.#endHeld();
      at = end + 1;
    }
    this.#scan(chunk, at);
    this.#report();
  }

  /** The bytes are at their end: the last line may have no line break. */
  end(): void {
    if (this.#isOverlong || this.#heldBytes > 0) this.#endHeld();
    this.#report();
  }

  #scan(chunk: Buffer, from: number): void {
    let at = from;
    let marker = this.#isEvery ? -1 : chunk.indexOf(MARKER, at);
    for (;;) {
      const end = chunk.indexOf(NEWLINE, at);
      if (end < 0) break;
      this.#lines++;
      if (marker >= 0 && marker < end) {
        this.#taker.line(textOf(chunk, at, end, this.#lines), this.#lines);
        marker = chunk.indexOf(MARKER, end);
      } else this.#count(chunk, at, end);
      at = end + 1;
    }
    if (at < chunk.length) this.#hold(chunk.subarray(at));
  }

  #hold(part: Buffer): void {
    if (this.#isOverlong) return;
    this.#heldBytes += part.length;
    if (this.#heldBytes > LONGEST_LINE) {
      this.#isOverlong = true;
      this.#held = [];
      return;
    }
    this.#held.push(Buffer.from(part));
  }

  #endHeld(): void {
    const line = Buffer.concat(this.#held);
    const isOverlong = this.#isOverlong;
    this.#held = [];
    this.#heldBytes = 0;
    this.#isOverlong = false;
    this.#lines++;
    if (isOverlong) this.#taker.skipped(0, 0, 1);
    else if (!this.#isEvery && line.includes(MARKER)) {
      this.#taker.line(textOf(line, 0, line.length, this.#lines), this.#lines);
    } else this.#count(line, 0, line.length);
  }

  /** An empty line is none; an object that breaks off is damage; the rest is of something else, unless all is wanted. */
  #count(chunk: Buffer, from: number, to: number): void {
    let [first, last] = [from, to - 1];
    while (first <= last && isBlank(chunk[first])) first++;
    while (last > first && isBlank(chunk[last])) last--;
    if (first > last) return;
    if (this.#isEvery) {
      // Blanks are cells of a table, but for the half of a line break that is left.
      const end = chunk[to - 1] === RETURN ? to - 1 : to;
      this.#taker.line(textOf(chunk, from, end, this.#lines), this.#lines);
    } else if (last > first && chunk[first] === OPENING && chunk[last] !== CLOSING) this.#damaged++;
    else this.#ignored++;
  }

  #report(): void {
    if (this.#ignored > 0 || this.#damaged > 0) {
      this.#taker.skipped(this.#ignored, this.#damaged, 0);
    }
    this.#ignored = 0;
    this.#damaged = 0;
  }
}

const isBlank = (byte: number | undefined): boolean =>
  byte === SPACE || byte === TAB || byte === RETURN;

function textOf(chunk: Buffer, from: number, to: number, line: number): string {
  const isMarked = line === 1 && chunk.subarray(from, from + BOM.length).equals(BOM);
  return chunk.toString("utf8", isMarked ? from + BOM.length : from, to);
}
