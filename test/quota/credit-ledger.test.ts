import { expect, test } from "vitest";
import { CreditLedger } from "../../src/quota/credit-ledger.ts";
import type { Spend } from "../../src/quota/spend-input.ts";
import { NOTHING } from "../../src/quota/spend-totals.ts";
import { FakeClock, START_AT_MS } from "../support/fake-clock.ts";
import { DAY_MS, DOLLAR, ledgerOf, PRICES, tiersOf, USD } from "../support/quota.ts";

test("record() keeps money, requests and tokens by provider and model", () => {
  const { ledger } = ledgerOf();
  const first = ledger.record({
    provider: "openai",
    model: "large",
    tokens: { input: 1_000, output: 500 },
  });
  expect(first).toEqual({ counted: true, nanoUsd: 16_000_000, priced: true });
  ledger.record({ provider: "openai", model: "small", tokens: { cachedInput: 4 }, requests: 2 });
  expect(ledger.spent()).toEqual({
    nano: 16_000_300,
    requests: 3,
    tokens: { input: 1_000, output: 500, cachedInput: 4, cacheWrite: 0 },
  });
  expect(ledger.spent({ provider: "openai", model: "small" })?.nano).toBe(300);
  expect(ledger.spent({ provider: "other" })).toEqual(NOTHING);
  expect(ledger.rows()?.map(({ model, nano }) => [model, nano])).toEqual([
    ["large", 16_000_000],
    ["small", 300],
  ]);
});

test("trap 54: record() of a million calls that cost $0.0000003 records $0.30", () => {
  const { ledger } = ledgerOf();
  const call = { provider: "openai", model: "small", tokens: { input: 4 } };
  for (let n = 0; n < 1_000_000; n++) ledger.record(call);
  expect(ledger.spent()?.nano).toBe(0.3 * USD);
});

test("trap 56: record() counts a spend that is sent again after a lost reply once", () => {
  const { ledger, clock } = ledgerOf({ idWindowMs: 1_000 });
  expect(ledger.record({ ...DOLLAR, id: "r1" }).counted).toBe(true);
  clock.advance(999);
  expect(ledger.record({ ...DOLLAR, id: "r1" })).toEqual({
    counted: false,
    nanoUsd: USD,
    priced: true,
  });
  expect(ledger.spent()?.nano).toBe(USD);
  clock.advance(1);
  expect(ledger.record({ ...DOLLAR, id: "r1" }).counted).toBe(true);
});

test("record() keeps the window of an id by when it was recorded, not by when it was spent", () => {
  const { ledger } = ledgerOf();
  const spend = { ...DOLLAR, id: "late", atMs: START_AT_MS - 40 * DAY_MS };
  ledger.record(spend);
  expect(ledger.record(spend).counted).toBe(false);
  expect(ledger.spent({ month: "2025-11" })?.nano).toBe(USD);
  expect(ledger.spent()?.nano).toBe(0);
});

test("idLimit: record() forgets the oldest ids", () => {
  const { ledger } = ledgerOf({ idLimit: 2 });
  for (const id of ["1", "2", "3"]) ledger.record({ ...DOLLAR, id });
  expect(ledger.record({ ...DOLLAR, id: "3" }).counted).toBe(false);
  expect(ledger.record({ ...DOLLAR, id: "1" }).counted).toBe(true);
});

test("record() takes the caller's amount over the price table, and the price of the moment", () => {
  const prices = {
    p: {
      m: [{ perRequest: 1 }, { fromMs: START_AT_MS, perRequest: 2 }],
    },
  };
  const { ledger } = ledgerOf({ prices });
  const use = { provider: "p", model: "m" };
  expect(ledger.record({ ...use, usd: "0.25" }).nanoUsd).toBe(0.25 * USD);
  expect(ledger.record(use).nanoUsd).toBe(2 * USD);
  expect(ledger.record({ ...use, atMs: START_AT_MS - 1 }).nanoUsd).toBe(USD);
});

