// What a benchmark asks, in words that the runner, the cells and the report share.

/** How long one cell measures; shorter with `--quick`. */
export interface Effort {
  readonly warmUpMs: number;
  readonly measureMs: number;
  readonly idleMs: number;
}

/** What a cell is measured with. */
export interface Bench {
  /** The folder that holds the package as it is published. */
  readonly buildDir: string;
  readonly effort: Effort;
}

/** A cell that cannot be measured here, and why. */
export interface Skipped {
  readonly skipped: string;
}

/** A limit from anchors.md. `of` and `above` name another cell. */
export type Target =
  | { readonly kind: "ratio"; readonly atMost: number; readonly of: string }
  | { readonly kind: "difference"; readonly atMost: number; readonly above: string }
  | { readonly kind: "absolute"; readonly atMost: number };

/** One figure: measured in a process of its own, once a round. */
export interface Cell {
  /** Unique over all questions, `question/cell`: what `--only` matches. */
  readonly id: string;
  readonly label: string;
  readonly targets?: readonly Target[];
  /** Further flags of Node. */
  readonly flags?: readonly string[];
  /** How long one measurement may take; a minute when missing. */
  readonly limitMs?: number;
  measure(bench: Bench): Promise<number | Skipped>;
}

/** Cells that are compared with each other. */
export interface Question {
  readonly title: string;
  readonly unit: "ns" | "ms" | "bytes" | "%" | "commands/s";
  /** The cell that the ratios of the table are taken to. */
  readonly reference?: string;
  /** Rounds enough for a figure that hardly varies. */
  readonly roundsEnough?: number;
  readonly note?: string;
  readonly cells: readonly Cell[];
}
