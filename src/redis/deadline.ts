import { platformTimers } from "../platform.ts";

/** What a promise brings, unless `ms` milliseconds are over before: then it rejects, whatever comes later. */
export async function withDeadline<T>(promise: Promise<T>, ms: number, action: string): Promise<T> {
  let timer: unknown;
  const over = new Promise<never>((_, reject) => {
    const fail = () => reject(new Error(`Cannot ${action}: no answer within ${ms} ms`));
    timer = platformTimers.start(fail, ms);
  });
  try {
    return await Promise.race([promise, over]);
  } finally {
    platformTimers.stop(timer);
  }
}
