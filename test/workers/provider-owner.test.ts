import { describe, expect, test } from "vitest";
import { createEventBus, type TelltaleEvent } from "../../src/index.ts";
import { createMemoryStore, type StateStore } from "../../src/state/index.ts";
import type { CallReport, OwnerOptions, OwnerRequest } from "../../src/workers/index.ts";
import { QUESTION } from "../../src/workers/owner-request.ts";
import { rowsOf } from "../state/store-suite.ts";
import { FAILURE, OwnerWorld } from "../support/owner-world.ts";

const OPTIONS: OwnerOptions = {
  breakers: { chat: { failureThreshold: 2, cooldownMs: 10_000 } },
  ledger: { prices: { openai: { "gpt-5": { perMillion: { output: 1 } } } } },
};
const spend = (id: string, nano = 1_000_000) => ({
  provider: "openai",
  model: "gpt-5",
  tokens: { output: nano / 1_000 },
  id,
});

function heard(options: Partial<OwnerOptions> = {}) {
  const bus = createEventBus();
  const events: TelltaleEvent[] = [];
  for (const family of ["circuit.*", "quota.*", "budget.*", "owner.*", "state.*"] as const) {
    bus.on(family, (event) => void events.push(event));
  }
  const world = new OwnerWorld({ ...OPTIONS, bus, ...options });
  return { world, events, types: () => events.map(({ type }) => type) };
}

