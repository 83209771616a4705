import { stat } from "node:fs/promises";
import type { RecordSource } from "../../report/record-queue.ts";
import type { LineOutput } from "../redrawn-line.ts";
import { UsageError } from "../usage-error.ts";
import { bytesOf, STDIN } from "./byte-source.ts";
import { LineScanner } from "./line-scanner.ts";
import { ProgressBar } from "./progress-bar.ts";

/** A file cannot be read at all; the message says which and why. */
export class UnreadableFile extends Error {
  override readonly name = "UnreadableFile";
}

/** Whoever gathers the lines can take no more of them; the message says why. */
export class RefusedRecord extends Error {
  override readonly name = "RefusedRecord";
}

/** What gathers the lines of a record. */
export interface LineFold {
  add(line: string, source: RecordSource): void;
  /** Counts lines that are not looked into. */
  skip(ignored: number, damaged: number, overlong: number): void;
  /** It wants every line, not only those that may hold an event. */
  readonly wantsEveryLine?: boolean;
}

/** How far into a file its first event is looked for, to put several files in order. */
const SEARCHED_BYTES = 4_194_304;

/**
 * Reads files, or standard input for `-`, into what gathers their lines. Several files are read in the order of their first
 * events, so that rotated logs come by age.
 *
 * @returns what could not be read of them, each as a sentence
 * @throws {UnreadableFile} when a file is not there, is no file or may not be read
 */
export async function readRecord(
  files: readonly string[],
  fold: LineFold,
  output: LineOutput,
): Promise<readonly string[]> {
  const sizes = await Promise.all(files.map(sizeOf));
  const ordered = fold.wantsEveryLine === true ? files : await byFirstEvent(files);
  const isKnown = sizes.every((size) => size !== null);
  const total = isKnown ? sizes.reduce((sum: number, size) => sum + (size ?? 0), 0) : null;
  const bar = new ProgressBar(output, total);
  const faults: string[] = [];
  try {
    for (const file of ordered) {
      const fault = await readFile(file, fold, bar);
      if (fault !== null) faults.push(fault);
    }
  } finally {
    bar.end();
  }
  return faults;
}

async function sizeOf(file: string): Promise<number | null> {
  if (file === STDIN) return null;
  try {
    const found = await stat(file);
    if (found.isDirectory()) throw new UnreadableFile(`${file} is a directory: name its files`);
    return found.isFile() ? found.size : null;
  } catch (error) {
    if (error instanceof UnreadableFile) throw error;
    throw new UnreadableFile(`${file} cannot be read: ${reasonOf(error)}`);
  }
}

/** Reads one file; what was read before a fault counts, and the fault is told. */
async function readFile(file: string, fold: LineFold, bar: ProgressBar): Promise<string | null> {
  const scanner = new LineScanner(
    {
      line: (text, line) => fold.add(text, { file, line }),
      skipped: (ignored, damaged, overlong) => fold.skip(ignored, damaged, overlong),
    },
    fold.wantsEveryLine,
  );
  let bytes = 0;
  try {
    for await (const chunk of bytesOf(file, (read) => bar.add(read))) {
      bytes += chunk.length;
      scanner.push(chunk);
    }
    scanner.end();
    return null;
  } catch (error) {
    if (error instanceof RefusedRecord || error instanceof UsageError) throw error;
    if (bytes === 0 && isRefused(error)) {
      throw new UnreadableFile(`${file} cannot be read: ${reasonOf(error)}`);
    }
    scanner.end();
    const where = file === STDIN ? "standard input" : file;
    return `${where} could not be read to its end (${reasonOf(error)}): what came before it is in the report.`;
  }
}

/** Files with the earliest first event first; those without any keep their place at the end. */
async function byFirstEvent(files: readonly string[]): Promise<readonly string[]> {
  if (files.length < 2) return files;
  const firsts = new Map<string, number>();
  for (const file of files) firsts.set(file, await firstEventAtMs(file));
  const atMs = (file: string): number => firsts.get(file) ?? Number.MAX_VALUE;
  return files.toSorted((a, b) => atMs(a) - atMs(b));
}

async function firstEventAtMs(file: string): Promise<number> {
  // Standard input can be read only once, and a pipe with a name as well.
  if (file === STDIN || !(await stat(file)).isFile()) return Number.MAX_VALUE;
  let first = Number.MAX_VALUE;
  let bytes = 0;
  const scanner = new LineScanner({
    line: (text) => {
      const [, digits] = /"atMs"\s*:\s*(\d{1,16})/.exec(text) ?? [];
      if (digits !== undefined) first = Math.min(first, Number(digits));
    },
    skipped: () => {},
  });
  try {
    for await (const chunk of bytesOf(file)) {
      bytes += chunk.length;
      scanner.push(chunk);
      if (first < Number.MAX_VALUE || bytes > SEARCHED_BYTES) break;
    }
    scanner.end();
  } catch {
    // Whatever is wrong with it is told when it is read in earnest.
  }
  return first;
}

const isRefused = (error: unknown): boolean =>
  error instanceof Error && "syscall" in error && error.syscall === "open";

const reasonOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
