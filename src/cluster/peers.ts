/** Beats that a peer may miss before it counts as gone. */
const MISSED_BEATS = 5;
/** More peers than this are not told apart. */
const PEER_LIMIT = 1_024;

/** Which other tasks are there: those whose beats are heard. */
export class Peers {
  readonly #goneMs: number;
  readonly #heardMs = new Map<string, number>();

  constructor(heartbeatMs: number) {
    this.#goneMs = heartbeatMs * MISSED_BEATS;
  }

  /** Whether it is a new one. */
  heard(peer: string, nowMs: number): boolean {
    const isNew = !this.#heardMs.has(peer);
    if (isNew && this.#heardMs.size >= PEER_LIMIT) return false;
    this.#heardMs.set(peer, nowMs);
    return isNew;
  }

  /** Whether it was there. */
  left(peer: string): boolean {
    return this.#heardMs.delete(peer);
  }

  /** Those that have been silent for too long; they are forgotten. */
  expire(nowMs: number): string[] {
    const gone = [...this.#heardMs].filter(([, heardMs]) => nowMs - heardMs >= this.#goneMs);
    for (const [peer] of gone) this.#heardMs.delete(peer);
    return gone.map(([peer]) => peer);
  }

  /** Nobody could be heard until now. */
  excuse(nowMs: number): void {
    for (const peer of this.#heardMs.keys()) this.#heardMs.set(peer, nowMs);
  }

  get names(): readonly string[] {
    return [...this.#heardMs.keys()];
  }
}
