import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

/** A server in a process of its own. */
export interface ServerProcess {
  readonly url: string;
  /** Ends the process; resolves when it has ended. */
  stop(): Promise<void>;
}

const READY_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 5_000;
const POLL_MS = 50;

/**
 * Starts a server and waits until `readyPath` answers.
 * @throws {Error} with what it printed, when it ends before or takes too long
 */
export async function startServer(at: {
  readonly file: string;
  readonly args: readonly string[];
  readonly url: string;
  readonly readyPath: string;
}): Promise<ServerProcess> {
  const { file, args, url, readyPath } = at;
  const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"] });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      printed += chunk;
    });
  }
  const exited = once(child, "exit");
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const stop = async (): Promise<void> => {
    if (hasEnded()) return;
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_LIMIT_MS);
    await exited;
    clearTimeout(timer);
  };
  try {
    await untilReady(url + readyPath, hasEnded);
  } catch (error) {
    await stop();
    throw new Error(`${file} does not get ready:\n${printed}`, { cause: error });
  }
  return { url, stop };
}

/**
 * Waits until a page is served.
 * @throws {Error} when the server ends before, or takes too long
 */
export async function untilReady(url: string, hasEnded: () => boolean): Promise<void> {
  for (let waitedMs = 0; !(await answers(url)); waitedMs += POLL_MS) {
    if (hasEnded() || waitedMs > READY_LIMIT_MS) throw new Error(`Nobody answers at ${url}`);
    await sleep(POLL_MS);
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}
