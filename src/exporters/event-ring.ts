/** The last so many messages, numbered from 1 without gaps. */
export class EventRing {
  readonly #limit: number;
  readonly #texts: string[] = [];
  #last = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The number of the newest message; 0 before the first. */
  get last(): number {
    return this.#last;
  }

  /** The number of the oldest message that is kept; one above `last` before the first. */
  get first(): number {
    return Math.max(0, this.#last - this.#limit) + 1;
  }

  /** Keeps the text that is made for the next number. */
  push(make: (number: number) => string): void {
    // Made first: what cannot be written down takes no number.
    const text = make(this.#last + 1);
    this.#texts[this.#last % this.#limit] = text;
    this.#last++;
  }

  /** The message of a number from `first` to `last`; undefined for any other. */
  at(number: number): string | undefined {
    const isKept = number >= this.first && number <= this.#last;
    return isKept ? this.#texts[(number - 1) % this.#limit] : undefined;
  }
}
