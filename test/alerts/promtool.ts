import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { program } from "../support/programs.ts";

/** The verdict of promtool on one file of tests. */
export interface Verdict {
  readonly passed: boolean;
  /** What it printed about the file. */
  readonly output: string;
}

/** Runs files of tests, many in one process, and gives the verdict on each by its path. */
export async function promtoolTest(
  files: readonly string[],
): Promise<ReadonlyMap<string, Verdict>> {
  const { output } = await promtool(["test", "rules", ...files]);
  const verdicts = new Map<string, Verdict>();
  for (const part of output.split(/^Unit Testing: {2}/m).slice(1)) {
    const at = part.indexOf("\n");
    const rest = part.slice(at + 1).trim();
    verdicts.set(part.slice(0, at).trim(), { passed: rest === "SUCCESS", output: rest });
  }
  const missing = files.filter((file) => !verdicts.has(file));
  if (missing.length > 0) {
    throw new Error(`promtool said nothing of ${missing.join(", ")}:\n${output}`);
  }
  return verdicts;
}

/** Runs promtool; its exit code and everything it printed, in the order in which it was printed. */
export async function promtool(args: readonly string[]): Promise<{ code: number; output: string }> {
  const folder = await mkdtemp(join(tmpdir(), "telltale-promtool-"));
  const path = join(folder, "output");
  const file = await open(path, "w");
  try {
    // Verdicts go to one stream and reasons to the other: only in one file do they stay together.
    const child = spawn(program("promtool"), args, { stdio: ["ignore", file.fd, file.fd] });
    const [code] = await once(child, "close");
    return { code: typeof code === "number" ? code : 1, output: await readFile(path, "utf8") };
  } finally {
    await file.close();
    await rm(folder, { recursive: true });
  }
}
