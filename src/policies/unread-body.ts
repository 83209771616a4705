/**
 * Cancels the body of a `Response` that nobody will read: until then it holds its connection. One that somebody reads is
 * left alone, and so is every other value.
 */
export function cancelUnread(value: unknown): void {
  try {
    if (typeof value !== "object" || value === null) return;
    const body: unknown = Reflect.get(value, "body");
    if (typeof body !== "object" || body === null) return;
    const { locked, cancel }: { readonly locked?: unknown; readonly cancel?: unknown } = body;
    if (locked !== false || typeof cancel !== "function") return;
    const cancelled: unknown = Reflect.apply(cancel, body, []);
    if (cancelled instanceof Promise) cancelled.catch(() => {});
  } catch {
    // What cannot be cancelled stays as it is: the next attempt does not depend on it.
  }
}
