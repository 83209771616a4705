import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { StateRow, StateStore, StoreCapabilities } from "../../src/state/index.ts";

/** A place where stores keep their rows. */
export interface StorePlace {
  /** Opens a store there; each call another one, as a process that comes after would. */
  open(): StateStore;
  /** Ends what the place needs. Every store that was opened is closed by then. */
  end(): Promise<void>;
}

/** A kind of store for the suite. */
export interface StoreEntry {
  readonly kind: string;
  readonly capabilities: StoreCapabilities;
  /** An empty place. */
  place(): Promise<StorePlace>;
}

/** All rows of a store, or those of some keys. */
export async function rowsOf(
  store: StateStore,
  keys?: Iterable<string>,
): Promise<Record<string, string>> {
  const rows: StateRow[] = [];
  for await (const row of store.load(keys)) rows.push(row);
  expect(new Set(rows.map(([key]) => key)).size).toBe(rows.length);
  return Object.fromEntries(rows);
}

const LONGEST_KEY = "k".repeat(1024);
const LARGEST_TEXT = "é".repeat(524_288);

/** Texts that a store must give back as they were. */
const ODD_TEXTS: Readonly<Record<string, string>> = {
  empty: "",
  lines: 'one\ntwo\r\n"three"\t\0',
  unicode: "ü 漢字 😀 \u2028 \uFEFF",
  bom: "\uFEFFfirst",
  json: JSON.stringify({ v: 1, nano: 9_007_199_254_740_991, text: '\\"' }),
};
const ODD_KEYS = [
  "a/b:c",
  "..",
  "ü 😀",
  "__proto__",
  "constructor",
  "*?[x]{y}",
  " ",
  "a\nb",
  "#%&",
];

