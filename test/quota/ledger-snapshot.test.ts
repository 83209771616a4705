import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { isSnapshotError } from "../../src/core/snapshot-error.ts";
import { CreditLedger } from "../../src/quota/credit-ledger.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { DAY_MS, DOLLAR, ledgerOf, PRICES, tiersOf, USD } from "../support/quota.ts";

const OPTIONS = {
  budgets: [{ name: "all", usdPerMonth: 10, hard: true }],
  limits: [{ provider: "other", requestsPerDay: 20 }],
};
const GOLDEN = new URL("../fixtures/quota-v1/credit-ledger.json", import.meta.url);

/** A ledger with everything that a snapshot can hold. */
function filled() {
  const made = ledgerOf(OPTIONS);
  const { ledger, clock } = made;
  ledger.record({ provider: "openai", model: "large", tokens: { input: 10, output: 3 } });
  ledger.record({ ...DOLLAR, usd: "8.25", id: "first" });
  clock.advance(DAY_MS / 2);
  ledger.record({ ...DOLLAR, id: "second" });
  const other = ledgerOf({ writer: "b" }, clock).ledger;
  other.record({ ...DOLLAR, usd: "0.001", id: "third" });
  ledger.merge(other.snapshot());
  return made;
}

const read = (ledger: CreditLedger) => ({
  rows: ledger
    .rows()
    ?.map((row) => JSON.stringify(row))
    .sort(),
  budgets: ledger.budgets(),
});

function restored(clock: FakeClock, snapshot: unknown) {
  const made = ledgerOf({ ...OPTIONS, writer: "restarted" }, clock);
  made.ledger.restore(snapshot);
  return made;
}

test("deserialize() makes the ledger that serialize() was of, and none of what cannot be used", () => {
  const { ledger, clock } = filled();
  const text = ledger.serialize();
  expect(text).toBe(JSON.stringify(ledger.snapshot()));
  const options = { ...OPTIONS, prices: PRICES, writer: "restarted", clock };
  const again = CreditLedger.deserialize(text, options);
  expect(again.known).toBe(true);
  expect(read(again)).toEqual(read(ledger));
  expect(() => CreditLedger.deserialize("{}", options)).toThrow(
    expect.objectContaining({ code: "ERR_SNAPSHOT_KIND" }),
  );
});

test("restore() of a snapshot continues the ledger: sums, budgets, ids, told tiers and limits", () => {
  const { ledger, clock, told } = filled();
  expect(tiersOf(told, "budget.threshold")).toEqual([0.8, 0.9]);
  const after = restored(clock, JSON.parse(JSON.stringify(ledger.snapshot())));
  expect(read(after.ledger)).toEqual(read(ledger));
  expect(after.told).toEqual([]);
  expect(after.ledger.record({ ...DOLLAR, id: "first" }).counted).toBe(false);
  expect(after.ledger.check({ ...DOLLAR, usd: 0, requests: 19 })?.reason).toBe("requests");
  expect(after.ledger.check({ ...DOLLAR, usd: 0, requests: 18 })).toBeNull();
  for (const one of [ledger, after.ledger]) one.record({ ...DOLLAR, usd: "0.25" });
  expect(read(after.ledger)).toEqual(read(ledger));
  expect(tiersOf(after.told, "budget.threshold")).toEqual([0.95]);
});

test("restore() takes the JSON text, twice without adding anything, and beside what was recorded meanwhile", () => {
  const { ledger, clock } = filled();
  const text = JSON.stringify(ledger.snapshot());
  const after = ledgerOf({ writer: "c" }, clock).ledger;
  after.record(DOLLAR);
  after.restore(text);
  after.restore(text);
  expect(after.spent()?.nano).toBe((ledger.spent()?.nano ?? 0) + USD);
});

test("restore() reads the snapshot of version 1 that is kept as a file", () => {
  const { ledger, clock } = filled();
  expect(read(restored(clock, readFileSync(GOLDEN, "utf8")).ledger)).toEqual(read(ledger));
  expect(`${JSON.stringify(ledger.snapshot(), null, 2)}\n`).toBe(readFileSync(GOLDEN, "utf8"));
});

test("restore() that fails leaves the ledger unknown, with what it had; one that does not makes it known", () => {
  const { ledger, clock } = filled();
  const after = restored(clock, ledger.snapshot());
  expect(() => after.ledger.restore({})).toThrow(
    'Cannot restore credit ledger: kind must be "telltale.credit-ledger"',
  );
  expect(after.ledger.known).toBe(false);
  expect(after.ledger.check(DOLLAR)?.reason).toBe("unknown");
  after.ledger.restore(ledger.snapshot());
  expect(read(after.ledger)).toEqual(read(ledger));
  expect(() => after.ledger.merge("{")).toThrow(
    "Cannot merge credit ledger: the snapshot must be JSON",
  );
  expect(after.ledger.known).toBe(true);
});

test.each<[string, object, string, string]>([
  ["another version", { v: 2 }, "ERR_SNAPSHOT_VERSION", "v"],
  ["another kind", { kind: "x" }, "ERR_SNAPSHOT_KIND", "kind"],
  ["another time zone", { timeZone: "Europe/Zurich" }, "ERR_SNAPSHOT_FORM", "timeZone"],
  ["writers that are no list", { writers: {} }, "ERR_SNAPSHOT_FORM", "writers"],
  ["a list without an end", { told: new Array(100_001) }, "ERR_SNAPSHOT_SIZE", "told"],
  [
    "a month of nonsense",
    { told: [{ budget: "all", month: "x" }] },
    "ERR_SNAPSHOT_FORM",
    "told[0].month",
  ],
])("restore() refuses %s and names the place", (_, change, code, path) => {
  const { ledger, clock } = filled();
  try {
    restored(clock, { ...ledger.snapshot(), ...change });
    expect.fail();
  } catch (error) {
    expect(isSnapshotError(error) && [error.code, error.path]).toEqual([code, path]);
  }
});

