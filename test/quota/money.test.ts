import fc from "fast-check";
import { expect, test } from "vitest";
import { Check } from "../../src/events/check.ts";
import { Calendar } from "../../src/quota/calendar.ts";
import { formatUsd, nanoUsd } from "../../src/quota/nano-usd.ts";
import { Prices } from "../../src/quota/price-table.ts";

const check = new Check("keep a ledger");
const read = (value: unknown) => nanoUsd(check, "amount", value);

test("nanoUsd() reads an amount exactly, from text or a number", () => {
  expect(read("0.075")).toBe(75_000_000);
  expect(read(0.075)).toBe(75_000_000);
  expect(read("0.000000001")).toBe(1);
  expect(read(1e-9)).toBe(1);
  expect(read(0.0000003)).toBe(300);
  expect(read("9007199.254740991")).toBe(Number.MAX_SAFE_INTEGER);
  expect(read(0)).toBe(0);
});

test.each([
  ["-1"],
  ["1e3"],
  ["1."],
  [".5"],
  ["0.0000000001"],
  ["9007199.254740992"],
  [-1],
  [Number.NaN],
  [Number.POSITIVE_INFINITY],
  [1e21],
  [""],
  [" 1"],
])("nanoUsd() refuses %o", (value) => {
  expect(() => read(value)).toThrow(RangeError);
});

test("formatUsd() writes what nanoUsd() reads", () => {
  fc.assert(
    fc.property(fc.nat(Number.MAX_SAFE_INTEGER), (nano) => {
      expect(read(formatUsd(nano))).toBe(nano);
    }),
  );
  expect(formatUsd(75_000_000)).toBe("0.075");
  expect(formatUsd(-1)).toBe("-0.000000001");
});

test("Prices.cost() is exact to half a nano-USD, however many tokens", () => {
  const amount = fc.integer({ min: 0, max: 10_000 * 1_000_000_000 });
  fc.assert(
    fc.property(fc.nat(2_000_000_000), amount, (tokens, nano) => {
      const prices = new Prices(check, { p: { m: { perMillion: { input: formatUsd(nano) } } } });
      const cost = () => prices.cost("p", "m", { tokens: { input: tokens }, requests: 1 }, 0);
      const exact = (BigInt(tokens) * BigInt(nano) * 2n + 1_000_000n) / 2_000_000n;
      if (exact > BigInt(Number.MAX_SAFE_INTEGER)) expect(cost).toThrow(RangeError);
      else expect(BigInt(cost() ?? -1)).toBe(exact);
    }),
  );
});

test("trap 54: a million calls of 4 tokens at $0.075 a million cost $0.30", () => {
  const prices = new Prices(check, { p: { m: { perMillion: { input: "0.075" } } } });
  const cost = prices.cost("p", "m", { tokens: { input: 4 }, requests: 1 }, 0);
  expect(formatUsd((cost ?? 0) * 1_000_000)).toBe("0.3");
});

test("Prices.cost() takes the price of the day, and of the wildcard for models that are not named", () => {
  const prices = new Prices(check, {
    p: {
      "*": { perRequest: "0.01" },
      m: [
        { perMillion: { input: 2, output: 8 } },
        { fromMs: 1000, perMillion: { input: 1, output: 4, cachedInput: "0.1" } },
      ],
    },
  });
  const used = {
    tokens: { input: 1_000_000, output: 500_000, cachedInput: 1_000_000 },
    requests: 1,
  };
  expect(formatUsd(prices.cost("p", "m", used, 999) ?? -1)).toBe("8");
  expect(formatUsd(prices.cost("p", "m", used, 1000) ?? -1)).toBe("3.1");
  expect(formatUsd(prices.cost("p", "other", used, 0) ?? -1)).toBe("0.01");
  expect(prices.cost("q", "m", used, 0)).toBeUndefined();
});

test.each<[string, unknown, string]>([
  ["no object", [], "prices must be an object"],
  ["an unknown key", { p: { m: { perMillions: {} } } }, 'unknown option "prices.p.m.perMillions"'],
  [
    "an unknown kind",
    { p: { m: { perMillion: { outputs: 1 } } } },
    'unknown option "prices.p.m.perMillion.outputs"',
  ],
  [
    "a negative price",
    { p: { m: { perRequest: "-1" } } },
    "prices.p.m.perRequest must be an amount of USD",
  ],
  ["an empty list", { p: { m: [] } }, "prices.p.m must be a price or a list of at least one"],
  ["a wrong moment", { p: { m: { fromMs: "today" } } }, "prices.p.m.fromMs must be a moment"],
])("Prices refuses %s and names the field", (_, table, message) => {
  // A caller without types may pass anything.
  expect(() => new Prices(check, table as never)).toThrow(message);
});

test.each([
  "UTC",
  "Europe/Zurich",
  "America/New_York",
  "Pacific/Kiritimati",
  "Pacific/Apia",
  "Asia/Kathmandu",
])("Calendar gives spans of %s that follow each other without gaps", (timeZone) => {
  const atMs = fc.integer({ min: Date.UTC(1990, 0), max: Date.UTC(2050, 0) });
  fc.assert(
    fc.property(atMs, (ms) => {
      const calendar = new Calendar(check, timeZone);
      for (const span of ["month", "day"] as const) {
        const { key, fromMs, untilMs } = calendar[span](ms);
        expect(fromMs <= ms && ms < untilMs).toBe(true);
        expect(calendar[span](fromMs).key).toBe(key);
        expect(calendar[span](untilMs - 1).key).toBe(key);
        const next = calendar[span](untilMs);
        expect(next.fromMs).toBe(untilMs);
        expect(next.key > key).toBe(true);
      }
    }),
    { numRuns: 60 },
  );
});

test("Calendar knows the months of a time zone, and days that are 23 and 25 hours long", () => {
  const zurich = new Calendar(check, "Europe/Zurich");
  expect(zurich.month(Date.UTC(2026, 9, 31, 23))).toEqual({
    key: "2026-11",
    fromMs: Date.UTC(2026, 9, 31, 23),
    untilMs: Date.UTC(2026, 10, 30, 23),
  });
  const hours = ({ fromMs, untilMs }: { fromMs: number; untilMs: number }) =>
    (untilMs - fromMs) / 3_600_000;
  expect(hours(zurich.day(Date.UTC(2026, 2, 29, 12)))).toBe(23);
  expect(hours(zurich.day(Date.UTC(2026, 9, 25, 12)))).toBe(25);
  expect(() => new Calendar(check, "Europe/Zuerich")).toThrow(
    'timeZone must be a time zone that this host knows, such as UTC or Europe/Zurich, received "Europe/Zuerich"',
  );
});
