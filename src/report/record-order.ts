import type { CircuitRecord } from "./event-record.ts";

/**
 * What lies between two events of a breaker in a record: nothing, lost events, the beginning of a new process, or
 * that beginning with its first events lost. Events that a record holds once more follow, too. The first event of all
 * begins.
 */
export type Step = "begins" | "follows" | "gap" | "restart" | "restart with a gap";

/** What an event and the same event once more have in common, whichever sinks wrote them. */
const SAME = ["seq", "type", "atMs", "state", "incidentId"] as const;

/** Whether a new process begins. */
export const isAnew = (step: Step): boolean => step.startsWith("restart");

/** What lies between two events of a breaker that stand in a record one after the other; null before the first. */
export function stepBetween(last: CircuitRecord | null, next: CircuitRecord): Step {
  if (last === null) return "begins";
  const { prevSeq } = next;
  if (next.seq > last.seq) {
    // A sink that says it begins here cannot have lost a line of its own.
    if (prevSeq === null) return "follows";
    return (prevSeq ?? next.seq - 1) > last.seq ? "gap" : "follows";
  }
  // Lower numbers at a later time are a new process; otherwise the same events come once more, from another file.
  if (next.atMs < last.atMs || isSame(last, next)) return "follows";
  // A process that was restored from a snapshot goes on with the numbers of the one that wrote it.
  const isFirst =
    prevSeq === null ||
    (prevSeq === undefined && (next.seq === 1 || next.type === "circuit.restore"));
  return isFirst ? "restart" : "restart with a gap";
}

/** Whether the record holds an event once more. The first event of a new process may share all but its time or incident. */
function isSame(last: CircuitRecord, next: CircuitRecord): boolean {
  return SAME.every((field) => next[field] === last[field]);
}
