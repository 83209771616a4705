import { incidentIdOf } from "../core/incident.ts";
import { platformRandom } from "../platform.ts";
import type { StatePart } from "./persist-options.ts";
import type { StateRow } from "./store.ts";

/** Characters of one row: at most three bytes each, and a head. */
const PIECE = 300_000;
const HEAD = /^(?<id>[\w-]{1,40}) (?<n>\d{1,6}) (?<of>\d{1,6})\n/;
const KEY = /^(?<name>[\w-]{1,64})(?::(?<n>\d{1,6}))?$/;

/** The key of a piece behind the one that every part has. */
const keyOf = (name: string, n: number): string => (n === 0 ? name : `${name}:${n}`);

/** A part as rows that belong together: each says how many there are, and of which writing. */
export function partRows(name: string, text: string, atMs: number): StateRow[] {
  const id = incidentIdOf(atMs, platformRandom());
  const cut = pieces(text);
  return cut.map((piece, n) => [keyOf(name, n), `${id} ${n} ${cut.length}\n${piece}`]);
}

function pieces(text: string): string[] {
  const cut: string[] = [];
  let from = 0;
  do {
    let to = Math.min(text.length, from + PIECE);
    // Not between the halves of a surrogate pair, which no store could keep.
    if (to < text.length && /[\uD800-\uDBFF]/.test(text[to - 1] ?? "")) to--;
    cut.push(text.slice(from, to));
    from = to;
  } while (from < text.length);
  return cut;
}

/** The keys of the pieces from one on up to another. */
export const pieceKeys = (name: string, from: number, to: number): string[] =>
  Array.from({ length: Math.max(0, to - from) }, (_, n) => keyOf(name, from + n));

interface Piece {
  readonly id: string;
  readonly of: number;
  readonly text: string;
}

/** The rows of one part, put together again as they come. */
export class PartText {
  readonly #pieces = new Map<number, Piece>();
  #isTorn = false;

  /** Pieces that were found, those of an earlier writing included. */
  get count(): number {
    return 1 + Math.max(-1, ...this.#pieces.keys());
  }

  add(n: number, text: string): void {
    const { id = "", n: own = "", of = "" } = HEAD.exec(text)?.groups ?? {};
    if (id === "" || Number(own) !== n) this.#isTorn = true;
    this.#pieces.set(n, { id, of: Number(of), text: text.slice(text.indexOf("\n") + 1) });
  }

  /** The whole; null when a piece is missing or of another writing. */
  get whole(): string | null {
    const first = this.#pieces.get(0);
    if (first === undefined || this.#isTorn) return null;
    const texts: string[] = [];
    for (let n = 0; n < first.of; n++) {
      const piece = this.#pieces.get(n);
      if (piece?.id !== first.id || piece.of !== first.of) return null;
      texts.push(piece.text);
    }
    return texts.join("");
  }
}

/** Which part a key is of, and which piece; null when it is none. */
export function partOf(key: string): { readonly name: string; readonly n: number } | null {
  const { name, n = "0" } = KEY.exec(key)?.groups ?? {};
  return name === undefined ? null : { name, n: Number(n) };
}

/** What tells whether a part has changed. */
export function stampOf(part: StatePart, snapshot: unknown): unknown {
  if (part.changes !== undefined) return part.changes;
  // When it was taken is not a change.
  const { atMs: _, ...rest }: { readonly atMs?: unknown } = Object(snapshot);
  return JSON.stringify(rest);
}
