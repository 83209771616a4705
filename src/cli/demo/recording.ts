import { mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { UsageError } from "../usage-error.ts";

/**
 * Makes the file that the service records to, and returns its path. Each run has a file of its own: the numbers of two
 * runs in one file would prove nothing.
 *
 * @throws {UsageError} when it cannot be written there
 */
export async function createRecording(out: string | undefined, atMs: number): Promise<string> {
  try {
    const directory =
      out === undefined ? await mkdtemp(join(tmpdir(), "telltale-demo-")) : resolve(out);
    await mkdir(directory, { recursive: true });
    const stamp = new Date(atMs).toISOString().replaceAll(/[-:.]/g, "");
    const path = join(directory, `events-${stamp}.ndjson`);
    await writeFile(path, "", { flag: "wx" });
    return path;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(
      `Cannot record: --out must be a directory that can be written to: ${reason}`,
    );
  }
}

/** The lines of a recording. */
export async function readRecording(path: string): Promise<readonly string[]> {
  return (await readFile(path, "utf8")).split("\n").filter((line) => line !== "");
}

/** What the recording has and the log leaves out. */
const QUIET = new Set<unknown>(["circuit.success", "circuit.ignored", "circuit.late"]);

/** How many of the recorded lines are in the service's log as well. */
export function countLogged(lines: readonly string[]): number {
  // As below: looked at before it is used.
  const typeOf = (line: string): unknown => (JSON.parse(line) as { readonly type?: unknown }).type;
  return lines.filter((line) => !QUIET.has(typeOf(line))).length;
}

/** What the recorded lines say, counted without any code of telltale. */
export interface RecordedCounts {
  /** Skips that have a line. */
  readonly skipLines: number;
  /** Skips that lines carry as `suppressed`. */
  readonly suppressed: number;
  /** Opens by their reason. */
  readonly trips: Readonly<Record<"error" | "latency", number>>;
}

/** @throws {SyntaxError} when a line is damaged */
export function countRecorded(lines: readonly string[]): RecordedCounts {
  const counts = { skipLines: 0, suppressed: 0, trips: { error: 0, latency: 0 } };
  for (const line of lines) {
    // What a JSON text holds is known only when it is looked at, which the comparisons below do.
    const event = JSON.parse(line) as Readonly<Record<string, unknown>>;
    if (event["type"] === "circuit.skip") counts.skipLines++;
    if (typeof event["suppressed"] === "number") counts.suppressed += event["suppressed"];
    if (event["type"] !== "circuit.open") continue;
    if (event["reason"] === "error") counts.trips.error++;
    if (event["reason"] === "latency") counts.trips.latency++;
  }
  return counts;
}
