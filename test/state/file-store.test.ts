import files, { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createFileStore } from "../../src/state/index.ts";
import { rowsOf } from "./store-suite.ts";

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "telltale-file-"));
  path = join(folder, "state");
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true });
});

/** What is done to files, in order, as the store does it. */
function recordSteps(): string[] {
  const steps: string[] = [];
  const named = (file: unknown): string =>
    file === folder
      ? "folder"
      : String(file)
          .replace(path, "state")
          .replace(/[0-9a-f]+\.tmp/, "tmp");
  const { open, rename } = files;
  vi.spyOn(files, "open").mockImplementation(async (file, flags, mode) => {
    const handle = await open(file, flags, mode);
    if (flags === "wx") steps.push(`create ${named(file)} ${mode?.toString(8)}`);
    const { sync, write } = handle;
    handle.sync = async () => {
      steps.push(`sync ${named(file)}`);
      await sync.call(handle);
    };
    // The store uses one of the overloads, which is passed on as it comes.
    handle.write = ((...args: Parameters<typeof write>) => {
      if (!steps.at(-1)?.startsWith("write")) steps.push(`write ${named(file)}`);
      return write.apply(handle, args);
    }) as typeof write;
    return handle;
  });
  vi.spyOn(files, "rename").mockImplementation(async (from, to) => {
    steps.push(`rename ${named(from)} to ${named(to)}`);
    await rename(from, to);
  });
  return steps;
}

