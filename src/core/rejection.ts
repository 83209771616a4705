class Rejection {
  readonly #thrown: unknown;

  constructor(thrown: unknown) {
    this.#thrown = thrown;
  }

  // biome-ignore lint/suspicious/noThenProperty: a thenable is what a handler can return to reject
  then(_onValue: unknown, onThrow: (thrown: unknown) => void): void {
    onThrow(this.#thrown);
  }
}

/**
 * What a handler returns to reject its promise with `thrown`. Throwing there does the same and costs 200 to 400 ns
 * more: the engine notes the place of every throw.
 */
export function rejection(thrown: unknown): PromiseLike<never> {
  // Only the engine calls its `then`, once, and with both functions.
  return new Rejection(thrown) as unknown as PromiseLike<never>;
}
