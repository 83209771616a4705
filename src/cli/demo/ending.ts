/** The demo cannot go on; the message says why. The exit code is 1. */
export class DemoFailure extends Error {
  override readonly name = "DemoFailure";
}

/** Ctrl-C, or a signal that asks to end. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Aborts with {@link Interrupted} at the first signal that asks to end; the second ends the process at once, and the
 * processes it started with it. Returns a function that stops listening.
 */
export function abortOnSignals(ending: AbortController): () => void {
  let asked = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (asked) process.exit(130);
    asked = true;
    ending.abort(new Interrupted(`interrupted by ${signal}`));
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return () => {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  };
}

/** Rejects with the signal's reason when it aborts; never resolves. */
export function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
