/** Those of Workers may be sent past JavaScript, and with their length, as long as nobody takes them apart. */
const isSentNatively = (): boolean => "FixedLengthStream" in globalThis;

/**
 * A body that is sent as a stream, and may break by itself: then the caller's side gave up, and the dependency did
 * nothing wrong.
 */
export class Upload {
  /** A stream of the same, to be sent in its place; null when that is to be sent itself. */
  readonly watched: ReadableStream | null = null;
  /** Whether some of it was read before, so that `fetch` does not send it. */
  readonly spent: boolean = false;
  readonly #source: object;
  #broke = false;

  constructor(source: object) {
    this.#source = source;
    if (!(source instanceof ReadableStream)) {
      this.spent = wasTouched(source);
      return;
    }
    if (isSentNatively()) return;
    this.spent = !isWhole(source);
    if (!this.spent) this.watched = this.#watch(source);
  }

  /**
   * Whether its source is what failed the request. A stream of Node may have been destroyed by the client, because the
   * request had failed: then its error is not the cause.
   */
  brokeBy(error: unknown): boolean {
    if (this.#broke) return true;
    const errored: unknown = Reflect.get(this.#source, "errored");
    return errored instanceof Error && error instanceof Error && error.cause === errored;
  }

  /** Takes its source when it is read first: a request that is refused leaves it as it was. */
  #watch(source: ReadableStream): ReadableStream {
    let reader: ReadableStreamDefaultReader | undefined;
    return new ReadableStream(
      {
        pull: async (controller) => {
          reader ??= source.getReader();
          try {
            const step = await reader.read();
            if (step.done) controller.close();
            else controller.enqueue(step.value);
          } catch (error) {
            this.#broke = true;
            throw error;
          }
        },
        cancel: (reason) => (reader ?? source).cancel(reason),
      },
      { highWaterMark: 0 },
    );
  }
}

/** Whether a stream of Node was read or destroyed before. */
const wasTouched = (source: object): boolean =>
  Reflect.get(source, "readableDidRead") === true || Reflect.get(source, "destroyed") === true;

/** A `Request` takes no stream of which something was read. */
function isWhole(body: ReadableStream): boolean {
  if (typeof Request !== "function") return true;
  try {
    const init = { method: "POST", body, duplex: "half" };
    return new Request("http://127.0.0.1/", init as RequestInit).body !== null;
  } catch {
    return false;
  }
}

/**
 * Whether the body of a `Request` has broken by itself. `fetch` pipes it on, which leaves one that failed unlocked; one
 * that is wanted no more is cancelled, and one that is waited for stays locked.
 */
export async function hasBroken(body: object): Promise<boolean> {
  if (!(body instanceof ReadableStream) || body.locked) return false;
  const reader = body.getReader();
  let broke = false;
  reader.closed.catch(() => {
    broke = true;
  });
  // What failed before is told first.
  await Promise.resolve();
  const answer = broke;
  // Which ends the wait for its end, too.
  reader.releaseLock();
  return answer;
}
