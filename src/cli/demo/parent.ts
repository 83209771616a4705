import { UsageError } from "../usage-error.ts";

/**
 * The other end of a process that the demo started. The process leaves when the demo does, however that ends; Ctrl-C
 * in a terminal reaches every process at once and is the demo's to handle.
 *
 * @throws {UsageError} when the process was started by hand
 */
export function connectToDemo<In, Out>(
  onMessage: (message: In) => void | Promise<void>,
): (message: Out) => void {
  if (process.send === undefined) {
    throw new UsageError("Cannot run a process of the demo alone: run telltale demo");
  }
  process.on("SIGINT", () => {});
  process.on("disconnect", () => process.exit(0));
  // Both ends are this very program, so a message is what its type says.
  // A failure must end this process, which ends the demo with a message: hence no catch.
  process.on("message", (message) => void onMessage(message as In));
  return (message) => {
    if (process.connected) process.send?.(message);
  };
}
