/** The random source of a breaker, scripted: what it answers is known before it is asked. */
export class Chance {
  /** A multiple of 1/64. */
  now = 0;
  readonly #script: readonly number[];
  #turns = 0;
  #draws = 0;
  #exact = false;

  constructor(script: readonly number[]) {
    this.#script = script;
  }

  /** Another call begins. */
  turn(): number {
    this.now = (this.#script[this.#turns++ % this.#script.length] ?? 0) / 64;
    return this.now;
  }

  /** The next draw decides an admission, perhaps exactly at the share. */
  beExact(): void {
    this.#exact = true;
  }

  /** A trace more each time, so that no two incidents have the same id. */
  readonly draw = (): number => {
    const exact = this.#exact;
    this.#exact = false;
    return exact ? this.now : this.now + ++this.#draws * 2 ** -38;
  };
}
