import type { HostSignal, Timers } from "../platform.ts";

/**
 * Waits, unless the signal ends it: then it rejects at once with the signal's reason. Leaves no timer and no listener
 * behind either way.
 */
export function sleep(
  timers: Timers,
  delayMs: number,
  signal: HostSignal | undefined,
): Promise<void> {
  if (signal === undefined) {
    return new Promise((resolve) => void timers.start(resolve, delayMs));
  }
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const wake = (): void => {
      signal.removeEventListener("abort", abort);
      resolve();
    };
    const abort = (): void => {
      timers.stop(timer);
      signal.removeEventListener("abort", abort);
      reject(signal.reason);
    };
    const timer = timers.start(wake, delayMs);
    signal.addEventListener("abort", abort);
  });
}
