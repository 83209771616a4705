import { expect, test } from "vitest";
import { createEventBus, type TelltaleEvent } from "../../src/index.ts";
import type { OwnerRequest } from "../../src/workers/index.ts";
import { QUESTION } from "../../src/workers/owner-request.ts";
import { FAILURE, OwnerWorld } from "../support/owner-world.ts";

/** An owner whose breaker is open, with the permit of a probe that has just been given. */
function probing() {
  const bus = createEventBus();
  const events: TelltaleEvent[] = [];
  bus.on("circuit.*", (event) => void events.push(event));
  const halfOpen = { maxProbes: 2, leaseMs: 60_000 };
  const chat = { failureThreshold: 2, cooldownMs: 10_000, halfOpen };
  const world = new OwnerWorld({ breakers: { chat }, bus });
  const exchange = (request: Partial<OwnerRequest>) =>
    world.owner.exchange({ ...QUESTION, ...request });
  const probe = () => exchange({ probe: "chat" }).permit;
  exchange({ calls: [FAILURE, FAILURE] });
  world.time.nowMs += 10_000;
  const permit = probe();
  expect(permit).not.toBeNull();
  const settle = (outcome: "success" | "error", settled = permit) => {
    const call = { ...FAILURE, generation: 1, permit: settled, outcome };
    return exchange({ calls: [call] }).breakers["chat"]?.state;
  };
  const types = () => events.map(({ type }) => type);
  return { world, exchange, probe, settle, events, types };
}

test("a probe decides that takes longer than its object stays in memory", () => {
  const { world, exchange, settle, events, types } = probing();
  world.crash();
  world.time.nowMs += 15_000;
  exchange({ skips: [{ breaker: "chat", reason: "half_open", count: 1 }] });
  world.crash();
  world.time.nowMs += 15_000;
  expect(settle("success")).toBe("closed");
  expect(types()).not.toContain("circuit.late");
  expect(events.find(({ type }) => type === "circuit.close")).toMatchObject({
    reason: "probe",
    probes: 1,
    mttrMs: 40_000,
  });
  expect([...world.rows().keys()].filter((key) => key.startsWith("permit:"))).toEqual([]);
  const { world: other, settle: fail } = probing();
  other.crash();
  expect(fail("error")).toBe("open");
});

test("a probe from before a restart is late when it ends after its lease, twice, or after another one failed", () => {
  const over = probing();
  over.world.crash();
  over.world.time.nowMs += 60_000;
  expect(over.settle("success")).toBe("half_open");
  expect(over.types().at(-1)).toBe("circuit.late");

  const failed = probing();
  const second = failed.probe();
  expect(failed.settle("error", second)).toBe("open");
  failed.world.crash();
  failed.world.time.nowMs += 10_000;
  expect(failed.settle("success")).toBe("half_open");
  expect(failed.types().at(-1)).toBe("circuit.late");

  const twice = probing();
  twice.world.crash();
  expect(twice.settle("error")).toBe("open");
  twice.world.time.nowMs += 10_000;
  expect(twice.settle("success")).toBe("half_open");
});

test.each(["{", "null", '{"breaker":"chat"}'])("a damaged permit %s is no permit", (text) => {
  const { world, settle } = probing();
  for (const key of world.rows().keys()) if (key.startsWith("permit:")) world.putRow(key, text);
  world.crash();
  expect(settle("success")).toBe("half_open");
  expect([...world.rows().keys()].filter((key) => key.startsWith("permit:"))).toEqual([]);
});