describe("an owner", () => {
  test("comes back after a crash with breakers, incident, quota and ledger as they were", () => {
    const { world, events, types } = heard();
    world.owner.exchange({ ...QUESTION, calls: [FAILURE, FAILURE], spends: [spend("a")] });
    world.owner.exchange({ ...QUESTION, quota: [{ provider: "openai", forMs: 60_000 }] });
    const before = world.owner.status();
    expect(before.breakers["chat"]).toMatchObject({ state: "open", retryAfterMs: 10_000 });
    world.crash();
    world.time.nowMs += 4_000;
    const after = world.owner.status();
    expect(after.breakers["chat"]).toMatchObject({
      state: "open",
      retryAfterMs: 6_000,
      incidentId: before.breakers["chat"]?.incidentId,
    });
    expect(after.exhausted).toEqual([{ provider: "openai", forMs: 56_000 }]);
    expect(after.spent).toEqual(before.spent);
    expect(types().filter((type) => type === "circuit.open")).toHaveLength(1);
    expect(events.at(-1)).toMatchObject({ type: "circuit.restore", source: "durable object" });
  });

  test("comes back with the failures that had not tripped yet", () => {
    const { world } = heard();
    world.owner.exchange({ ...QUESTION, calls: [FAILURE] });
    world.crash();
    world.owner.exchange({ ...QUESTION, calls: [FAILURE] });
    expect(world.owner.status().breakers["chat"]?.state).toBe("open");
  });

  test("tells no budget threshold twice, whatever it crashes", () => {
    const budgets = [{ name: "month", usdPerMonth: 1 }];
    const prices = { openai: { "gpt-5": { perMillion: { output: 1 } } } };
    const { world, types } = heard({ ledger: { prices, budgets } });
    world.owner.exchange({ ...QUESTION, spends: [spend("a", 850_000_000)] });
    world.crash();
    world.owner.exchange({ ...QUESTION, spends: [spend("b", 10_000_000)] });
    world.crash();
    world.owner.exchange({ ...QUESTION, spends: [spend("c", 50_000_000)] });
    expect(types().filter((type) => type === "budget.threshold")).toHaveLength(2);
  });

  test("keeps what was spent at the price of its time", () => {
    const { world } = heard();
    world.owner.exchange({ ...QUESTION, spends: [spend("a", 7_000)] });
    const dearer = { openai: { "gpt-5": { perMillion: { output: 100 } } } };
    const later = new OwnerWorld({ ...OPTIONS, ledger: { prices: dearer } }, world);
    expect(later.owner.status().spent?.nano).toBe(7_000);
  });

  test("folds a long log into a snapshot, and forgets no id by it", () => {
    const { world } = heard();
    for (let n = 0; n < 30; n++) {
      const spends = Array.from({ length: 100 }, (_, k) => spend(`${n}-${k}`, 1_000));
      world.owner.exchange({ ...QUESTION, spends });
    }
    const rows = () => [...world.rows().keys()].map((key) => key.split(":")[0]);
    expect(rows().filter((kind) => kind === "ledger").length).toBeGreaterThan(1);
    expect(rows().filter((kind) => kind === "spend").length).toBeLessThan(2_100);
    world.crash();
    expect(world.owner.status().spent).toMatchObject({ nano: 3_000_000, requests: 3_000 });
    const again = [spend("0-0"), spend("29-99"), spend("new", 1_000)];
    const { recorded } = world.owner.exchange({ ...QUESTION, spends: again });
    expect(recorded.map(({ counted }) => counted)).toEqual([false, false, true]);
    expect(world.owner.status().spent?.nano).toBe(3_001_000);
  });

  test.each(["", "."])("keeps ids of any text over a fold (%o)", (shift) => {
    const { world } = heard();
    const id = (n: number) => `${shift}${"😀".repeat(100)}${n}`;
    const all = Array.from({ length: 3_000 }, (_, n) => spend(id(n), 1_000));
    for (let n = 0; n < 3; n++) {
      world.owner.exchange({ ...QUESTION, spends: all.slice(n * 1_000, (n + 1) * 1_000) });
    }
    expect(
      [...world.rows().keys()].filter((key) => key.startsWith("ledger:")).length,
    ).toBeGreaterThan(1);
    world.crash();
    for (let n = 0; n < 3; n++) {
      world.owner.exchange({ ...QUESTION, spends: all.slice(n * 1_000, (n + 1) * 1_000) });
    }
    expect(world.owner.status().spent?.requests).toBe(3_000);
  });

  test("an unknown ledger is not folded, however long its log gets", () => {
    const { world } = heard();
    world.owner.exchange({ ...QUESTION, spends: [spend("a")] });
    world.putRow("spend:000000000001", "{");
    world.crash();
    for (let n = 0; n < 3; n++) {
      const spends = Array.from({ length: 500 }, (_, k) => spend(`${n}-${k}`, 1_000));
      world.owner.exchange({ ...QUESTION, spends });
    }
    expect(world.rows().get("spend:000000000001")).toBe("{");
    expect(world.owner.status().spent).toBeNull();
  });

  test("a permit settles once, also where a probe does not decide alone", () => {
    const breakers = {
      chat: { failureThreshold: 1, cooldownMs: 1_000, halfOpen: { successThreshold: 2 } },
    };
    const { world } = heard({ breakers });
    world.owner.exchange({ ...QUESTION, calls: [FAILURE] });
    world.time.nowMs += 1_000;
    const { permit, breakers: verdicts } = world.owner.exchange({ ...QUESTION, probe: "chat" });
    const generation = verdicts["chat"]?.generation ?? null;
    const success: CallReport = { ...FAILURE, generation, permit, outcome: "success", error: null };
    const report = () => world.owner.exchange({ ...QUESTION, calls: [success] });
    expect(report().breakers["chat"]?.state).toBe("half_open");
    expect(report().breakers["chat"]?.state).toBe("half_open");
  });

  test("writes a row for each spend, and no snapshot", () => {
    const { world } = heard();
    world.owner.exchange({ ...QUESTION, spends: [spend("a")] });
    world.storage.statements = [];
    world.owner.exchange({ ...QUESTION, spends: [spend("b")] });
    const writes = world.storage.statements.filter((query) => !query.startsWith("SELECT"));
    expect(writes).toHaveLength(1);
  });

  test("a question writes nothing", () => {
    const { world } = heard();
    world.owner.exchange(QUESTION);
    world.storage.statements = [];
    world.owner.exchange(QUESTION);
    expect(world.storage.statements).toEqual([]);
  });

  test.each([
    ["ledger:000000", "ledger"],
    ["spend:000000000002", "spend:000000000002"],
  ])(
    "a damaged row %s leaves the ledger unknown, is told, and the rows as they are",
    (key, subject) => {
      const options = { ...OPTIONS.ledger, prices: OPTIONS.ledger?.prices ?? {} };
      const budgets = [{ name: "month", usdPerMonth: 100, hard: true }];
      const { world, events } = heard({ ledger: { ...options, budgets } });
      world.owner.exchange({ ...QUESTION, spends: [spend("a"), spend("b")] });
      world.putRow(key, '{"usd":');
      world.crash();
      expect(world.owner.status().spent).toBeNull();
      expect(events.filter(({ type }) => type === "state.rejected")).toMatchObject([
        { source: "durable object", subject, code: "ERR_SNAPSHOT_JSON", path: "" },
      ]);
      const { denied } = world.owner.exchange({ ...QUESTION, spends: [spend("c")] });
      expect(denied).toMatchObject([{ model: "gpt-5", reason: "unknown" }]);
      expect(world.rows().get(key)).toBe('{"usd":');
      world.crash();
      expect(world.owner.status().spent).toBeNull();
    },
  );

  test("damaged rows of breakers and quota are told, and begin anew", () => {
    const { world, events } = heard();
    world.owner.exchange({ ...QUESTION, calls: [FAILURE, FAILURE] });
    world.owner.exchange({ ...QUESTION, quota: [{ provider: "openai", forMs: null }] });
    world.putRow("breaker:chat", "{}");
    world.putRow("quota", "[]");
    world.crash();
    expect(world.owner.status()).toMatchObject({
      breakers: { chat: { state: "closed" } },
      exhausted: [],
    });
    const rejected = events.filter(({ type }) => type === "state.rejected");
    expect(rejected).toMatchObject([{ subject: "chat" }, { subject: "quota" }]);
  });

  test("a storage that cannot be written ends the object, and nothing of the step is left", () => {
    const { world } = heard();
    world.owner.exchange({ ...QUESTION, spends: [spend("a")] });
    world.storage.failsAt = "INSERT";
    const failing = { ...QUESTION, calls: [FAILURE, FAILURE], spends: [spend("b")] };
    expect(() => world.owner.exchange(failing)).toThrow("disk I/O error");
    expect(world.aborted).toBe(1);
    world.storage.failsAt = null;
    const { spent, breakers } = world.owner.status();
    expect(spent?.nano).toBe(1_000_000);
    expect(breakers["chat"]?.state).toBe("closed");
    expect(world.owner.exchange(failing).recorded).toMatchObject([{ counted: true }]);
  });

  test("without a ledger it refuses spends", () => {
    const world = new OwnerWorld({ breakers: { chat: {} } });
    const { recorded } = world.owner.exchange({ ...QUESTION, spends: [spend("a")] });
    expect(recorded).toMatchObject([{ counted: false, refused: "the owner has no ledger" }]);
    expect(world.owner.status()).toMatchObject({ spent: null, budgets: null });
  });

  test("does what an operator asks for, and keeps it", () => {
    const { world, events } = heard();
    const forced = { breaker: "chat", action: "forceOpen", reason: "drill", forMs: 5_000 } as const;
    expect(world.owner.control(forced).breakers["chat"]).toMatchObject({
      state: "forced_open",
      retryAfterMs: 5_000,
    });
    expect(events.at(-1)).toMatchObject({ type: "circuit.open", reason: "forced", note: "drill" });
    world.crash();
    expect(world.owner.status().breakers["chat"]?.state).toBe("forced_open");
    const state = (action: "reset" | "disable" | "enable") =>
      world.owner.control({ breaker: "chat", action }).breakers["chat"]?.state;
    expect([state("reset"), state("disable"), state("enable")]).toEqual([
      "closed",
      "disabled",
      "closed",
    ]);
    expect(() => world.owner.control({ ...forced, breaker: "nope" })).toThrow(
      "Cannot control owner: breaker must be one of this owner's, received",
    );
    expect(() => world.owner.control({ ...forced, action: "open" as "reset" })).toThrow(
      "action must be forceOpen or reset or disable or enable",
    );
    expect(() => world.owner.control({ ...forced, forMs: -1 })).toThrow("forMs must be a positive");
    expect(world.aborted).toBe(0);
  });

  test.each([
    [{ ...QUESTION, v: 2 }, "request.v must be 1, received 2"],
    [{ ...QUESTION, calls: {} }, "request.calls must be a list"],
    [{ ...QUESTION, calls: [7] }, "request.calls[0] must be an object"],
    [{ ...QUESTION, calls: [{ ...FAILURE, outcome: "late" }] }, "request.calls[0].outcome must be"],
    [{ ...QUESTION, calls: [{ ...FAILURE, latencyMs: -1 }] }, "request.calls[0].latencyMs must be"],
    [{ ...QUESTION, skips: [{ breaker: "chat", reason: "open", count: 10_001 }] }, "at most 10000"],
    [
      { ...QUESTION, skips: [{ breaker: "chat", reason: "shut", count: 1 }] },
      "skips[0].reason must",
    ],
    [{ ...QUESTION, quota: [{ provider: "", forMs: null }] }, "request.quota[0].provider must be"],
    [{ ...QUESTION, spends: [{ provider: "openai" }] }, "request.spends[0].id must be a string"],
    [{ ...QUESTION, releases: [7] }, "request.releases[0] must be a string, received 7"],
    [{ ...QUESTION, reserve: 7 }, "request.reserve must be an object, received 7"],
    [{ ...QUESTION, spends: [7] }, "request.spends[0] must be an object, received 7"],
    [{ ...QUESTION, probe: 7 }, "request.probe must be a string, received 7"],
    [null, "request must be an object, received null"],
  ])("refuses the whole of %o", (request, message) => {
    const { world } = heard();
    const given = { calls: [FAILURE], spends: [spend("a")], ...request };
    expect(() => world.owner.exchange(request === null ? null : given)).toThrow(message);
    expect(world.owner.status().spent?.nano).toBe(0);
    expect(world.aborted).toBe(0);
  });

  test("what is said of breakers that it does not have is left out", () => {
    const { world } = heard();
    const request: OwnerRequest = {
      ...QUESTION,
      probe: "nope",
      calls: [{ ...FAILURE, breaker: "nope" }],
      skips: [{ breaker: "nope", reason: "open", count: 1 }],
      callbacks: [{ breaker: "nope", callback: "classify", error: { name: "E", message: "m" } }],
    };
    expect(world.owner.exchange(request)).toMatchObject({ permit: null, recorded: [] });
  });
});

