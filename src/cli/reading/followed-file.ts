import { type FileHandle, open, stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { bytesOf, STDIN } from "./byte-source.ts";
import { LineScanner } from "./line-scanner.ts";

/** What is told of a file while it is followed. */
export interface Follower {
  readonly signal: AbortSignal;
  /** A line that may hold an event. */
  line(text: string): void;
  /** What was there at the beginning has been read; more may come. */
  caughtUp(): void;
}

const LOOK_MS = 500;
const CHUNK_BYTES = 262_144;

/**
 * Reads a file, or standard input for `-`, and goes on as it grows, until the signal aborts. A file that was rotated is
 * read from its beginning.
 *
 * @returns why it could not be read to its end; null when it was
 */
export async function followed(file: string, follower: Follower): Promise<string | null> {
  try {
    const found = file === STDIN ? null : await stat(file);
    if (found?.isDirectory() === true) return `${file} is a directory: name its files`;
    if (found === null || !found.isFile() || (await isGzip(file))) await readOnce(file, follower);
    else await readOn(file, follower);
    return null;
  } catch (error) {
    if (follower.signal.aborted) return null;
    const where = file === STDIN ? "standard input" : file;
    return `${where} cannot be read${reasonOf(error)}`;
  }
}

const reasonOf = (error: unknown): string => `: ${error instanceof Error ? error.message : error}`;

const scannerOf = ({ line }: Follower): LineScanner =>
  new LineScanner({ line: (text) => line(text), skipped: () => {} });

/** What grows by itself (a pipe), or not at all (packed). */
async function readOnce(file: string, follower: Follower): Promise<void> {
  const scanner = scannerOf(follower);
  // A pipe may never end: there is no beginning to wait for.
  if (file === STDIN) follower.caughtUp();
  for await (const chunk of bytesOf(file)) {
    scanner.push(chunk);
    if (follower.signal.aborted) return;
  }
  scanner.end();
  follower.caughtUp();
}

async function readOn(file: string, follower: Follower): Promise<void> {
  const { signal } = follower;
  for (;;) {
    const handle = await open(file);
    try {
      await readGrowing(file, handle, follower);
    } finally {
      await handle.close();
    }
    if (signal.aborted) return;
  }
}

/** Until the file is another one, or shorter than before. */
async function readGrowing(file: string, handle: FileHandle, follower: Follower): Promise<void> {
  const scanner = scannerOf(follower);
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  const { ino } = await handle.stat();
  for (let at = 0; ; ) {
    if (follower.signal.aborted) return;
    const { bytesRead } = await handle.read(buffer, 0, CHUNK_BYTES, at);
    if (bytesRead > 0) {
      at += bytesRead;
      scanner.push(buffer.subarray(0, bytesRead));
      continue;
    }
    follower.caughtUp();
    await sleep(LOOK_MS, undefined, { signal: follower.signal });
    const now = await statOf(file);
    if (now !== null && (now.ino !== ino || now.size < at)) {
      scanner.end();
      return;
    }
  }
}

/** Null while there is none, in the middle of a rotation. */
async function statOf(file: string): Promise<{ ino: number; size: number } | null> {
  try {
    return await stat(file);
  } catch {
    return null;
  }
}

async function isGzip(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { buffer } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    return buffer[0] === 0x1f && buffer[1] === 0x8b;
  } finally {
    await handle.close();
  }
}