test("record() of a model without a price counts its tokens, and tells it once a month", () => {
  const { ledger, clock, told } = ledgerOf();
  const use = { provider: "openai", model: "new", tokens: { input: 5 } };
  expect(ledger.record(use)).toEqual({ counted: true, nanoUsd: 0, priced: false });
  ledger.record(use);
  expect(ledger.spent()?.tokens.input).toBe(10);
  expect(told).toEqual([
    {
      type: "budget.unpriced",
      v: 1,
      instance: "api-1",
      atMs: START_AT_MS,
      provider: "openai",
      model: "new",
      month: "2026-01",
    },
  ]);
  clock.advance(31 * DAY_MS);
  ledger.record(use);
  expect(told.length).toBe(2);
});

test("thresholds: budget.threshold is told once for each tier and month", () => {
  const { ledger, clock, told } = ledgerOf({
    budgets: [{ name: "all", usdPerMonth: 10 }],
    depletionDays: [],
  });
  for (let n = 0; n < 12; n++) ledger.record(DOLLAR);
  expect(tiersOf(told, "budget.threshold")).toEqual([0.8, 0.9, 0.95]);
  expect(told[0]).toEqual({
    type: "budget.threshold",
    v: 1,
    instance: "api-1",
    atMs: START_AT_MS,
    budget: "all",
    month: "2026-01",
    tier: 0.8,
    spendNanoUsd: 8 * USD,
    budgetNanoUsd: 10 * USD,
  });
  clock.advance(31 * DAY_MS);
  for (let n = 0; n < 8; n++) ledger.record(DOLLAR);
  expect(tiersOf(told, "budget.threshold")).toEqual([0.8, 0.9, 0.95, 0.8]);
});

test("thresholds are the caller's, and a wall clock that steps back over a month tells none twice", () => {
  const clock = new FakeClock();
  clock.jumpWall(-1_000);
  const { ledger, told } = ledgerOf(
    { budgets: [{ name: "all", usdPerMonth: 10 }], thresholds: [0.5], depletionDays: [] },
    clock,
  );
  for (let n = 0; n < 5; n++) ledger.record(DOLLAR);
  clock.advance(1_000);
  ledger.record(DOLLAR);
  clock.jumpWall(-1_000);
  ledger.record(DOLLAR);
  expect(tiersOf(told, "budget.threshold")).toEqual([0.5]);
  expect(ledger.spent({ month: "2025-12" })?.nano).toBe(6 * USD);
});

test("budgets cover a model, a provider or everything", () => {
  const { ledger } = ledgerOf({
    budgets: [
      { name: "all", usdPerMonth: 100 },
      { name: "openai", provider: "openai", usdPerMonth: 100 },
      { name: "large", provider: "openai", model: "large", usdPerMonth: "100.5" },
    ],
  });
  ledger.record(DOLLAR);
  ledger.record({ provider: "openai", model: "large", usd: 2 });
  ledger.record({ provider: "openai", model: "small", usd: 4 });
  expect(ledger.budgets()?.map(({ name, spendNanoUsd }) => [name, spendNanoUsd / USD])).toEqual([
    ["all", 7],
    ["openai", 6],
    ["large", 2],
  ]);
});

test("budget.depletion is told at 7, 3 and 1 days, each once, at the mean rate of a week", () => {
  const { ledger, clock, told } = ledgerOf({ budgets: [{ name: "all", usdPerMonth: 20 }] });
  // A dollar a day: after n days n are spent, and 20 - n days are left.
  for (let day = 0; day < 20; day++) {
    ledger.record(DOLLAR);
    ledger.record({ ...DOLLAR, usd: 0 });
    clock.advance(DAY_MS);
  }
  expect(tiersOf(told, "budget.depletion")).toEqual([7, 3, 1]);
  const first = told.find(({ type }) => type === "budget.depletion");
  expect(first).toMatchObject({
    budget: "all",
    month: "2026-01",
    tier: 7,
    budgetNanoUsd: 20 * USD,
  });
});

