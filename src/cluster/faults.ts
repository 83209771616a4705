/** What of the backplane can fail, and succeed, by itself: a store may answer readings and take no writes. */
export type FaultySide = "connect" | "publish" | "read" | "write";

/** What the backplane last failed with, for each side of it; forgotten as soon as that side has worked again. */
export class Faults {
  /** In the order in which they came. */
  readonly #standing = new Map<FaultySide, unknown>();

  /** Nothing is said of a failure that brought no error: what was not answered in time. */
  failed(side: FaultySide, fault: unknown): void {
    if (fault === undefined) return;
    this.#standing.delete(side);
    this.#standing.set(side, fault);
  }

  worked(side: FaultySide): void {
    this.#standing.delete(side);
  }

  /** A new connection: nothing is known against it. */
  clear(): void {
    this.#standing.clear();
  }

  /** The newest of those that stand; undefined when there is none. */
  get newest(): unknown {
    return [...this.#standing.values()].at(-1);
  }
}