describe("createFileStore", () => {
  test("makes each write durable before it takes the place of the one before", async () => {
    const store = createFileStore(path);
    const steps = recordSteps();
    await store.write([["a", "1"]]);
    expect(steps).toEqual([
      "create state.tmp 600",
      "write state.tmp",
      "sync state.tmp",
      "rename state.tmp to state",
      "sync folder",
    ]);
  });

  test("makes files that only their owner can read", async () => {
    await createFileStore(path).write([["a", "1"]]);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(["state"]);
  });

  test("writes that wait for one another go together", async () => {
    const store = createFileStore(path);
    await store.write([["a", "0"]]);
    const steps = recordSteps();
    await Promise.all(Array.from({ length: 50 }, (_, n) => store.write([[`k${n}`, "1"]])));
    expect(steps.filter((step) => step.startsWith("rename")).length).toBeLessThanOrEqual(2);
    expect(Object.keys(await rowsOf(createFileStore(path)))).toHaveLength(51);
  });

  test.each(["open", "rename", "stat"] as const)(
    "a %s that fails is told, keeps what was there, and leaves nothing behind",
    async (call) => {
      const store = createFileStore(path);
      await store.write([["a", "1"]]);
      const failure = Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
      const spy = vi.spyOn(files, call).mockRejectedValue(failure);
      const failed = await store.write([["a", "2"]]).catch((error: unknown) => error);
      expect(failed).toMatchObject({
        name: "StoreError",
        code: "ERR_STORE_FAILED",
        message: `Cannot write to file "${path}": EIO: i/o error`,
        cause: failure,
      });
      spy.mockRestore();
      expect(await readdir(folder)).toEqual(["state"]);
      expect(await rowsOf(createFileStore(path))).toEqual({ a: "1" });
      await store.write([["b", "3"]]);
      expect(await rowsOf(createFileStore(path))).toEqual({ a: "1", b: "3" });
    },
  );

  test("a folder that cannot be synced fails the write, and the next one goes on from it", async () => {
    const store = createFileStore(path);
    await store.write([["a", "1"]]);
    const { open } = files;
    const spy = vi.spyOn(files, "open").mockImplementation(async (file, flags, mode) => {
      if (file === folder) throw new Error("EIO");
      return open(file, flags, mode);
    });
    await expect(store.write([["a", "2"]])).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
    spy.mockRestore();
    await store.write([["b", "3"]]);
    expect(await rowsOf(createFileStore(path))).toEqual({ a: "2", b: "3" });
  });

  test("a second process on the same file is refused, and overwrites nothing", async () => {
    const [first, second] = [createFileStore(path), createFileStore(path)];
    await rowsOf(second);
    await first.write([["a", "1"]]);
    await expect(second.write([["b", "2"]])).rejects.toMatchObject({
      code: "ERR_STORE_SHARED",
      message: `Cannot write to file "${path}": another process has written it; a file is for one`,
    });
    const third = createFileStore(path);
    await third.write([["c", "3"]]);
    await expect(first.write([["a", "4"]])).rejects.toMatchObject({ code: "ERR_STORE_SHARED" });
    expect(await rowsOf(createFileStore(path))).toEqual({ a: "1", c: "3" });
  });

  test("a file that was removed is written anew, with everything", async () => {
    const store = createFileStore(path);
    await store.write([["a", "1"]]);
    await rm(path);
    await store.write([["b", "2"]]);
    expect(await rowsOf(createFileStore(path))).toEqual({ a: "1", b: "2" });
  });

  test("removes what a process left behind that was killed, and nothing else", async () => {
    for (const name of ["state.0af3.tmp", "state.bak", "state.0af3.tmp.old", "other.0af3.tmp"]) {
      await writeFile(join(folder, name), "x");
    }
    await createFileStore(path).write([["a", "1"]]);
    const left = ["other.0af3.tmp", "state", "state.0af3.tmp.old", "state.bak"];
    expect((await readdir(folder)).sort()).toEqual(left);
  });

  test("refuses a write beyond maxBytes, and a file that is larger", async () => {
    const store = createFileStore(path, { maxBytes: 200 });
    await store.write([["a", "1"]]);
    await expect(store.write([["b", "x".repeat(200)]])).rejects.toMatchObject({
      code: "ERR_STORE_FULL",
      message: `Cannot write to file "${path}": it would have more than 200 bytes`,
    });
    expect(await rowsOf(store)).toEqual({ a: "1" });
    await createFileStore(path).write([["b", "x".repeat(200)]]);
    await expect(rowsOf(createFileStore(path, { maxBytes: 200 }))).rejects.toMatchObject({
      code: "ERR_STORE_FULL",
    });
  });

  test("a damaged file is refused, left as it is, and not written over", async () => {
    const store = createFileStore(path);
    await store.write([
      ["a", "1"],
      ["b", "ü\n"],
    ]);
    const whole = await readFile(path);
    const damaged: Buffer[] = [];
    for (let at = 0; at < whole.length; at++) {
      damaged.push(whole.subarray(0, at));
      const flipped = Buffer.from(whole);
      flipped[at] = (whole[at] ?? 0) ^ (1 << (at % 8));
      damaged.push(flipped);
    }
    for (const bytes of damaged) {
      await writeFile(path, bytes);
      const after = createFileStore(path);
      const error = { name: "SnapshotError", message: expect.stringContaining(path) };
      await expect(rowsOf(after)).rejects.toMatchObject(error);
      await expect(after.write([["c", "1"]])).rejects.toMatchObject(error);
      expect(await readFile(path)).toEqual(bytes);
    }
    const moved = createFileStore(path);
    await expect(rowsOf(moved)).rejects.toThrow();
    await rm(path);
    await moved.write([["c", "1"]]);
    expect(await rowsOf(createFileStore(path))).toEqual({ c: "1" });
  });

  test.each([
    ["a newer version", '{"kind":"telltale.state","v":2}\n', "ERR_SNAPSHOT_VERSION"],
    ["something else", '{"kind":"telltale.credit-ledger","v":1}\n', "ERR_SNAPSHOT_KIND"],
    ["a text", "hello\n", "ERR_SNAPSHOT_JSON"],
    ["no object", "[]\n", "ERR_SNAPSHOT_FORM"],
  ])("a file of %s is refused", async (_, head, code) => {
    await writeFile(path, `${head}{"rows":0,"crc32":0}\n`);
    await expect(rowsOf(createFileStore(path))).rejects.toMatchObject({ code });
  });

  test("reads what was written by version 1", async () => {
    const fixture = new URL("../fixtures/state-v1/state", import.meta.url);
    const golden = await readFile(fixture);
    await writeFile(path, golden);
    const rows = { "breaker:payments": '{"v":1}', "quota ü": "\n" };
    expect(await rowsOf(createFileStore(path))).toEqual(rows);
    await rm(path);
    await createFileStore(path).write(Object.entries(rows));
    expect(await readFile(path)).toEqual(golden);
  });

  test("can be closed while a write waits for another", async () => {
    const store = createFileStore(path);
    const written = [store.write([["a", "1"]]), store.write([["b", "2"]]), store.remove(["a"])];
    await store.close();
    await Promise.all(written);
    expect(await rowsOf(createFileStore(path))).toEqual({ b: "2" });
  });

  test.each([
    ["", {}, "Cannot create file store: path must be a string of 1 to 4096 characters"],
    [7, {}, "Cannot create file store: path must be a string, received 7"],
    ["x", { maxBytes: -1 }, "Cannot create file store: maxBytes must be a positive integer"],
    ["x", { maxbytes: 1 }, 'unknown option "maxbytes", did you mean "maxBytes"?'],
  ])("refuses %o with %o", (given, options, message) => {
    expect(() => createFileStore(given as string, options as object)).toThrow(message);
  });

  test("says so on a host without files", () => {
    vi.stubGlobal("process", undefined);
    try {
      expect(() => createFileStore("x")).toThrow(
        "Cannot create file store: the host must be Node, Deno or Bun",
      );
    } finally {
      vi.unstubAllGlobals();
    }
  });
});
