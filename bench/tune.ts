import { CallLog, FATE } from "../src/cli/tune/call-log.ts";
import { type CallTable, tablesOf } from "../src/cli/tune/call-table.ts";
import { replay } from "../src/cli/tune/replay.ts";
import { optionsOf, type Setting, USUAL } from "../src/cli/tune/setting.ts";
import type { Cell, Effort, Question } from "./question.ts";

const CALLS = 500_000;
const SLOW_MS = 500;
/** The limit of the issue: 2 M calls a second and setting on one core. */
const NS_AT_MOST = 500;

/**
 * A call every 3.3 ms for 27 minutes, of which one in a hundred fails; in the third minute all are slow, in the tenth
 * all fail.
 */
function recorded(): CallTable {
  const log = new CallLog();
  for (let n = 0; n < CALLS; n++) {
    const atMs = n * 3.3;
    const minute = Math.floor(atMs / 60_000);
    // Spread over the calls without a random source: the same in each run.
    const isError = minute === 10 || (n * 7_919) % 100 === 0;
    const usualMs = 5 + ((n * 104_729) % 1_000) / 100;
    log.add(1.7e12 + atMs, minute === 3 ? 800 : usualMs, isError ? FATE.error : FATE.ok);
  }
  return tablesOf(log, SLOW_MS)[0];
}

/** Processor time for each call of a replay in nanoseconds, the best of those that fit into the time. */
function nsPerCall(setting: Setting, { warmUpMs, measureMs }: Effort): number {
  const table = recorded();
  const once = (): number => {
    const before = process.cpuUsage();
    replay(table, optionsOf(setting), SLOW_MS);
    const { user, system } = process.cpuUsage(before);
    return ((user + system) * 1_000) / CALLS;
  };
  for (const endMs = performance.now() + warmUpMs; performance.now() < endMs; ) once();
  let best = once();
  for (const endMs = performance.now() + measureMs; performance.now() < endMs; ) {
    best = Math.min(best, once());
  }
  return best;
}

const cell = (id: string, label: string, part: Partial<Setting>): Cell => ({
  id: `tune/${id}`,
  label,
  targets: [{ kind: "absolute", atMost: NS_AT_MOST }],
  measure: async ({ effort }) => nsPerCall({ ...USUAL, ...part }, effort),
});

const OFTEN = { latencyTripMs: SLOW_MS, cooldownMs: 1_000 };

/** How fast recorded calls are replayed through the core. */
export const tuneReplay: Question = {
  title: `Replaying ${CALLS} recorded calls under a setting, processor time for each call`,
  unit: "ns",
  note: "500 ns are 2 M calls a second. Each call is an admission and a settlement.",
  cells: [
    cell("consecutive", "failures in a row", { failureThreshold: 5, ...OFTEN }),
    cell("rate", "failure rate over 10 s", {
      failureThreshold: null,
      failureRate: { threshold: 0.5, window: { durationMs: 10_000 }, minimumCalls: 20 },
      ...OFTEN,
    }),
    cell("slow-rate", "slow rate over 100 calls", {
      slowRate: { threshold: 0.5, latencyMs: 200, window: { calls: 100 } },
      ...OFTEN,
    }),
    cell("in-flight", "with calls that hang", { inFlight: true, ...OFTEN }),
    cell("degradation", "degradation", { degradation: [1, 0.9, 0.7, 0.4, 0.1], ...OFTEN }),
    cell("refused", "refused for the most part", { ...OFTEN, cooldownMs: 3_600_000 }),
  ],
};
