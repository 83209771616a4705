import { expect, test } from "vitest";
import { ALL_PROTECTIONS, type Protections } from "../../src/cluster/protections.ts";
import { World } from "./simulation/world.ts";

const ELEVEN_HOURS_MS = 11 * 3_600_000;
const CHECK_MS = 2_500;

/**
 * The incident, replayed: two tasks, each with a sentinel of the old kind, which takes "my breaker is open" for
 * evidence that the dependency is down, forces the breaker when its slow check has ended, and resets it when the
 * dependency answers. The dependency is well all the time. An operator forces the breaker once and resets it once.
 */
function replay(protections: Protections): number {
  const plan = { keys: 1, tasks: 2, quorum: null, luck: 3, steps: [] } as const;
  const world = new World({ ...plan, lossShare: 0, duplicateShare: 0, delayMs: 20 }, protections);
  const [key = ""] = world.keys;
  const [first, second] = world.tasks;
  if (first === undefined || second === undefined) throw new Error("There are two tasks");
  let flips = 0;
  let wasShut = false;
  const look = (): void => {
    const isShut = world.tasks.some((sim) => sim.breaker(key).state !== "free");
    if (isShut !== wasShut) flips++;
    wasShut = isShut;
  };
  const pass = (ms: number): void => {
    for (let left = ms; left > 0; left -= 50) {
      world.timeline.runUntil(world.timeline.nowMs + 50);
      look();
    }
  };
  first.force(key, 0, null);
  pass(1_000);
  for (let turn = 0; world.timeline.nowMs < ELEVEN_HOURS_MS; turn++) {
    const [sentinel, other] = turn % 2 === 0 ? [first, second] : [second, first];
    const saw = sentinel.breaker(key).state === "forced" ? sentinel.seeNow(key) : null;
    pass(CHECK_MS / 2);
    // While one is still checking, the other finds the dependency well, or the operator has seen enough.
    if (other.breaker(key).state === "forced") other.reset(key);
    pass(CHECK_MS / 2);
    if (saw !== null) sentinel.forceOn(saw, null);
    pass(50);
  }
  return flips;
}

test("trap 45: the incident of eleven hours takes 2 transitions", () => {
  expect(replay(ALL_PROTECTIONS)).toBe(2);
}, 60_000);

test("trap 45: without the fence the same incident takes thousands", () => {
  expect(replay({ ...ALL_PROTECTIONS, fence: false })).toBeGreaterThan(2_000);
}, 60_000);
