import fc from "fast-check";
import { expect, test } from "vitest";
import { SpendSet, type WriterState } from "../../src/quota/spend-set.ts";
import { NOTHING, type SpendTotals } from "../../src/quota/spend-totals.ts";

const spent = (nano: number): SpendTotals => ({
  nano,
  requests: 1,
  tokens: { ...NOTHING.tokens, input: nano * 2 },
});
const WINDOW = { durationMs: 1_000_000, entries: 1_000 };

/** What is written down when a writer persists, as a store would give it back. */
const stored = (set: SpendSet): ReadonlyMap<string, WriterState> =>
  new Map(
    [...set.states()].map(([name, { folded, rows, entries }]) => [
      name,
      { folded, rows: new Map(rows), entries: entries.map((entry) => ({ ...entry })) },
    ]),
  );

class Replica {
  set = new SpendSet(WINDOW);
  disk: ReadonlyMap<string, WriterState> = new Map();
  readonly #name: string;
  #incarnation = 0;

  constructor(name: string) {
    this.#name = name;
  }

  get writer(): string {
    return `${this.#name}${this.#incarnation}`;
  }

  persist(): void {
    this.disk = stored(this.set);
  }

  crash(): void {
    this.#incarnation++;
    this.set = new SpendSet(WINDOW);
    this.set.merge(this.disk);
  }
}

const REPLICAS = 3;
const SPENDS = 12;
const replica = fc.nat(REPLICAS - 1);
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("send" as const),
      to: replica,
      spend: fc.nat(SPENDS - 1),
      answered: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("merge" as const), from: replica, to: replica }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("crash" as const), at: replica }) },
);

test("SpendSet equals the sum of the distinct spends, whatever writers, crashes, lost replies and repeated sends do", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const replicas = Array.from({ length: REPLICAS }, (_, n) => new Replica("abc".charAt(n)));
      const at = (n: number): Replica => replicas[n] ?? expect.fail();
      const send = (to: Replica, spend: number) => {
        const row = `2026-11 p m${spend % 3}`;
        to.set.record(to.writer, {
          id: `spend-${spend}`,
          rows: [row],
          spent: spent(spend + 1),
          atMs: 0,
        });
      };
      const sent = new Set<number>();
      for (const next of steps) {
        if (next.kind === "send") {
          send(at(next.to), next.spend);
          sent.add(next.spend);
          // An acknowledged spend was stored first; one that was not may be stored or lost, and is sent again.
          if (next.answered) at(next.to).persist();
        } else if (next.kind === "merge") at(next.to).set.merge(stored(at(next.from).set));
        else at(next.at).crash();
      }
      // Callers repeat what was never acknowledged; where, is chance. A repetition that came through does no harm.
      for (const spend of sent) send(at(spend % REPLICAS), spend);
      for (let round = 0; round < 2; round++) {
        for (const from of replicas) for (const to of replicas) to.set.merge(stored(from.set));
      }
      const expected = new Map<string, number>();
      for (const spend of sent) {
        const row = `2026-11 p m${spend % 3}`;
        expected.set(row, (expected.get(row) ?? 0) + spend + 1);
      }
      for (const { set } of replicas) {
        const rows = [...set.rows()].map(([row, { nano, tokens }]) => [row, nano, tokens.input]);
        const wanted = [...expected].map(([row, nano]) => [row, nano, nano * 2]);
        expect(rows.sort()).toEqual(wanted.sort());
      }
    }),
    { numRuns: 2_000 },
  );
});

test("SpendSet.merge() is commutative, associative and idempotent", () => {
  const spends = fc.array(fc.tuple(fc.nat(5), fc.nat(20)), { maxLength: 15 });
  const of = (writer: string, given: readonly (readonly [number, number])[]) => {
    const set = new SpendSet({ durationMs: 1_000, entries: 4 });
    given.forEach(([id, nano], n) => {
      set.record(writer, {
        id: `${writer}-${id}-${n}`,
        rows: [`r${id % 2}`],
        spent: spent(nano),
        atMs: n,
      });
    });
    return stored(set);
  };
  const merged = (...states: ReadonlyMap<string, WriterState>[]) => {
    const set = new SpendSet(WINDOW);
    for (const state of states) set.merge(state);
    return { rows: [...set.rows()].sort(), states: [...stored(set)].sort() };
  };
  fc.assert(
    fc.property(spends, spends, spends, (one, two, three) => {
      const [a, b, c] = [of("a", one), of("b", two), of("c", three)];
      const all = merged(a, b, c);
      expect(merged(c, b, a)).toEqual(all);
      expect(merged(b, a, b, c, c)).toEqual(all);
      const ab = new SpendSet(WINDOW);
      ab.merge(a);
      ab.merge(b);
      expect(merged(c, stored(ab))).toEqual(all);
    }),
  );
});

test("SpendSet.record() tells a repeated send within the window, and no longer", () => {
  const set = new SpendSet({ durationMs: 1_000, entries: 100 });
  const spend = { id: "x", rows: ["r"], spent: spent(5) };
  expect(set.record("a", { ...spend, atMs: 0 })).toBe(true);
  expect(set.record("a", { ...spend, atMs: 999 })).toBe(false);
  expect(set.total("r").nano).toBe(5);
  expect(set.record("a", { ...spend, atMs: 1_000 })).toBe(true);
  expect(set.total("r").nano).toBe(10);
});

test("SpendSet keeps at most so many ids of a writer, and the sums of all", () => {
  const set = new SpendSet({ durationMs: 1_000_000, entries: 10 });
  for (let n = 0; n < 1_000; n++)
    set.record("a", { id: `${n}`, rows: ["r"], spent: spent(1), atMs: n });
  expect(set.total("r")).toEqual({
    nano: 1_000,
    requests: 1_000,
    tokens: { ...NOTHING.tokens, input: 2_000 },
  });
  const [state] = set.states().values();
  expect(state?.entries.length).toBe(10);
  expect(set.knows("999")).toBe(true);
  expect(set.knows("989")).toBe(false);
});

test("SpendSet.record() refuses a sum that is no longer exact, and changes nothing", () => {
  const set = new SpendSet(WINDOW);
  const record = (id: string, nano: number) =>
    set.record("a", { id, rows: ["r"], spent: { ...NOTHING, nano }, atMs: 0 });
  record("1", Number.MAX_SAFE_INTEGER);
  expect(() => record("2", 1)).toThrow("the sum of nano-USD must stay within 9007199254740991");
  expect(set.total("r").nano).toBe(Number.MAX_SAFE_INTEGER);
  expect(set.knows("2")).toBe(false);
});

test("SpendSet.prune() forgets what is over, and writers that have nothing left", () => {
  const set = new SpendSet(WINDOW);
  set.record("a", { id: null, rows: ["2026-10 p m"], spent: spent(1), atMs: 0 });
  set.record("b", { id: null, rows: ["2026-11 p m"], spent: spent(2), atMs: 0 });
  set.prune((row) => row < "2026-11");
  expect([...set.rows().keys()]).toEqual(["2026-11 p m"]);
  expect([...set.states().keys()]).toEqual(["b"]);
});
