import type { Circuit } from "./circuit.ts";

/**
 * How long until the quota is back, as the option `quota` says: milliseconds, 0 when there is some. What fails, or
 * answers anything else, stops no call; `circuit.callback_failed` says so. A disabled breaker does not ask.
 */
export function askQuota(circuit: Circuit): number {
  const { name, settings, period, quotaMs: before } = circuit;
  const { quota } = settings;
  if (quota === undefined || period.state === "disabled" || isAsking(circuit)) return 0;
  circuit.quotaMs = Number.NaN;
  try {
    const waitMs: unknown = quota(name);
    if (typeof waitMs === "number" && waitMs >= 0) return waitMs;
    // Its rejection, if any, is nobody else's to handle.
    if (waitMs instanceof Promise) waitMs.catch(() => {});
    throw new RangeError(
      `quota must return a non-negative number of milliseconds, received ${String(waitMs)}`,
    );
  } catch (thrown) {
    circuit.callbackFailed("quota", thrown);
    return 0;
  } finally {
    circuit.quotaMs = before;
  }
}

/** The function is being asked: it called the breaker itself, and that call needs no quota. */
export const isAsking = ({ quotaMs }: Circuit): boolean => Number.isNaN(quotaMs);
