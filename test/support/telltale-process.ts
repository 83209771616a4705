import { type ChildProcessWithoutNullStreams, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { onTestFinished } from "vitest";

/** The command line, from its source. */
export const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
/** The command line as it is published; there once it was built. */
export const BUNDLE = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

/** A run that is over. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command line to its end, whatever its exit code is. */
export async function telltale(
  args: readonly string[],
  {
    main = MAIN,
    env = process.env,
  }: { readonly main?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<Ended> {
  const run = promisify(execFile)(process.execPath, [main, ...args], {
    env,
    maxBuffer: 64_000_000,
  });
  return run
    .then(({ stdout, stderr }) => ({ code: 0, stdout, stderr }))
    .catch(({ code, stdout, stderr }: Ended) => ({ code, stdout, stderr }));
}

/** A run under way. */
export interface Started {
  readonly child: ChildProcessWithoutNullStreams;
  /** What it has printed so far. */
  readonly told: { readonly out: string; readonly errors: string };
  /** Its exit code, once it has ended; null when a signal ended it. */
  readonly ended: Promise<number | null>;
}

/** Starts the command line with pipes; it is ended with the test at the latest. */
export function startTelltale(...args: readonly string[]): Started {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: "pipe" });
  const told = { out: "", errors: "" };
  child.stdout.on("data", (text: Buffer) => {
    told.out += text;
  });
  child.stderr.on("data", (text: Buffer) => {
    told.errors += text;
  });
  const ended = once(child, "close").then(([code]) => code as number | null);
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  return { child, told, ended };
}
