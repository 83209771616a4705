/** The body that a request sends, of which it is known when its source has failed: that is no failure of the dependency. */
export class DispatchedBody {
  /** What is sent in its place. */
  readonly body: unknown;
  readonly #given: unknown;
  #failure: { readonly error: unknown } | null = null;

  constructor(given: unknown) {
    this.#given = given;
    this.body = isPlainIterable(given) ? this.#watched(given) : given;
  }

  /** Whether a request failed because of its source. A stream that undici destroys has no error of its own by then. */
  failedWith(error: unknown): boolean {
    if (this.#failure !== null) return this.#failure.error === error;
    return isObject(this.#given) && error !== null && error === Reflect.get(this.#given, "errored");
  }

  #watched(source: AsyncIterable<unknown> | Iterable<unknown>): AsyncIterable<unknown> {
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

/**
 * What undici goes through itself. Node's streams, which it reads as streams, say what became of them; bytes it sends as they
 * are, and forms (those of `fetch`, and what has their methods) have an encoding of their own.
 */
function isPlainIterable(body: unknown): body is AsyncIterable<unknown> | Iterable<unknown> {
  if (!isObject(body) || "pipe" in body) return false;
  if (Symbol.asyncIterator in body) return true;
  return Symbol.iterator in body && !ArrayBuffer.isView(body) && !("append" in body);
}
