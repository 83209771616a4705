import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { declaredOptions } from "../../scripts/docs/declared-options.ts";
import { policiesPage } from "../../scripts/docs/policies-page.ts";

const root = new URL("../../", import.meta.url);
const page = readFileSync(new URL("docs/policies.md", root), "utf8");
/** The sources of what the page is about. */
const sources = ["src/policies/", "src/http/"].flatMap((folder) =>
  readdirSync(new URL(folder, root)).map((file) =>
    readFileSync(new URL(`${folder}${file}`, root), "utf8"),
  ),
);
const rows = [...page.matchAll(/^\| `(\w+)` \| .*? (?<!\\)\| (.*?) (?<!\\)\| .* \|$/gm)].map(
  ([, name = "", byDefault = ""]) => ({ name, byDefault }),
);

test("docs/policies.md is as the doc comments make it: npm run docs", () => {
  expect(page).toBe(policiesPage());
});

test("docs/policies.md has every option that an interface of the policies or of telltale/http declares", () => {
  const declared = sources.flatMap((source) =>
    [...source.matchAll(/^export interface (\w+Options)\b/gm)].flatMap(([, name = ""]) =>
      declaredOptions(source, name).map((option) => option.name),
    ),
  );
  expect(declared.length).toBeGreaterThan(50);
  expect(declared.filter((name) => !rows.some((row) => row.name === name))).toEqual([]);
});

const numbers = rows.filter(({ byDefault }) => /^[\d. ]+$/.test(byDefault));

test.each(numbers)(
  "docs/policies.md: the default of $name, $byDefault, is what the code has",
  ({ name, byDefault }) => {
    const digits = byDefault.replaceAll(" ", "_").replaceAll(".", "\\.");
    const constant = name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
    const assigned = new RegExp(`\\b(?:${name}|DEFAULT_${constant}) = ${digits}\\b`);
    expect(sources.some((source) => assigned.test(source))).toBe(true);
  },
);

test("docs/policies.md has the defaults that a user asks for", () => {
  const held = new Map(rows.map(({ name, byDefault }) => [name, byDefault]));
  expect(Object.fromEntries(held)).toMatchObject({
    attempts: "3",
    maxEntries: "1 000",
    storeLimitMs: "1 000",
    singleFlight: "`{ leaseMs: 10_000 }`",
    limitMs: "required",
    refusal: '`"throw"`',
  });
  expect(rows).toContainEqual({ name: "maxRetryAfterMs", byDefault: "30 000" });
});

describe("declaredOptions()", () => {
  const read = (...members: string[]) =>
    declaredOptions(
      ["export interface SomeOptions<V> extends Other {", ...members, "}"].join("\n"),
      "SomeOptions",
    );

  test("reads comments of one line and of several, types of several lines, and what is required", () => {
    expect(
      read(
        "  /** How many, of {@link things}. */",
        "  readonly limit: number;",
        "  /**",
        "   * A door:",
        "   * open or shut.",
        "   * @default one that is",
        "   * open",
        "   * @see https://example.com",
        "   */",
        "  readonly door?: {",
        "    readonly open: boolean;",
        "  } | undefined;",
        "  readonly ask?: (value: V) => boolean | undefined;",
        "  readonly other?: never;",
      ),
    ).toEqual([
      {
        name: "limit",
        type: "number",
        isRequired: true,
        meaning: "How many, of `things`.",
        byDefault: null,
      },
      {
        name: "door",
        type: "{ readonly open: boolean; }",
        isRequired: false,
        meaning: "A door: open or shut.",
        byDefault: "one that is open",
      },
      {
        name: "ask",
        type: "(value: V) => boolean | undefined",
        isRequired: false,
        meaning: null,
        byDefault: null,
      },
    ]);
  });

  test.each([
    ["  limit: number;"],
    ["  // a comment that is no doc comment", "  readonly limit: number;"],
    ["  readonly limit: number;", "  method(): void;"],
    ["  readonly limit: number,"],
    ["  /** One. */", "  // two", "  /** Three. */", "  readonly limit: number;"],
  ])("leaves nothing out that it cannot read: %s", (...members) => {
    expect(() => read(...members)).toThrow(
      "Cannot read the options SomeOptions: a member was expected at",
    );
  });

  test("says when there is no such interface", () => {
    expect(() => declaredOptions("interface OtherOptions {\n}", "SomeOptions")).toThrow(
      "no such interface",
    );
  });
});
