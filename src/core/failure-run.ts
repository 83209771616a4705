import type { FailureReason } from "../events/vocabulary.ts";

/** The failures since the last success of one closed period. Made at the first of them. */
export class FailureRun {
  readonly byReason: Record<FailureReason, number> = { error: 0, latency: 0 };
  readonly firstAtMs: number;
  readonly firstMs: number;
  last: FailureReason = "error";

  constructor(firstAtMs: number, firstMs: number) {
    this.firstAtMs = firstAtMs;
    this.firstMs = firstMs;
  }

  add(reason: FailureReason): void {
    this.byReason[reason]++;
    this.last = reason;
  }

  /** Takes failures off the run, from the reason that has more; which one was first is not kept. */
  forgive(failures: number): void {
    for (let left = failures; left > 0; left--) {
      const { error, latency } = this.byReason;
      this.byReason[
        error > latency || (error === latency && this.last === "latency") ? "error" : "latency"
      ]--;
    }
  }
}

/** The reason of most failures; the last one's on a tie. */
export function majority(
  { error, latency }: Readonly<Record<FailureReason, number>>,
  last: FailureReason,
): FailureReason {
  if (error === latency) return last;
  return error > latency ? "error" : "latency";
}