test("restore() refuses sums that together are no longer exact", () => {
  const { ledger, clock } = filled();
  const after = ledgerOf({ ...OPTIONS, writer: "c" }, clock).ledger;
  after.record({ ...DOLLAR, usd: "9007199.25474099" });
  expect(() => after.restore(ledger.snapshot())).toThrow("readable, and its sums exact");
  after.markKnown();
  expect(after.spent()?.nano).toBe(9_007_199_254_740_990);
});

/** Restores what is damaged: either it is refused with nothing of it taken in, or it could be read. */
function damageTester(clock: FakeClock): (damaged: unknown, name: string) => void {
  const fresh = () => ledgerOf({ ...OPTIONS, writer: "z" }, clock).ledger;
  let ledger = fresh();
  const before = read(ledger);
  return (damaged, name) => {
    try {
      ledger.restore(damaged);
    } catch (error) {
      ledger.markKnown();
      expect(isSnapshotError(error), `${name} ${error}`).toBe(true);
      expect(read(ledger), name).toEqual(before);
      return;
    }
    for (const { nano } of ledger.rows() ?? []) expect(Number.isSafeInteger(nano), name).toBe(true);
    ledger = fresh();
  };
}

test("restore() of a text with any byte flipped or cut neither crashes nor half-applies", () => {
  const { ledger, clock } = filled();
  const text = JSON.stringify(ledger.snapshot());
  const survive = damageTester(clock);
  for (let at = 0; at < text.length; at++) {
    const flipped = String.fromCharCode(text.charCodeAt(at) ^ (1 << (at % 7)));
    const texts = [
      text.slice(0, at),
      text.slice(0, at) + text.slice(at + 1),
      text.slice(0, at) + flipped + text.slice(at + 1),
    ];
    for (const damaged of texts) survive(damaged, damaged);
  }
});

const NASTY: readonly unknown[] = [
  null,
  undefined,
  true,
  "",
  "x",
  -1,
  0.5,
  1e308,
  Number.MAX_SAFE_INTEGER,
  Number.NaN,
  [],
  {},
  [[]],
  JSON.parse('{"__proto__":{"nano":1},"constructor":1}'),
  new Proxy(
    {},
    {
      get: () => {
        throw new Error("no");
      },
    },
  ),
];

test("restore() of a snapshot with any value swapped for another type neither crashes nor half-applies", () => {
  const { ledger, clock } = filled();
  const survive = damageTester(clock);
  const swap = (value: unknown, swapped: (inner: unknown) => unknown): void => {
    for (const [n, nasty] of NASTY.entries()) survive(swapped(nasty), `nasty ${n}`);
    if (typeof value !== "object" || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      swap(inner, (nasty) =>
        swapped(
          Array.isArray(value)
            ? value.map((one, n) => (String(n) === key ? nasty : one))
            : { ...value, [key]: nasty },
        ),
      );
    }
  };
  swap(JSON.parse(JSON.stringify(ledger.snapshot())), (whole) => whole);
});

test("CreditLedger.merge() of several writers equals the sum of distinct spends, whatever is lost and repeated", () => {
  const step = fc.record({
    from: fc.nat(2),
    to: fc.nat(2),
    spend: fc.nat(9),
    merge: fc.boolean(),
    crash: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const clock = new FakeClock();
      let made = 0;
      const fresh = () => ledgerOf({ ...OPTIONS, writer: `w${made++}` }, clock).ledger;
      const ledgers = [fresh(), fresh(), fresh()];
      const at = (n: number): CreditLedger => ledgers[n] ?? expect.fail();
      const send = (to: CreditLedger, spend: number) =>
        to.record({ ...DOLLAR, usd: spend + 1, id: `s${spend}` });
      const sent = new Set<number>();
      for (const { from, to, spend, merge, crash } of steps) {
        clock.advance(1_000);
        if (merge) at(to).merge(JSON.stringify(at(from).snapshot()));
        else if (crash) ledgers[to] = fresh();
        else {
          send(at(to), spend);
          sent.add(spend);
        }
      }
      // Nobody knows what came through before a crash, so all of it is sent again.
      for (const spend of sent) send(at(spend % 3), spend);
      for (let round = 0; round < 2; round++) {
        for (const one of ledgers) for (const two of ledgers) one.merge(two.snapshot());
      }
      const wanted = [...sent].reduce((sum, spend) => sum + (spend + 1) * USD, 0);
      for (const ledger of ledgers) {
        expect(ledger.spent()?.nano).toBe(wanted);
        expect(ledger.budgets()?.[0]?.spendNanoUsd).toBe(wanted);
      }
    }),
    { numRuns: 100 },
  );
});

test("merge() folds what a silent writer left, and keeps its sum", () => {
  const { ledger, clock } = filled();
  const after = restored(clock, ledger.snapshot()).ledger;
  clock.advance(2 * DAY_MS);
  const writers = after.snapshot().writers;
  expect(writers.map(({ name, entries }) => [name, entries.length])).toEqual([
    ["a", 0],
    ["b", 0],
  ]);
  expect(after.spent()).toEqual(ledger.spent());
});
