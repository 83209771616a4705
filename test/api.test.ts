import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { apiList } from "../scripts/docs/api-list.ts";

test("the public API is the checked-in list", async () => {
  const listed = readFileSync(new URL("api.txt", import.meta.url), "utf8");
  expect(await apiList()).toBe(listed);
});
