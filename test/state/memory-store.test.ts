import { describe, expect, test } from "vitest";
import { createMemoryStore, isStoreError } from "../../src/state/index.ts";
import { rowsOf } from "./store-suite.ts";

describe("createMemoryStore", () => {
  test("holds no more than maxRows, and refuses a write beyond as a whole", async () => {
    const store = createMemoryStore({ maxRows: 2 });
    await store.write([["a", "1"]]);
    const more = store.write([
      ["a", "2"],
      ["b", "2"],
      ["c", "2"],
    ]);
    await expect(more).rejects.toMatchObject({
      code: "ERR_STORE_FULL",
      message: "Cannot write to memory: it holds at most 2 rows",
    });
    expect(isStoreError(await more.catch((error: unknown) => error))).toBe(true);
    expect(await rowsOf(store)).toEqual({ a: "1" });
    await store.write([
      ["a", "2"],
      ["b", "2"],
    ]);
    expect(await rowsOf(store)).toEqual({ a: "2", b: "2" });
  });

  test("says of itself what the option capabilities says, and the usual for the rest", () => {
    const { capabilities } = createMemoryStore({ capabilities: { mayOwnMoney: true } });
    expect(capabilities).toEqual({
      durable: false,
      consistent: true,
      atomic: true,
      mayOwnMoney: true,
    });
  });

  test.each([
    [{ maxRows: 0 }, "Cannot create memory store: maxRows must be a positive integer, received 0"],
    [{ rows: {} }, "Cannot create memory store: rows must be a Map, received an object"],
    [
      { capabilities: { durable: 1 } },
      "Cannot create memory store: capabilities.durable must be true or false, received 1",
    ],
    [
      { capabilities: { durabel: true } },
      'Cannot create memory store: unknown option "capabilities.durabel", did you mean "durable"?',
    ],
    [
      { maxrows: 1 },
      'Cannot create memory store: unknown option "maxrows", did you mean "maxRows"?',
    ],
  ])("refuses %o", (options, message) => {
    expect(() => createMemoryStore(options as object)).toThrow(message);
  });
});
