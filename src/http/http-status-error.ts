/**
 * An answer that counted as a failure of the dependency: what events and `cause` show for it. The caller of a guarded
 * `fetch` has the response itself.
 */
export class HttpStatusError extends Error {
  override readonly name = "HttpStatusError";
  /** The HTTP status, such as 503. */
  readonly status: number;

  constructor(status: number) {
    super(`HTTP ${status}`);
    this.status = status;
  }
}