test("burn rate and depletion: budgets() forecasts when a budget runs out, or that it does not this month", () => {
  const { ledger, clock } = ledgerOf({ budgets: [{ name: "all", usdPerMonth: 10 }] });
  const status = () => ledger.budgets()?.[0] ?? expect.fail();
  expect(status().depletesAtMs).toBeNull();
  ledger.record({ ...DOLLAR, usd: 2 });
  clock.advance(2 * DAY_MS);
  expect(status().burnNanoUsdPerDay).toBe(USD);
  expect(status().depletesAtMs).toBe(START_AT_MS + 10 * DAY_MS);
  clock.advance(12 * DAY_MS);
  expect(status().burnNanoUsdPerDay).toBe(0);
  expect(status().depletesAtMs).toBeNull();
  ledger.record({ ...DOLLAR, usd: 8 });
  expect(status().depletesAtMs).toBe(clock.epochMs());
});

test("timeZone: months and days are those of the zone, across a change of its clocks", () => {
  const clock = new FakeClock();
  clock.jumpWall(Date.UTC(2026, 9, 31, 22, 59, 59) - START_AT_MS);
  const { ledger } = ledgerOf({ timeZone: "Europe/Zurich" }, clock);
  ledger.record(DOLLAR);
  clock.advance(1_000);
  ledger.record({ ...DOLLAR, usd: 2 });
  expect(ledger.spent({ month: "2026-10" })?.nano).toBe(USD);
  expect(ledger.spent({ month: "2026-11" })?.nano).toBe(2 * USD);
  expect(ledger.spent()?.nano).toBe(2 * USD);
});

test("keepMonths: older months are forgotten", () => {
  const { ledger, clock } = ledgerOf({ keepMonths: 1 });
  ledger.record(DOLLAR);
  clock.advance(31 * DAY_MS);
  ledger.record(DOLLAR);
  expect(ledger.spent({ month: "2026-01" })?.nano).toBe(USD);
  clock.advance(28 * DAY_MS);
  ledger.record(DOLLAR);
  expect(ledger.spent({ month: "2026-01" })?.nano).toBe(0);
  expect(ledger.spent({ month: "2026-02" })?.nano).toBe(USD);
});

test("hard: reserve() refuses what would exceed a hard budget, with what is reserved already", () => {
  const { ledger, clock } = ledgerOf({ budgets: [{ name: "all", usdPerMonth: 2, hard: true }] });
  const first = ledger.reserve(DOLLAR);
  const second = ledger.reserve(DOLLAR);
  expect([first.ok, second.ok]).toEqual([true, true]);
  expect(ledger.budgets()?.[0]?.reservedNanoUsd).toBe(2 * USD);
  // Only reservations stand in the way: nobody knows when they end.
  const refused = { ok: false, reason: "budget", budget: "all", retryAfterMs: null };
  expect(ledger.reserve(DOLLAR)).toEqual(refused);
  expect(ledger.check(DOLLAR)).toEqual(refused);
  if (second.ok) second.release();
  expect(ledger.check(DOLLAR)).toBeNull();
  if (!first.ok) expect.fail();
  else expect(first.commit({ usd: 2, id: "1" })).toMatchObject({ counted: true, nanoUsd: 2 * USD });
  expect(ledger.budgets()?.[0]).toMatchObject({ spendNanoUsd: 2 * USD, reservedNanoUsd: 0 });
  clock.advance(DAY_MS);
  expect(ledger.check(DOLLAR)).toEqual({ ...refused, retryAfterMs: 30 * DAY_MS });
});

test("hard: a budget that is not hard refuses nothing", () => {
  const { ledger } = ledgerOf({ budgets: [{ name: "all", usdPerMonth: 1 }] });
  ledger.record({ ...DOLLAR, usd: 5 });
  expect(ledger.reserve(DOLLAR).ok).toBe(true);
});