describe("the warm start of an owner", () => {
  const warmWorld = (store: StateStore) => heard({ warmStart: store });

  test("is written after each change, and once a second at the most, by an alarm", async () => {
    const rows = new Map<string, string>();
    const { world } = warmWorld(createMemoryStore({ rows }));
    const stored = () => JSON.parse(rows.get("openai") ?? "{}").breakers?.chat.state;
    world.owner.exchange({ ...QUESTION, calls: [FAILURE] });
    await world.settled();
    expect(stored()).toBeUndefined();
    world.owner.exchange({ ...QUESTION, calls: [FAILURE] });
    await world.settled();
    expect(stored()).toBe("open");
    expect(world.storage.alarmAtMs).toBeNull();
    world.time.nowMs += 400;
    world.owner.control({ breaker: "chat", action: "reset" });
    await world.settled();
    expect(stored()).toBe("open");
    expect(world.storage.alarmAtMs).toBe(world.time.epochMs() + 600);
    world.time.nowMs += 600;
    // The alarm comes even if the object was put out of memory.
    world.crash();
    await world.owner.alarm();
    expect(stored()).toBe("closed");
  });

  test("has no money in it", async () => {
    const rows = new Map<string, string>();
    const { world } = warmWorld(createMemoryStore({ rows }));
    world.owner.exchange({ ...QUESTION, calls: [FAILURE, FAILURE], spends: [spend("a")] });
    await world.settled();
    expect(rows.get("openai")).toContain('"recorded":[]');
    expect(rows.get("openai")).not.toContain("nano");
  });

  test("a store that fails is told, and disturbs nothing", async () => {
    const store = createMemoryStore();
    await store.close();
    const { world, events } = warmWorld(store);
    world.owner.exchange({ ...QUESTION, calls: [FAILURE, FAILURE] });
    await world.settled();
    expect(events.at(-1)).toMatchObject({
      type: "owner.store_failed",
      owner: "openai",
      store: "memory",
      error: { name: "StoreError", code: "ERR_STORE_CLOSED" },
    });
    expect(await rowsOf(createMemoryStore())).toEqual({});
  });
});

