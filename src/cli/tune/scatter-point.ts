/** One setting on the chart of the page. */
export interface ScatterPoint {
  readonly badPassed: number;
  readonly goodRefused: number;
  readonly kind: "other" | "front" | "today" | "best";
  readonly isOnFront: boolean;
  /** What the hover says. */
  readonly lines: readonly string[];
}

/** What the script of the page draws. */
export interface ScatterData {
  readonly points: readonly ScatterPoint[];
}