test("reserve() refuses a model without a price under a hard budget", () => {
  const { ledger } = ledgerOf({ budgets: [{ name: "all", usdPerMonth: 1, hard: true }] });
  const use = { provider: "openai", model: "new" };
  expect(ledger.check(use)).toEqual({
    ok: false,
    reason: "unpriced",
    budget: "all",
    retryAfterMs: null,
  });
  expect(ledger.check({ ...use, usd: "0.5" })).toBeNull();
});

test("Reservation.commit() records once; its estimate is held when it is given nonsense", () => {
  const { ledger } = ledgerOf({ budgets: [{ name: "all", usdPerMonth: 1, hard: true }] });
  const held = ledger.reserve(DOLLAR);
  if (!held.ok) return expect.fail();
  expect(() => held.commit({ requests: -1 })).toThrow(
    "Cannot record spend: requests must be a whole number, 0 or more, received -1",
  );
  expect(ledger.budgets()?.[0]?.reservedNanoUsd).toBe(USD);
  expect(held.commit({}).counted).toBe(true);
  expect(held.commit({}).counted).toBe(false);
  expect(ledger.spent()?.nano).toBe(USD);
});

test("reservationMs: an estimate is given back when its time is over, and a late commit counts", () => {
  const { ledger, clock } = ledgerOf({
    budgets: [{ name: "all", usdPerMonth: 1, hard: true }],
    reservationMs: 1_000,
  });
  const held = ledger.reserve(DOLLAR);
  clock.advance(999);
  expect(ledger.check(DOLLAR)?.reason).toBe("budget");
  clock.advance(1);
  expect(ledger.check(DOLLAR)).toBeNull();
  if (held.ok) held.commit({});
  expect(ledger.spent()?.nano).toBe(USD);
});

test("limits: check() refuses requests and tokens over a minute or a day, and says when they fit", () => {
  const { ledger, clock } = ledgerOf({
    limits: [
      { provider: "openai", requestsPerMinute: 2, tokensPerDay: 100 },
      { provider: "openai", model: "small", tokensPerMinute: 10 },
    ],
  });
  const large = { provider: "openai", model: "large", tokens: { input: 30 } };
  const small = { provider: "openai", model: "small", tokens: { output: 6 } };
  ledger.record(small);
  expect(ledger.check(small)).toMatchObject({ reason: "tokens", retryAfterMs: 60_000 });
  const held = ledger.reserve(large);
  expect(held.ok).toBe(true);
  expect(ledger.check(large)?.reason).toBe("requests");
  if (held.ok) held.commit({ tokens: { input: 80 } });
  expect(ledger.check(large)?.reason).toBe("requests");
  clock.advance(60_000);
  expect(ledger.check(small)).toBeNull();
  expect(ledger.check(large)).toMatchObject({ reason: "tokens" });
  clock.advance(DAY_MS);
  expect(ledger.check(large)).toBeNull();
  expect(ledger.check({ ...large, tokens: { input: 101 } })).toMatchObject({
    reason: "tokens",
    retryAfterMs: null,
  });
  expect(ledger.check(DOLLAR)).toBeNull();
});

test("onUnknown: a ledger that cannot be read is unknown, never zero", () => {
  for (const onUnknown of ["block", "allow"] as const) {
    const { ledger } = ledgerOf({ onUnknown, budgets: [{ name: "all", usdPerMonth: 1 }] });
    ledger.markUnknown();
    expect(ledger.known).toBe(false);
    ledger.record(DOLLAR);
    expect([ledger.spent(), ledger.rows(), ledger.budgets()]).toEqual([null, null, null]);
    const refused = { ok: false, reason: "unknown", budget: null, retryAfterMs: null };
    expect(ledger.check(DOLLAR)).toEqual(onUnknown === "block" ? refused : null);
    ledger.markKnown();
    expect(ledger.spent()?.nano).toBe(USD);
    expect(ledger.check(DOLLAR)).toBeNull();
  }
});

