import { expect, test } from "vitest";
import { AccessCalls } from "../../../src/cli/tune/access-calls.ts";
import { accessMapping, statusWords } from "../../../src/cli/tune/access-mapping.ts";
import { tablesOf } from "../../../src/cli/tune/call-table.ts";
import { EventCalls } from "../../../src/cli/tune/event-calls.ts";
import { meanMs } from "../../../src/cli/tune/figures.ts";
import { axisOf, keyText, settingsOn } from "../../../src/cli/tune/grid.ts";
import { variationsOf } from "../../../src/cli/tune/next-outage.ts";
import { recordingOf } from "../../../src/cli/tune/recording.ts";
import { replayAll } from "../../../src/cli/tune/replay-all.ts";
import { optionsOf, settingText, USUAL } from "../../../src/cli/tune/setting.ts";
import { todayOf } from "../../../src/cli/tune/today.ts";
import { candidatesOf, type Tuning, tuningOf } from "../../../src/cli/tune/tuning.ts";
import { gainText } from "../../../src/cli/tune/tuning-wording.ts";
import { callsTo, type Health, simulate } from "./simulated.ts";

const SLOW_MS = 500;
const TRAFFIC = { perSecond: 40, forMs: 240_000 };

/** Four minutes: one call in a hundred fails; from 0:40 to 1:10 all are slow, from 2:00 to 2:50 all fail. */
function health(atMs: number, random: () => number): Health {
  const usualMs = 10 + 30 * random();
  if (atMs >= 40_000 && atMs < 70_000) return { durationMs: 800 + 400 * random(), isError: false };
  const share = atMs >= 120_000 && atMs < 170_000 ? 1 : 0.01;
  return { durationMs: usualMs, isError: random() < share };
}

const EVERYTHING = { sinceMs: Number.NEGATIVE_INFINITY, untilMs: Number.POSITIVE_INFINITY };

const today = { failureThreshold: 40, latencyTripMs: SLOW_MS, cooldownMs: 15_000 };
const GRID = ["failureThreshold=3,5,10,40", "cooldownMs=1s,3s,15s"];

/** Everything that the command does, without files and threads. */
function tuned(lines: readonly string[], axes: readonly string[] = GRID): Tuning {
  const reader = new EventCalls({ breaker: undefined, naming: undefined, ...EVERYTHING });
  for (const line of lines) reader.add(line);
  const { recording, logs } = recordingOf(reader);
  const current = todayOf(recording, [`latencyTripMs=${SLOW_MS}`]).setting;
  const settings = settingsOn(current, [axes.map(axisOf)]);
  const streams = logs.map((log) => tablesOf(log, SLOW_MS));
  const outcomes = settings.map((setting) => replayAll(streams, setting, SLOW_MS));
  const todayAt = settings.findIndex((setting) => keyText(setting) === keyText(current));
  const grid = { recording, settings, outcomes, todayAt, slowMs: SLOW_MS, weight: 1 };
  const variations = new Map(
    candidatesOf(grid).map((place) => {
      const setting = settings[place] ?? current;
      const varied = variationsOf(setting).map((each) => replayAll(streams, each, SLOW_MS));
      return [place, varied] as const;
    }),
  );
  return tuningOf({ ...grid, variations }, []);
}

const within = (value: number, { low, high }: { low: number; high: number }): boolean =>
  value >= low && value <= high;

test("telltale tune: what the same outage does under each setting lies within what its recording foretells", async () => {
  const calls = callsTo(health, { ...TRAFFIC, seed: 1 });
  const { lines } = await simulate(calls, today, { slowMs: SLOW_MS });
  const { settings } = tuned(lines);
  expect(settings).toHaveLength(12);
  for (const { setting, text, nextOutage } of settings) {
    const truth = await simulate(calls, optionsOf(setting), { slowMs: SLOW_MS });
    expect(within(truth.badPassed, nextOutage?.badPassed ?? never), `bad, ${text}`).toBe(true);
    expect(within(truth.goodRefused, nextOutage?.goodRefused ?? never), `good, ${text}`).toBe(true);
    expect(within(truth.recoveryMs ?? 0, nextOutage?.recoveryMs ?? never), `back, ${text}`).toBe(
      true,
    );
  }
});

const never = { low: Number.NaN, high: Number.NaN };

