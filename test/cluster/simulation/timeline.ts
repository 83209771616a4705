interface Due {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** Far more than a run of fifty tasks takes. */
const MOST_INPUTS = 3_000_000;

/** Virtual time: what is due runs in order of its moment, ties in the order in which it was planned. */
export class Timeline {
  nowMs = 0;
  /** What has run; a run that never ends is a fault of its own. */
  ran = 0;
  #order = 0;
  readonly #heap: Due[] = [];

  at(atMs: number, run: () => void): void {
    const heap = this.#heap;
    heap.push({ atMs: Math.max(this.nowMs, atMs), order: this.#order++, run });
    let child = heap.length - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (!this.#before(child, parent)) return;
      this.#swap(child, parent);
      child = parent;
    }
  }

  runUntil(atMs: number): void {
    for (let next = this.#heap[0]; next !== undefined && next.atMs <= atMs; next = this.#heap[0]) {
      this.#drop();
      this.nowMs = next.atMs;
      this.ran++;
      if (this.ran > MOST_INPUTS) throw new Error("livelock: the run does not end");
      next.run();
    }
    this.nowMs = Math.max(this.nowMs, atMs);
  }

  #drop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    heap[0] = last;
    for (let parent = 0; ; ) {
      const left = 2 * parent + 1;
      let first = left;
      if (left >= heap.length) return;
      if (left + 1 < heap.length && this.#before(left + 1, left)) first = left + 1;
      if (!this.#before(first, parent)) return;
      this.#swap(first, parent);
      parent = first;
    }
  }

  #before(a: number, b: number): boolean {
    const [x, y] = [this.#heap[a], this.#heap[b]];
    if (x === undefined || y === undefined) return false;
    return x.atMs < y.atMs || (x.atMs === y.atMs && x.order < y.order);
  }

  #swap(a: number, b: number): void {
    const [x, y] = [this.#heap[a], this.#heap[b]];
    if (x === undefined || y === undefined) return;
    this.#heap[a] = y;
    this.#heap[b] = x;
  }
}