test("record() refuses a sum that is no longer exact, and records nothing of it", () => {
  const { ledger } = ledgerOf();
  ledger.record({ ...DOLLAR, usd: "9007199.254740991" });
  expect(() => ledger.record({ ...DOLLAR, usd: "0.000000001", id: "x" })).toThrow(RangeError);
  expect(ledger.spent()?.nano).toBe(Number.MAX_SAFE_INTEGER);
});

test("a bus that throws disturbs no spend", () => {
  const bus = {
    emit: () => {
      throw new Error("full");
    },
    on: () => () => undefined,
    has: () => true,
  };
  const { ledger } = ledgerOf({ bus, budgets: [{ name: "all", usdPerMonth: 1 }] });
  expect(ledger.record(DOLLAR).counted).toBe(true);
});

test("random names the writer of a ledger that was given no name", () => {
  const clock = new FakeClock();
  const ledger = new CreditLedger({ prices: PRICES, clock, random: () => 0.5 });
  ledger.record(DOLLAR);
  expect(ledger.snapshot().writers.map(({ name }) => name)).toEqual(["hra0hs-hra0hs"]);
});

test.each<[string, unknown, string]>([
  ["no provider", { model: "m" }, "provider must be a string, received undefined"],
  ["an unknown key", { ...DOLLAR, token: {} }, 'unknown option "token"'],
  ["an unknown kind", { ...DOLLAR, tokens: { inputs: 1 } }, 'unknown option "tokens.inputs"'],
  ["half a token", { ...DOLLAR, tokens: { input: 0.5 } }, "tokens.input must be a whole number"],
  ["a negative amount", { ...DOLLAR, usd: -1 }, "usd must be an amount of USD"],
  ["an empty id", { ...DOLLAR, id: "" }, "id must be a string of 1 to 256 characters"],
  ["no moment", { ...DOLLAR, atMs: Number.NaN }, "atMs must be a moment in epoch milliseconds"],
  ["a NUL", { ...DOLLAR, model: "a\u0000b" }, "model must be a string without NUL"],
])("record() refuses %s", (_, spend, message) => {
  const { ledger } = ledgerOf();
  // A caller without types may pass anything.
  expect(() => ledger.record(spend as Spend)).toThrow(message);
  expect(ledger.spent()).toEqual(NOTHING);
});

test.each<[string, object, string]>([
  ["an unknown option", { budget: [] }, 'unknown option "budget"'],
  ["a word", { onUnknown: "ignore" }, 'onUnknown must be "block" or "allow"'],
  ["a time zone", { timeZone: "Mars" }, "timeZone must be a time zone that this host knows"],
  ["tiers that fall", { thresholds: [0.9, 0.8] }, "thresholds must be up to 20 positive numbers"],
  ["days that rise", { depletionDays: [1, 3] }, "depletionDays must be up to 20 positive numbers"],
  ["a budget of 0", { budgets: [{ name: "a", usdPerMonth: 0 }] }, "budgets[0].usdPerMonth"],
  [
    "two budgets of one name",
    {
      budgets: [
        { name: "a", usdPerMonth: 1 },
        { name: "a", usdPerMonth: 1 },
      ],
    },
    "budgets[1].name must be unique in the ledger",
  ],
  [
    "a model without its provider",
    { budgets: [{ name: "a", model: "m", usdPerMonth: 1 }] },
    "budgets[0].provider must be given where a model is",
  ],
  ["a limit of nothing", { limits: [{ provider: "p" }] }, "limits[0] must be an object with"],
  ["a clock", { clock: {} }, "clock.epochMs must be a function"],
  ["a writer", { writer: "" }, "writer must be a string of 1 to 256 characters"],
])("CreditLedger refuses %s", (_, options, message) => {
  expect(() => ledgerOf(options)).toThrow(`Cannot create credit ledger: ${message}`);
});
