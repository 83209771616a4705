const atExit = new Set<() => void>();

function runAll(): void {
  for (const run of atExit) run();
}

/**
 * Runs something when the process exits, until the function that is returned is called. All share one listener: with
 * one each, the eleventh would make Node warn of a leak.
 */
export function onExit(run: () => void): () => void {
  if (atExit.size === 0) process.on("exit", runAll);
  atExit.add(run);
  return () => {
    atExit.delete(run);
    if (atExit.size === 0) process.off("exit", runAll);
  };
}
