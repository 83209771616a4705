import { expect, test } from "vitest";
import {
  axesInJson,
  axisOf,
  keyText,
  settingOver,
  settingsOn,
  usualGrids,
} from "../../../src/cli/tune/grid.ts";
import {
  KEYS,
  optionsOf,
  type Setting,
  settingText,
  USUAL,
} from "../../../src/cli/tune/setting.ts";
import { optionsText } from "../../../src/cli/tune/tuning-wording.ts";
import { UsageError } from "../../../src/cli/usage-error.ts";
import { CircuitBreaker } from "../../../src/index.ts";

const over = (...pairs: readonly string[]): Setting => settingOver(USUAL, pairs, "current");

test.each<[string, Partial<Setting>]>([
  ["failureThreshold=3", { failureThreshold: 3 }],
  ["failureThreshold=off", { failureThreshold: null }],
  ["failureRate=0.5@100calls", { failureRate: { threshold: 0.5, window: { calls: 100 } } }],
  [
    "failureRate=0.25@30s/20",
    { failureRate: { threshold: 0.25, window: { durationMs: 30_000 }, minimumCalls: 20 } },
  ],
  [
    "slowRate=0.5:800ms@10s/20",
    {
      slowRate: {
        ...{ threshold: 0.5, window: { durationMs: 10_000 }, minimumCalls: 20, latencyMs: 800 },
      },
    },
  ],
  ["latencyTripMs=1.5s", { latencyTripMs: 1_500 }],
  ["latencyTripMs=1230ms", { latencyTripMs: 1_230 }],
  ["inFlight=on", { inFlight: true }],
  ["cooldownMs=2min", { cooldownMs: 120_000 }],
  ["cooldownMs=1s..30s", { cooldownMs: { initialMs: 1_000, maxMs: 30_000 } }],
  ["degradation=1/0.9/0.5/0", { degradation: [1, 0.9, 0.5, 0] }],
  ["rampUp=30s/0.1", { rampUp: { durationMs: 30_000, from: 0.1 } }],
  ["halfOpen.maxProbes=3", { maxProbes: 3 }],
  ["halfOpen.successThreshold=2", { successThreshold: 2 }],
  ["halfOpen.failureRate=0.5/10", { probeRate: { threshold: 0.5, minimumCalls: 10 } }],
  ["halfOpen.leaseMs=5s", { leaseMs: 5_000 }],
])("settingOver() reads %s, and settingText() writes it", (pair, part) => {
  const setting = over(pair);
  expect(setting).toEqual({ ...USUAL, ...part });
  const [name = ""] = pair.split("=");
  expect(settingText(setting, new Set([name]))).toBe(pair);
});

test("every key of a setting has a name, and every one is read and written", () => {
  expect(KEYS).toHaveLength(Object.keys(USUAL).length);
  for (const { name, read, show } of KEYS) {
    expect({ ...USUAL, ...read(show(USUAL)) }, name).toEqual(USUAL);
  }
});

test.each([
  ["failureThreshold", "must be a key and its value"],
  ["=3", "must be a key and its value"],
  ["failureTreshold=3", 'unknown key "failureTreshold", did you mean "failureThreshold"?'],
  ["failureThreshold=0", "must be a whole number from 1"],
  ["failureThreshold=2.5", "must be a whole number from 1"],
  ["cooldownMs=-1", "must be a time above 0"],
  ["cooldownMs=3 weeks", "must be a time above 0"],
  ["cooldownMs=off", "must be a time above 0"],
  ["failureRate=1.5@10s", "must be a share above 0, at most 1"],
  ["failureRate=0.5", "must be a rate such as"],
  ["slowRate=0.5@10s", "must be a rate with its limit"],
  ["inFlight=maybe", "must be on or off"],
])("settingOver() refuses %s", (pair, message) => {
  expect(() => over(pair)).toThrow(UsageError);
  expect(() => over(pair)).toThrow(message);
});

test.each([
  [["failureThreshold=off"], "must have one of failureThreshold, failureRate and slowRate"],
  [["inFlight=on"], "inFlight"],
  [["cooldownMs=10s..1s"], "maxMs must be at least initialMs"],
  [["degradation=0.5/0.1"], "degradation must be"],
  [["failureRate=0.5@10calls/20"], "minimumCalls must be at most"],
  [
    ["halfOpen.failureRate=0.5", "halfOpen.successThreshold=2"],
    "left out beside halfOpen.successThreshold",
  ],
])("settingsOn() lets the core refuse %j", (pairs, message) => {
  expect(() => settingsOn(over(...pairs), [[]])).toThrow(message);
  expect(() => settingsOn(over(...pairs), [[]])).toThrow(UsageError);
});

