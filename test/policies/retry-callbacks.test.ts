import { expect, test } from "vitest";
import { type RetryBudget, type RetryOptions, retry } from "../../src/index.ts";
import { BOOM, fail, succeed } from "../support/breaker.ts";
import { flaky, surroundings } from "../support/policies.ts";
import { settled, unhandled } from "../support/unhandled-rejections.ts";
import { wrong } from "../support/wrong-values.ts";

const DOWN = new Error("the store is down");
const reject = (): Promise<never> => Promise.reject(DOWN);
const open: RetryBudget = { begin() {}, succeed() {}, withdraw: () => 1, balance: 1 };

/** What `policy.callback_failed` told: the option and its failure. */
const failures = (events: ReturnType<typeof surroundings>["events"]) =>
  events.flatMap((event) =>
    event.type === "policy.callback_failed" ? [[event.callback, event.error.message]] : [],
  );

test("budget whose begin and succeed reject later harms no call, ends no process and is told", async () => {
  const { time, options, events, last } = surroundings();
  const budget: RetryBudget = { ...open, begin: reject, succeed: reject };
  const policy = retry("orders", { ...options, budget });
  await expect(policy.call(succeed, { context: { delivery: "d-1" } })).resolves.toBe("value");
  await expect(time.until(policy.call(flaky([BOOM])))).resolves.toBe("value");
  await settled();
  expect(unhandled).not.toHaveBeenCalled();
  expect(failures(events)).toEqual([
    ["budget.begin", DOWN.message],
    ["budget.succeed", DOWN.message],
    ["budget.begin", DOWN.message],
    ["budget.succeed", DOWN.message],
  ]);
  expect(events[0]).toMatchObject({ context: { delivery: "d-1" } });
  expect(last("policy.callback_failed")).not.toHaveProperty("context");
});

test("budget whose begin and succeed are asynchronous and go well is told nothing of", async () => {
  const { time, options, events } = surroundings();
  const budget: RetryBudget = { ...open, begin: async () => {}, succeed: async () => {} };
  await time.until(retry("orders", { ...options, budget }).call(flaky([BOOM])));
  expect(failures(events)).toEqual([]);
});

test.each<[string, unknown, string]>([
  ["rejects later", reject, "a promise"],
  ["answers later", async () => 1, "a promise"],
  ["answers no number", () => "1", '"1"'],
  ["answers nothing", () => {}, "undefined"],
  ["answers NaN", () => Number.NaN, "NaN"],
  ["answers less than nothing", () => -1, "-1"],
])("budget.withdraw that %s lets no retry through and is told", async (_, withdraw, received) => {
  const { options, events } = surroundings();
  const budget: RetryBudget = { ...open, withdraw: wrong(withdraw) };
  await expect(retry("orders", { ...options, budget }).call(fail)).rejects.toMatchObject({
    reason: "budget",
    attempts: 1,
  });
  await settled();
  expect(unhandled).not.toHaveBeenCalled();
  expect(failures(events)).toEqual([
    [
      "budget.withdraw",
      `budget.withdraw must answer what the retry costs, 0 or more, or null, received ${received}`,
    ],
  ]);
});

test("budget.withdraw that answers 0 lets a retry through that costs nothing", async () => {
  const { time, options, events } = surroundings();
  const costs: number[] = [];
  const succeeded = (withdrawn: number): void => void costs.push(withdrawn);
  const budget: RetryBudget = { ...open, withdraw: () => 0, succeed: succeeded };
  await time.until(retry("orders", { ...options, budget }).call(flaky([BOOM])));
  expect(costs).toEqual([0]);
  expect(failures(events)).toEqual([]);
});

test.each<[string, unknown, string]>([
  ["rejects later", reject, "a promise"],
  ["answers true later", async () => true, "a promise"],
  ["answers a number", () => 1, "1"],
  ["answers nothing", () => {}, "undefined"],
])("shouldRetryResult that %s lets the value pass and is told", async (_, answer, received) => {
  const { options, events } = surroundings();
  const policy = retry("orders", { ...options, shouldRetryResult: wrong(answer) });
  await expect(policy.call(succeed)).resolves.toBe("value");
  await settled();
  expect(unhandled).not.toHaveBeenCalled();
  expect(failures(events)).toEqual([
    ["shouldRetryResult", `shouldRetryResult must answer true or false, received ${received}`],
  ]);
});

test.each<[string, Partial<Record<keyof RetryOptions, unknown>>, string]>([
  ["shouldRetry", { shouldRetry: reject }, "must answer true, false or undefined"],
  ["backoff", { backoff: reject }, "must answer a number of milliseconds from 0 to 2147483646"],
  ["random", { random: reject }, "must answer a number in [0, 1)"],
])(
  "%s that rejects later leaves it to the default, ends no process and is told",
  async (callback, given, must) => {
    const { time, options, events } = surroundings();
    const policy = retry("orders", wrong({ ...options, ...given }));
    await expect(time.until(policy.call(flaky([BOOM])))).resolves.toBe("value");
    await settled();
    expect(unhandled).not.toHaveBeenCalled();
    expect(failures(events)).toEqual([[callback, `${callback} ${must}, received a promise`]]);
  },
);
