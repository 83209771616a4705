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

  /** This run and the one that came after it. */
  joined(later: FailureRun | null): this {
    if (later !== null) {
      this.byReason.error += later.byReason.error;
      this.byReason.latency += later.byReason.latency;
      this.last = later.last;
    }
    return this;
  }

  /**
   * Takes failures off the run, from the reason that has more, and from both in turn when they are level; which one was
   * first is not kept. Takes the same time however many there are.
   */
  forgive(failures: number): void {
    const { error, latency } = this.byReason;
    const lead = Math.min(failures, Math.abs(error - latency));
    this.byReason[error > latency ? "error" : "latency"] -= lead;
    // From here on they are level: the first of each pair is not the reason of the last failure.
    const left = failures - lead;
    this.byReason[this.last === "latency" ? "error" : "latency"] -= Math.ceil(left / 2);
    this.byReason[this.last] -= Math.floor(left / 2);
  }
}

/** The failures in a row of one who counts them, set aside. */
export interface RunAside {
  failures: number;
  run: FailureRun | null;
}

/** The reason of most failures; the last one's on a tie. */
export function majority(
  { error, latency }: Readonly<Record<FailureReason, number>>,
  last: FailureReason,
): FailureReason {
  if (error === latency) return last;
  return error > latency ? "error" : "latency";
}
