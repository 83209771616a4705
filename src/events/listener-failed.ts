import { describeError } from "./describe-error.ts";
import type { EventOf } from "./event.ts";

/** What failed to take how many events. */
interface Failure {
  /** The name of the listener that failed. */
  readonly sink: string;
  /** 1 when left out. */
  readonly count?: number;
  /** The type of the event that it was given. */
  readonly failedType: string;
  readonly atMs: number;
}

/** The report that a listener failed to take events. */
export function listenerFailed(
  { sink, count = 1, failedType, atMs }: Failure,
  thrown: unknown,
): EventOf<"bus.listener_failed"> {
  const error = describeError(thrown);
  return Object.freeze({
    type: "bus.listener_failed",
    v: 1,
    atMs,
    sink,
    count,
    failedType,
    error,
  });
}
