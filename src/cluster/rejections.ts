import { REJECTIONS, type Rejection } from "./message.ts";

/** Counts what was dropped, by reason. */
export class Rejections {
  readonly #counts = new Map<Rejection, number>();

  /** How many there are of this reason now, when that is to be told: at the 1st, 2nd, 4th, 8th, so that nobody who floods the channel floods the log. */
  add(reason: Rejection): number | null {
    const count = (this.#counts.get(reason) ?? 0) + 1;
    this.#counts.set(reason, count);
    return Number.isInteger(Math.log2(count)) ? count : null;
  }

  get counts(): Readonly<Record<Rejection, number>> {
    const counts = REJECTIONS.map((reason) => [reason, this.#counts.get(reason) ?? 0]);
    // Every reason gets its number, which is what the type says.
    return Object.freeze(Object.fromEntries(counts)) as Record<Rejection, number>;
  }
}
