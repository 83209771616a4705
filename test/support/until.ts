import { setTimeout as sleep } from "node:timers/promises";

const LIMIT_MS = 30_000;
const POLL_MS = 5;

/**
 * Waits until something is so; generous, for a busy machine.
 * @throws {Error} when it does not come to be so
 */
export async function until(
  isSo: () => boolean | Promise<boolean>,
  limitMs = LIMIT_MS,
): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!(await isSo())) {
    if (performance.now() > endMs) throw new Error(`It is not so after ${limitMs} ms: ${isSo}`);
    await sleep(POLL_MS);
  }
}
