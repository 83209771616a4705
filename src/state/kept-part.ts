import { isSnapshotError } from "../core/snapshot-error.ts";
import { PartText, partRows, pieceKeys, stampOf } from "./part-rows.ts";
import type { StatePart } from "./persist-options.ts";
import type { StateRow } from "./store.ts";

/** Rows that are to be written, and what follows when they are. */
export interface PartWrite {
  readonly rows: readonly StateRow[];
  /** Keys of pieces that it no longer has. */
  readonly stale: readonly string[];
  /** The store has it. */
  kept(): void;
}

/** What is wrong with the rows of a part. */
export interface PartFault {
  readonly code: string;
  readonly path: string;
}

/** A part and what the store has of it. */
export class KeptPart {
  readonly name: string;
  readonly #part: StatePart;
  readonly #mayBeTorn: boolean;
  #stamp: unknown = NEVER;
  #pieces = 0;
  #loaded = new PartText();

  /** `mayBeTorn`: the rows of one write need not be kept together. */
  constructor(name: string, part: StatePart, mayBeTorn: boolean) {
    this.name = name;
    this.#part = part;
    this.#mayBeTorn = mayBeTorn;
    // Until the store has said what there was, nothing is known; zero would be a guess.
    part.markUnknown?.();
  }

  load(n: number, text: string): void {
    this.#loaded.add(n, text);
  }

  /** The store has said everything; what is wrong with what it said of this part, if anything is. */
  endLoad(): PartFault | null {
    const loaded = this.#loaded;
    this.#loaded = new PartText();
    this.#pieces = Math.max(this.#pieces, loaded.count);
    if (loaded.count === 0) {
      this.#part.markKnown?.();
      return null;
    }
    const { whole } = loaded;
    if (whole === null) return { code: "ERR_SNAPSHOT_FORM", path: "pieces" };
    try {
      this.#part.restore(whole);
      this.#stamp = this.#part.changes ?? NEVER;
      return null;
    } catch (error) {
      return isSnapshotError(error) ? error : { code: "ERR_SNAPSHOT_FORM", path: "" };
    }
  }

  /** A load broke off: what came of it is forgotten. */
  breakLoad(): void {
    this.#loaded = new PartText();
  }

  /** Whether there may be something to write. What is not known is not written: it would replace what was. */
  get mayHaveChanged(): boolean {
    const { changes, known } = this.#part;
    return known !== false && (changes === undefined || changes !== this.#stamp);
  }

  /** What is to be written now; null when nothing has changed, or when it does not fit into one row that is whole. */
  write(atMs: number): PartWrite | PartFault | null {
    if (!this.mayHaveChanged) return null;
    const snapshot = this.#part.snapshot();
    const stamp = stampOf(this.#part, snapshot);
    if (stamp === this.#stamp) return null;
    const rows = partRows(this.name, JSON.stringify(snapshot), atMs);
    if (rows.length > 1 && this.#mayBeTorn) return { code: "ERR_SNAPSHOT_SIZE", path: "" };
    return {
      rows,
      stale: pieceKeys(this.name, rows.length, this.#pieces),
      kept: () => {
        this.#stamp = stamp;
        this.#pieces = rows.length;
      },
    };
  }
}

/** No stamp is the same. */
const NEVER = Symbol("never");
