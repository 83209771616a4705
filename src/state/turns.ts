import { platformClock, platformTimers } from "../platform.ts";

/** The longest that work goes on before the event loop has its turn, in milliseconds: well under what is noticed. */
const LONGEST_MS = 1;
/** Pieces of work between two looks at the clock, which costs more than a small piece. */
const PIECES = 32;
/** Characters that count as one piece. */
const PIECE_LENGTH = 1_024;

/** Work in slices: between them whatever waits has its turn. */
export class Turns {
  #beganMs = platformClock.monotonicMs();
  #done = 0;

  /** A piece of work is done, on so many characters; whether it is time to give way. */
  isOverAfter(length: number): boolean {
    this.#done += 1 + length / PIECE_LENGTH;
    if (this.#done < PIECES) return false;
    this.#done = 0;
    return platformClock.monotonicMs() - this.#beganMs >= LONGEST_MS;
  }

  /** Gives way. Keeps the process alive meanwhile: the last write may be under way. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      platformTimers.start(() => {
        this.#beganMs = platformClock.monotonicMs();
        resolve();
      }, 0);
    });
  }
}