/** What every store keeps to. */
export function storeSuite({ kind, capabilities, place: makePlace }: StoreEntry): void {
  describe(`a ${kind} store`, () => {
    let place: StorePlace;
    let opened: StateStore[];
    const open = (): StateStore => {
      const store = place.open();
      opened.push(store);
      return store;
    };
    beforeEach(async () => {
      place = await makePlace();
      opened = [];
    });
    afterEach(async () => {
      for (const store of opened) await store.close();
      await place.end();
    });

    test("says what it promises, and cannot be talked out of it", () => {
      const store = open();
      expect(store.capabilities).toEqual(capabilities);
      expect(Object.isFrozen(store.capabilities)).toBe(true);
      expect(store.name.length).toBeGreaterThan(0);
    });

    test("is empty at first, and gives rows back as they were", async () => {
      const store = open();
      expect(await rowsOf(store)).toEqual({});
      await store.write(Object.entries(ODD_TEXTS));
      expect(await rowsOf(store)).toEqual(ODD_TEXTS);
      expect(await rowsOf(open())).toEqual(ODD_TEXTS);
    });

    test("keeps rows under any key", async () => {
      const store = open();
      await store.write(ODD_KEYS.map((key) => [key, `of ${key}`]));
      const rows = await rowsOf(open());
      expect(Object.keys(rows).sort()).toEqual([...ODD_KEYS].sort());
      for (const key of ODD_KEYS) expect(rows[key]).toBe(`of ${key}`);
    });

    test("keeps the longest key and the largest text", async () => {
      const store = open();
      await store.write([[LONGEST_KEY, LARGEST_TEXT]]);
      expect((await rowsOf(open()))[LONGEST_KEY] === LARGEST_TEXT).toBe(true);
    });

    test("gives the rows of some keys, and leaves out those that are not there", async () => {
      const store = open();
      await store.write([
        ["a", "1"],
        ["b", "2"],
        ["c", "3"],
      ]);
      expect(await rowsOf(store, ["c", "a", "x", "a"])).toEqual({ a: "1", c: "3" });
      expect(await rowsOf(store, [])).toEqual({});
    });

    test("replaces rows, the last of the same key, and leaves the others", async () => {
      const store = open();
      await store.write([
        ["a", "1"],
        ["b", "2"],
      ]);
      await store.write([
        ["a", "3"],
        ["a", "4"],
      ]);
      expect(await rowsOf(store)).toEqual({ a: "4", b: "2" });
    });

    test("removes rows, and passes over keys without one", async () => {
      const store = open();
      await store.write([
        ["a", "1"],
        ["b", "2"],
      ]);
      await store.remove(["a", "x"]);
      expect(await rowsOf(open())).toEqual({ b: "2" });
      await store.write([]);
      await store.remove([]);
      expect(await rowsOf(open())).toEqual({ b: "2" });
    });

    test("takes iterables that can be walked once", async () => {
      const store = open();
      const row: StateRow = ["a", "1"];
      await store.write(new Set([row]).values());
      expect(await rowsOf(store, new Set(["a"]).values())).toEqual({ a: "1" });
      await store.remove(new Set(["a"]).values());
      expect(await rowsOf(store)).toEqual({});
    });

    test("keeps the order in which writes and removals were begun", async () => {
      const store = open();
      const ends: Promise<void>[] = [];
      for (let n = 1; n <= 20; n++) {
        ends.push(store.write([["a", `${n}`]]));
        ends.push(store.write([["gone", `${n}`]]));
        ends.push(store.remove(["gone"]));
      }
      await Promise.all(ends);
      expect(await rowsOf(open())).toEqual({ a: "20" });
    });

    test("keeps more than a thousand rows", async () => {
      const rows = Array.from(
        { length: 1_200 },
        (_, n): StateRow => [`breaker:${n}`, `{"n":${n}}`],
      );
      await open().write(rows);
      expect(await rowsOf(open())).toEqual(Object.fromEntries(rows));
    });

    test.each([
      { rows: [["", "x"]], error: /rows\[0\]\[0\] must be a string of 1 to 1024 bytes/ },
      {
        rows: [["k".repeat(1025), "x"]],
        error: /rows\[0\]\[0\] must be a string of 1 to 1024 bytes/,
      },
      {
        rows: [["é".repeat(513), "x"]],
        error: /rows\[0\]\[0\] must be a string of 1 to 1024 bytes/,
      },
      { rows: [["\ud800", "x"]], error: /rows\[0\]\[0\] must be a string without lone surr/ },
      { rows: [["b", "\udfff"]], error: /rows\[0\]\[1\] must be a string without lone surr/ },
      { rows: [["b", `${LARGEST_TEXT}.`]], error: /rows\[0\]\[1\] must be .* at most 1048576 byt/ },
      { rows: [["b", 7]], error: /rows\[0\]\[1\] must be a string, received 7/ },
      { rows: [[7, "b"]], error: /rows\[0\]\[0\] must be a string, received 7/ },
      { rows: ["ab"], error: /rows\[0\] must be a pair of key and text, received "ab"/ },
    ])("refuses a write of $error, the whole of it", async ({ rows, error }) => {
      const store = open();
      await store.write([["a", "1"]]);
      // What TypeScript would refuse, plain JavaScript would not.
      const given = [["a", "2"], ...rows] as unknown as StateRow[];
      const shifted = new RegExp(error.source.replace("rows\\[0\\]", "rows\\[1\\]"));
      await expect(store.write(given)).rejects.toThrow(shifted);
      expect(await rowsOf(open())).toEqual({ a: "1" });
    });

    test("refuses keys that no row can have", async () => {
      const store = open();
      await expect(store.remove([""])).rejects.toThrow(/keys\[0\] must be a string of 1 to 1024/);
      await expect(rowsOf(store, ["ok", ""])).rejects.toThrow(/keys\[1\] must be a string of 1 to/);
    });

    test("close() waits for what was begun, and refuses what comes after", async () => {
      const store = open();
      const written = store.write([["a", "1"]]);
      await store.close();
      await written;
      const closed = { name: "StoreError", code: "ERR_STORE_CLOSED" };
      await expect(store.write([["b", "2"]])).rejects.toMatchObject(closed);
      await expect(store.remove(["a"])).rejects.toMatchObject(closed);
      await expect(rowsOf(store)).rejects.toMatchObject(closed);
      await store.close();
      expect(await rowsOf(open())).toEqual({ a: "1" });
    });
  });
}
