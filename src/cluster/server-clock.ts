/** The store's clock as seen from here: the offset is taken from every answer, time in between is monotonic. */
export class ServerClock {
  #offsetMs = 0;
  #known = false;

  /** The store read `atMs` somewhere between the sending of a question and its answer. */
  learn(atMs: number, sentMs: number, nowMs: number): void {
    this.#offsetMs = atMs - (sentMs + nowMs) / 2;
    this.#known = true;
  }

  /** Whether any answer has come yet. */
  get isKnown(): boolean {
    return this.#known;
  }

  /** The store's time at a moment of the monotonic clock. */
  at(nowMs: number): number {
    return this.#offsetMs + nowMs;
  }
}