describe("ownerClass refuses", () => {
  test.each([
    [{ breakers: {} }, "Cannot create owner: breakers must be an object of 1 to 64 breakers"],
    [{ breakers: { a: { cooldownMs: -1 } } }, 'Cannot create breaker "a": cooldownMs must be'],
    [{ breakers: { a: 7 } }, "Cannot create owner: breakers.a must be an object, received 7"],
    [
      { breakers: { a: { classify: () => "error" } } },
      "breakers.a.classify must be left out of the breakers of an owner, received a function",
    ],
    [{ breakers: { a: { inFlight: true } } }, "breakers.a.inFlight must be left out"],
    [{ breakers: { a: { clock: {} } } }, "breakers.a.clock must be left out"],
    [{ ...OPTIONS, warmStart: {} }, "Cannot create owner: warmStart.write must be a function"],
    [{ ...OPTIONS, name: "" }, "Cannot create owner: name must be a string of 1 to 256"],
    [{ ...OPTIONS, clock: {} }, "Cannot create owner: clock.monotonicMs must be a function"],
    [{ ...OPTIONS, ledger: {} }, "Cannot create credit ledger: prices must be an object"],
    [{ ...OPTIONS, quota: { limit: 0 } }, "Cannot create exhaustion registry: limit must be"],
    [{ ...OPTIONS, breaker: {} }, 'unknown option "breaker", did you mean "breakers"?'],
  ])("%o", (options, message) => {
    expect(() => new OwnerWorld(options as OwnerOptions).owner).toThrow(message);
  });
});
