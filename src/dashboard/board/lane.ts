import type { CircuitState } from "../../events/vocabulary.ts";

/** A stretch of time in one state. */
export interface LaneStretch {
  readonly state: CircuitState;
  readonly fromMs: number;
  /** Null for the present one. */
  readonly toMs: number | null;
}

/** More changes than anybody can tell apart on a lane; older ones are let go. */
const MOST_STRETCHES = 240;

/** The states of one breaker over time. */
export class Lane {
  readonly #states: { readonly state: CircuitState; readonly fromMs: number }[] = [];

  get isEmpty(): boolean {
    return this.#states.length === 0;
  }

  /** From this moment on it is in a state. A moment before the last change is taken for that of the change. */
  enter(state: CircuitState, atMs: number): void {
    const last = this.#states.at(-1);
    if (last?.state === state) return;
    const fromMs = last === undefined ? atMs : Math.max(atMs, last.fromMs);
    this.#states.push({ state, fromMs });
    if (this.#states.length > MOST_STRETCHES) this.#states.shift();
  }

  /** The stretches that reach beyond a moment, the oldest first. */
  since(fromMs: number): readonly LaneStretch[] {
    const stretches: LaneStretch[] = [];
    for (let at = this.#states.length - 1; at >= 0; at--) {
      const own = this.#states[at];
      if (own === undefined) break;
      const toMs = this.#states[at + 1]?.fromMs ?? null;
      if (toMs !== null && toMs < fromMs) break;
      stretches.push({ ...own, toMs });
    }
    return stretches.reverse();
  }
}