test("telltale tune: the best setting is better in outages like the recorded one, as much as is said", async () => {
  const { lines } = await simulate(callsTo(health, { ...TRAFFIC, seed: 1 }), today, {
    slowMs: SLOW_MS,
  });
  const { best, today: current, gain } = tuned(lines);
  expect(best.setting.cooldownMs).toBeLessThan(today.cooldownMs);
  // If each outage was over the moment before the probe that found it so, the long cooldown has cost nothing.
  expect(gain.holds).toBe("open");
  expect(gain.badPassed + gain.goodRefused).toBeGreaterThan(400);
  for (const seed of [2, 3, 4, 5]) {
    const next = callsTo(health, { ...TRAFFIC, seed });
    const [before, after] = [
      await simulate(next, today, { slowMs: SLOW_MS }),
      await simulate(next, optionsOf(best.setting), { slowMs: SLOW_MS }),
    ];
    expect(after.badPassed + after.goodRefused, `seed ${seed}`).toBeLessThan(
      before.badPassed + before.goodRefused,
    );
    for (const [truth, { nextOutage }] of [
      [before, current],
      [after, best],
    ] as const) {
      expect(within(truth.badPassed, nextOutage?.badPassed ?? never), `bad, ${seed}`).toBe(true);
      expect(within(truth.goodRefused, nextOutage?.goodRefused ?? never), `good, ${seed}`).toBe(
        true,
      );
    }
  }
});

test("telltale tune: a replay of today's setting is what was recorded", async () => {
  const calls = callsTo(health, { ...TRAFFIC, seed: 7 });
  const truth = await simulate(calls, today, { slowMs: SLOW_MS });
  const { check, today: current, calls: read } = tuned(truth.lines);
  expect(read).toBe(calls.length);
  expect(check?.incidents).toEqual([truth.incidents, truth.incidents]);
  expect(check?.refused).toEqual([truth.refused, truth.refused]);
  const [recorded, replayed] = check?.recoveryMs ?? [];
  expect(recorded).toBe(truth.recoveryMs);
  expect(replayed).toBeCloseTo(recorded ?? Number.NaN, 2);
  expect(current.badPassed.value).toBe(truth.badPassed);
  expect(within(truth.goodRefused, current.goodRefused)).toBe(true);
});

test("telltale tune: from an access log each figure is what really happens, also when only some calls fail", async () => {
  const partly: typeof health = (atMs, random) =>
    atMs >= 120_000 && atMs < 170_000
      ? { durationMs: 20, isError: random() < 0.7 }
      : health(atMs, random);
  const calls = callsTo(partly, { ...TRAFFIC, seed: 3 });
  const reader = new AccessCalls({
    ...{ mapping: accessMapping(["time=at:ms,duration=took:ms,status=ok"]), format: undefined },
    ...{ isStart: true, statuses: statusWords("false", "cancelled"), breaker: undefined },
    ...EVERYTHING,
  });
  for (const { atMs, durationMs, isError } of calls) {
    reader.add(JSON.stringify({ at: atMs, took: durationMs, ok: !isError }), { file: "access" });
  }
  const { recording, logs } = recordingOf(reader);
  expect([recording.calls, recording.unknown]).toEqual([calls.length, 0]);
  const streams = logs.map((log) => tablesOf(log, SLOW_MS));
  const grids = [
    [...GRID, `latencyTripMs=${SLOW_MS}`],
    ["failureThreshold=off", "failureRate=0.5@20calls,0.5@10s/20", "cooldownMs=1s,5s"],
  ];
  for (const setting of settingsOn(
    USUAL,
    grids.map((axes) => axes.map(axisOf)),
  )) {
    const { likely, better, worse } = replayAll(streams, setting, SLOW_MS);
    expect([better, worse]).toEqual([likely, likely]);
    const {
      lines: _,
      recoveryMs,
      ...truth
    } = await simulate(calls, optionsOf(setting), {
      slowMs: SLOW_MS,
    });
    expect(likely, settingText(setting)).toMatchObject(truth);
    expect(meanMs(likely.recovery) ?? 0).toBeCloseTo(recoveryMs ?? 0, 3);
  }
});

test("telltale tune: the calls of several processes count together", async () => {
  const calls = callsTo(health, { ...TRAFFIC, seed: 1 });
  const [one, two] = [
    await simulate(calls, today, { slowMs: SLOW_MS, instance: "a" }),
    await simulate(calls, today, { slowMs: SLOW_MS, instance: "b" }),
  ];
  const small = ["cooldownMs=1s,15s"];
  const single = tuned(one.lines, small).today;
  const { today: both, processes } = tuned([...one.lines, ...two.lines], small);
  expect(processes).toBe(2);
  expect(both.incidents.value).toBe(2 * single.incidents.value);
  expect(both.badPassed.value).toBe(2 * single.badPassed.value);
  expect(both.recoveryMs?.value).toBeCloseTo(single.recoveryMs?.value ?? 0);
});

test("telltale tune says so when another setting was cheaper than the best in the recording, by luck", async () => {
  const calls = callsTo(health, { ...TRAFFIC, seed: 1 });
  const { lines } = await simulate(calls, today, { slowMs: SLOW_MS });
  const tuning = tuned(lines);
  expect(gainText({ ...tuning, front: [tuning.best] })).not.toContain("by luck:");
  const none = { value: 0, low: 0, high: 0 };
  const lucky = { ...tuning.best, text: "cooldownMs=7s", badPassed: none, goodRefused: none };
  expect(gainText({ ...tuning, front: [tuning.best, lucky] })).toContain(
    "In this recording cooldownMs=7s costs less still, by luck: on the mean",
  );
});
