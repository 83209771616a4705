/** The body that a request sends, of which it is known when its source has failed: that is no failure of the dependency. */
export class DispatchedBody {
  /** What is sent in its place. */
  readonly body: unknown;
  readonly #given: unknown;
  #failure: { readonly error: unknown } | null = null;

  constructor(given: unknown) {
    this.#given = given;
    this.body = isPlainAsyncIterable(given) ? this.#watched(given) : given;
  }

  /** Whether a request failed because of its source. A stream that undici destroys has no error of its own by then. */
  failedWith(error: unknown): boolean {
    if (this.#failure !== null) return this.#failure.error === error;
    return isObject(this.#given) && error !== null && error === Reflect.get(this.#given, "errored");
  }

  #watched(source: AsyncIterable<unknown>): AsyncIterable<unknown> {
    const fail = (error: unknown): void => {
      this.#failure = { error };
    };
    return {
      async *[Symbol.asyncIterator]() {
        try {
          yield* source;
        } catch (error) {
          fail(error);
          throw error;
        }
      },
    };
  }
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

/** Those of Node's streams, which undici reads as streams, say themselves what became of them. */
function isPlainAsyncIterable(body: unknown): body is AsyncIterable<unknown> {
  return isObject(body) && Symbol.asyncIterator in body && !("pipe" in body);
}
