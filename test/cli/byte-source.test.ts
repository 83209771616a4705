import { existsSync, readdirSync, readlinkSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bytesOf } from "../../src/cli/reading/byte-source.ts";

/** Only Linux has it. */
const OPEN_FILES = "/proc/self/fd";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "telltale-bytes-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** Whether this process has the file open. */
const isOpen = (path: string): boolean =>
  readdirSync(OPEN_FILES).some((name) => {
    const link = join(OPEN_FILES, name);
    // The listing itself was open when it was made.
    return existsSync(link) && readlinkSync(link) === path;
  });

test.skipIf(!existsSync(OPEN_FILES)).each([
  ["plain", 1, false],
  ["plain and large", 1_000_000, false],
  ["gzip", 1, true],
  ["gzip and large", 1_000_000, true],
])(
  "bytesOf() closes a file that is %s, when nobody wants more than its first bytes",
  async (name, size, isPacked) => {
    const path = join(folder, name);
    const warnings: string[] = [];
    const heed = ({ message }: Error) => void warnings.push(message);
    process.on("warning", heed);
    const content = Buffer.from("line\n".repeat(size));
    await writeFile(path, isPacked ? gzipSync(content) : content);
    for await (const chunk of bytesOf(path)) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    await expect.poll(() => isOpen(path), { timeout: 20_000 }).toBe(false);
    // The garbage collector would close it as well, sooner or later, and Node warns of that.
    await nextTurn();
    process.off("warning", heed);
    expect(warnings).toEqual([]);
  },
);
