/** The errors that were marked; they are not changed, and the mark dies with them. */
let marked: WeakSet<object> | undefined;

/**
 * Says that an error will not go away by itself, such as a wrong argument or a revoked token: no policy tries the call
 * again, and no fallback hides it. Returns the error itself, unchanged, so that those who catch it find what they know;
 * a thrown value that is no object comes back as the `cause` of an `Error`. Mark an error that was made for this
 * failure: one object that is thrown again and again stays marked.
 *
 * @example
 * if (response.status === 404) throw permanent(new Error("no such order"));
 */
export function permanent<E>(error: E): E extends object ? E : Error;
export function permanent(error: unknown): object {
  const held =
    (typeof error === "object" && error !== null) || typeof error === "function"
      ? error
      : new Error(String(error), { cause: error });
  marked ??= new WeakSet();
  marked.add(held);
  return held;
}

/** Takes the mark off an error again that was put on for a while. */
export function unmarked(error: object): void {
  marked?.delete(error);
}

/** Whether an error was marked by {@link permanent}. */
export function isPermanent(error: unknown): boolean {
  // A WeakSet holds no primitive, and says so.
  return marked?.has(error as object) === true;
}