test("settingsOn() makes every combination, each once", () => {
  const grid = ["failureThreshold=3,5,5", "cooldownMs=1s,1000,30s"].map(axisOf);
  expect(settingsOn(USUAL, [grid, grid]).map((setting) => settingText(setting))).toEqual([
    "failureThreshold=3 cooldownMs=1s",
    "failureThreshold=3 cooldownMs=30s",
    "failureThreshold=5 cooldownMs=1s",
    "failureThreshold=5 cooldownMs=30s",
  ]);
});

test("settingsOn() refuses a grid of more settings than anybody asks for", () => {
  const many = { length: 101 };
  const axis = (name: string) => axisOf(`${name}=${Array.from(many, (_, at) => at + 1).join(",")}`);
  const axes = [axis("failureThreshold"), axis("halfOpen.maxProbes")];
  expect(() => settingsOn(USUAL, [axes])).toThrow("at most 10000 settings, received 10201");
});

test("axesInJson() reads an object of lists, and a list of such objects", () => {
  const one = axesInJson('{"failureThreshold": [3, null], "failureRate": "0.5@30s"}', "grid.json");
  expect(settingsOn(USUAL, one).map((setting) => settingText(setting))).toEqual([
    "failureThreshold=3 failureRate=0.5@30s cooldownMs=1min",
    "failureThreshold=off failureRate=0.5@30s cooldownMs=1min",
  ]);
  const two = axesInJson(
    '[{"failureThreshold": [3]}, {"latencyTripMs": ["2s"], "inFlight": true}]',
    "grid.json",
  );
  expect(settingsOn(USUAL, two).map((setting) => settingText(setting))).toEqual([
    "failureThreshold=3 cooldownMs=1min",
    "failureThreshold=5 latencyTripMs=2s inFlight=on cooldownMs=1min",
  ]);
});

test.each([
  ["{", "grid.json must be JSON"],
  ["3", "grid.json must hold an object"],
  ["[[]]", "grid.json must hold an object"],
  ['{"cooldown": [1]}', 'grid.json has the unknown key "cooldown", did you mean "cooldownMs"?'],
  ['{"cooldownMs": [{}]}', "a value in grid.json must be a number"],
  ['{"cooldownMs": [0]}', "cooldownMs in grid.json must be a time above 0"],
])("axesInJson() refuses %s", (json, message) => {
  expect(() => axesInJson(json, "grid.json")).toThrow(UsageError);
  expect(() => axesInJson(json, "grid.json")).toThrow(message);
});

test("usualGrids() are around today's setting, which is one of theirs", () => {
  const today = over("failureThreshold=7", "cooldownMs=40s", "latencyTripMs=2s");
  const settings = settingsOn(today, usualGrids(today, { usualMs: 333 }));
  expect(settings.map(keyText)).toContain(keyText(today));
  const texts = settings.map((setting) => settingText(setting));
  expect(texts).toContain("failureThreshold=3 latencyTripMs=670ms cooldownMs=4s");
  expect(texts).toContain(
    "failureThreshold=off failureRate=0.5@10s/20 latencyTripMs=2s cooldownMs=20s",
  );
  expect(settings).toHaveLength((7 + 2) * 3 * 5);
});

test("usualGrids() leave latency alone when the recording has no durations", () => {
  const settings = settingsOn(USUAL, usualGrids(USUAL, { usualMs: null }));
  expect(new Set(settings.map(({ latencyTripMs }) => latencyTripMs))).toEqual(new Set([null]));
});

test("optionsText() is code that makes a breaker with the options of the setting", () => {
  const setting = over(
    ...["failureThreshold=3", "failureRate=0.5@30s/20", "cooldownMs=1s..30s", "latencyTripMs=2s"],
    ...["halfOpen.maxProbes=2", "degradation=1/0.5", "rampUp=30s/0.2", "inFlight=on"],
  );
  expect(optionsText(setting)).toBe(
    "{ trip: [consecutive(3), failureRate({ threshold: 0.5, window: { durationMs: 30000 }, minimumCalls: 20 })], latencyTripMs: 2000, inFlight: true, cooldownMs: exponentialCooldown({ initialMs: 1000, maxMs: 30000 }), degradation: [1, 0.5], rampUp: { durationMs: 30000, from: 0.2 }, halfOpen: { maxProbes: 2 } }",
  );
  expect(optionsText(over("failureThreshold=4"))).toBe(
    "{ failureThreshold: 4, cooldownMs: 60000 }",
  );
  expect(() => new CircuitBreaker("x", optionsOf(setting))).not.toThrow();
});
