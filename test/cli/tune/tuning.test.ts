import { expect, test } from "vitest";
import { type Figures, NO_FIGURES } from "../../../src/cli/tune/figures.ts";
import { tuningText } from "../../../src/cli/tune/render-tuning.ts";
import type { Outcome } from "../../../src/cli/tune/replay-all.ts";
import { scatterData } from "../../../src/cli/tune/scatter-data.ts";
import { scatterText } from "../../../src/cli/tune/scatter-text.ts";
import { USUAL } from "../../../src/cli/tune/setting.ts";
import { type Tuning, tuningOf } from "../../../src/cli/tune/tuning.ts";
import { gainText, rowsOf } from "../../../src/cli/tune/tuning-wording.ts";

/** The costs of one replay: bad calls let through, good calls refused. */
type Costs = readonly [badPassed: number, goodRefused: number];

/** The costs of a setting in the recorded outage, by each assumption, and with other luck. */
interface Case {
  readonly likely: Costs;
  readonly better?: Costs;
  readonly worse?: Costs;
  readonly varied?: readonly Costs[];
}

const figures = ([badPassed, goodRefused]: Costs): Figures => ({
  ...{ ...NO_FIGURES, badPassed, goodRefused, refused: goodRefused, incidents: 1 },
  recovery: { count: 1, sumMs: goodRefused, maxMs: goodRefused },
});

const outcome = ({ likely, better = likely, worse = likely }: Case): Outcome => ({
  ...{ likely: figures(likely), better: figures(better), worse: figures(worse) },
});

/** The first case is today's. */
function tuned(cases: readonly Case[], weight = 1): Tuning {
  const variations = new Map(
    cases.map(({ likely, varied = [likely] }, place) => [
      place,
      varied.map((costs) => outcome({ likely: costs })),
    ]),
  );
  return tuningOf(
    {
      recording: {
        ...{ breaker: "payments", facts: null, processes: 1, calls: 1_000, unknown: 0, silent: 0 },
        counts: { lines: 1_000, used: 1_000, ignored: 0, damaged: 0, overlong: 0 },
        ...{ fromAtMs: 0, toAtMs: 60_000, doubts: [] },
      },
      settings: cases.map((_, at) => ({ ...USUAL, failureThreshold: at + 1 })),
      outcomes: cases.map(outcome),
      ...{ variations, todayAt: 0, slowMs: Number.POSITIVE_INFINITY, weight },
    },
    ["a caveat"],
  );
}

const thresholdOf = ({ best }: Tuning): number | null => best.setting.failureThreshold;

test("tuningOf() calls the lowest cost best that is to be expected, not the one that was lucky", () => {
  const lucky = {
    likely: [10, 0],
    varied: [
      [10, 500],
      [10, 400],
    ],
  } as const;
  const steady = {
    likely: [10, 100],
    varied: [
      [10, 90],
      [10, 110],
    ],
  } as const;
  const tuning = tuned([{ likely: [100, 300] }, lucky, steady]);
  expect(thresholdOf(tuning)).toBe(3);
  expect(tuning.front.map(({ setting }) => setting.failureThreshold)).toEqual([2]);
  // It is shown all the same.
  expect(rowsOf(tuning).rows.map(({ label }) => label)).toEqual(["today", "", "best"]);
});

test("tuningOf() weighs what a good call refused costs", () => {
  const cases = [{ likely: [100, 100] }, { likely: [20, 150] }, { likely: [150, 20] }] as const;
  expect(thresholdOf(tuned(cases, 0.5))).toBe(2);
  expect(thresholdOf(tuned(cases, 5))).toBe(3);
  expect(tuningText(tuned(cases, 5))).toContain(
    "a good call refused is 5 times as bad as a bad one let through.",
  );
});

test("tuningOf() leaves today's where nothing is better, and says so", () => {
  const tuning = tuned([{ likely: [10, 10] }, { likely: [10, 10] }, { likely: [0, 40] }]);
  expect(thresholdOf(tuning)).toBe(1);
  expect(tuning.best).toBe(tuning.today);
  expect(tuning.today.alike).toBe(2);
  expect(gainText(tuning)).toBe(
    "No setting that was tried is to be expected to cost less than today's.",
  );
  expect(scatterText(tuning)).toContain("X today and best");
  expect(rowsOf(tuning).rows.map(({ label }) => label)).toEqual(["", "best, today"]);
});

test.each<[string, Case, string, boolean]>([
  ["yes", { likely: [10, 10] }, "whatever would have become", false],
  ["open", { likely: [10, 10], worse: [2_000, 10] }, "by another assumption", true],
  [
    "none",
    {
      likely: [1_200, 900],
      varied: [
        [0, 0],
        [0, 0],
      ],
    },
    "which was luck",
    true,
  ],
])("gainText() says how sure the gain is: %s", (holds, best, text, mayReverse) => {
  const tuning = tuned([{ likely: [1_000, 1_000] }, best]);
  expect(thresholdOf(tuning)).toBe(2);
  expect(tuning.gain).toMatchObject({ holds, mayReverse });
  expect(gainText(tuning)).toContain(text);
  expect(gainText(tuning)).toContain(mayReverse ? "chance may still" : "as well");
});

test("rowsOf() chooses among a long front, and keeps its ends, today's and the best", () => {
  const cases = Array.from({ length: 100 }, (_, n): Case => ({ likely: [n + 1, 200 - 2 * n] }));
  const tuning = tuned([{ likely: [500, 500] }, ...cases]);
  const { rows, left } = rowsOf(tuning);
  expect(tuning.front).toHaveLength(100);
  expect(rows.length).toBeGreaterThan(15);
  expect(rows.length).toBeLessThanOrEqual(21);
  expect(left).toBe(100 - (rows.length - 1));
  expect(rows[0]?.label).toBe("today");
  expect(rows.map(({ label }) => label)).toContain("best");
  const bad = rows.map(({ result }) => result.badPassed.value);
  expect([bad[1], Math.max(...bad.slice(1))]).toEqual([1, 100]);
  expect(tuningText(tuning)).toContain(`${left} further settings of the front in --format json.`);
});

test("scatterData() has the front, today's and the best of a grid too large to be drawn", () => {
  const cases = Array.from({ length: 9_000 }, (_, n): Case => ({ likely: [100 + n, 100 + n] }));
  const { points } = scatterData(tuned([{ likely: [500, 500] }, ...cases]));
  expect(points.length).toBeLessThan(4_100);
  for (const kind of ["best", "today", "other"]) {
    expect(points.some((point) => point.kind === kind)).toBe(true);
  }
});
