import type { HostSignal } from "../platform.ts";

/**
 * What a promise comes to, unless the signal is aborted first: then its reason, at once. What comes after that is
 * dropped, and no listener is left behind.
 */
export function unlessAborted<T>(promise: Promise<T>, signal: HostSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const end = (): void => signal.removeEventListener("abort", abort);
    const abort = (): void => {
      end();
      reject(signal.reason);
    };
    signal.addEventListener("abort", abort);
    if (signal.aborted) abort();
    promise.finally(end).then(resolve, reject);
  });
}
