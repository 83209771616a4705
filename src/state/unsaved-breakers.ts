import type { BreakerRegistry } from "../core/breaker-registry.ts";
import { type CircuitBreaker, circuitOf } from "../core/circuit-breaker.ts";

/** What of a breaker can be seen to have changed without looking at all of it. */
interface Seen {
  generation: number;
  /** Calls that were asked for, and those under way: together they change with each admission and each result. */
  asked: number;
  underWay: number;
  retryMs: number;
}

const NEVER: Seen = Object.freeze({
  generation: Number.NaN,
  asked: Number.NaN,
  underWay: Number.NaN,
  retryMs: Number.NaN,
});

function seenOf(breaker: CircuitBreaker): Seen {
  const { generation, tally, period } = circuitOf(breaker);
  const { asked, underWay } = tally;
  const waits = period.state === "open" || period.state === "forced_open";
  return { generation, asked, underWay, retryMs: waits ? period.retryMs : 0 };
}

function isSame(a: Seen, b: Seen): boolean {
  return (
    a.generation === b.generation &&
    a.asked === b.asked &&
    a.underWay === b.underWay &&
    a.retryMs === b.retryMs
  );
}

/**
 * Which breakers of a registry have something that the store does not: by name, so that it is no more than the
 * registry holds, and what is written is what holds when it is written.
 */
export class UnsavedBreakers {
  readonly #registry: BreakerRegistry;
  readonly #saved = new WeakMap<CircuitBreaker, Seen>();
  #unsaved = new Set<string>();
  /** Names whose rows are to be removed. */
  #gone = new Set<string>();

  constructor(registry: BreakerRegistry) {
    this.#registry = registry;
  }

  get size(): number {
    return this.#unsaved.size + this.#gone.size;
  }

  add(name: string): void {
    this.#unsaved.add(name);
  }

  /** The breaker left the registry. Of more names than it may hold, the first are forgotten: their rows stay. */
  remove(name: string): void {
    this.#unsaved.delete(name);
    this.#gone.delete(name);
    this.#gone.add(name);
    if (this.#gone.size <= this.#registry.limit) return;
    for (const first of this.#gone) {
      this.#gone.delete(first);
      return;
    }
  }

  /** Looks at one breaker: whether it has changed since it was written. */
  look(breaker: CircuitBreaker): void {
    if (!isSame(seenOf(breaker), this.#saved.get(breaker) ?? NEVER)) this.add(breaker.name);
  }

  /** The breaker is as the store has it. */
  isSaved(breaker: CircuitBreaker): void {
    this.#saved.set(breaker, seenOf(breaker));
    this.#unsaved.delete(breaker.name);
  }

  /** Takes what is to be written and removed now; a breaker that came back is not removed. */
  take(): { readonly names: ReadonlySet<string>; readonly gone: ReadonlySet<string> } {
    const names = this.#unsaved;
    const gone = new Set([...this.#gone].filter((name) => !this.#registry.has(name)));
    this.#unsaved = new Set();
    this.#gone = new Set();
    return { names, gone };
  }

  /** Could not be written or removed: again next time, unless something newer has come. */
  giveBack(names: Iterable<string>, gone: Iterable<string>): void {
    for (const name of names) if (this.#registry.has(name)) this.add(name);
    for (const name of gone) if (!this.#registry.has(name)) this.remove(name);
  }

  /** The row of a breaker, written as of now; null when it has gone. */
  rowOf(name: string): string | null {
    const breaker = this.#registry.peek(name);
    if (breaker === undefined) return null;
    const text = breaker.serialize();
    this.#saved.set(breaker, seenOf(breaker));
    return text;
  }
}
