import fc from "fast-check";
import { createClient } from "redis";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Operation } from "../../src/cluster/operation.ts";
import { type ClusterRecord, NOTHING } from "../../src/cluster/record.ts";
import { emptyStore, runOnStore } from "../../src/cluster/store-rules.ts";
import { readAnswer, readMessage } from "../../src/cluster/wire.ts";
import { CLUSTER_SCRIPT } from "../../src/redis/cluster-script.ts";
import { ClusterStore } from "../../src/redis/cluster-store.ts";
import { namespaceKeys } from "../../src/redis/namespace-keys.ts";
import { describeWith } from "../support/programs.ts";
import { type RedisServer, startRedis } from "../support/redis-server.ts";

const START_MS = 1_763_000_000_000;
const HOUR_MS = 3_600_000;
const KEYS = ["b:payments", "b:søk/ø", "q:openai", "l:sentinel/x"] as const;
const TASKS = ["task-1", "2", "日本"] as const;

/** What an operation is made from: numbers of records are chosen from those that there are, and nearby. */
interface Step {
  readonly verb: Operation["do"];
  readonly key: number;
  readonly task: number;
  /** Whose numbers: 0 the present record's, 1 an older one's, 2 newer than the store's, 3 far in the future. */
  readonly knowledge: number;
  readonly forMs: number;
  readonly flag: boolean;
  readonly quorum: number;
  /** How far the server's clock moves. */
  readonly clockMs: number;
}

const steps = fc.array(
  fc.record<Step>({
    verb: fc.constantFrom(
      ...(["force", "reset", "open", "open", "probe", "result"] as const),
      ...(["merge", "read", "sync"] as const),
    ),
    key: fc.nat(KEYS.length - 1),
    task: fc.nat(TASKS.length - 1),
    knowledge: fc.constantFrom(0, 0, 0, 0, 0, 1, 2, 3),
    forMs: fc.constantFrom(0, 1, 500, 1_000, 60_000, 2 * 86_400_000),
    flag: fc.boolean(),
    quorum: fc.nat(3),
    clockMs: fc.constantFrom(0, 0, 1, 700, 5_000, 70_000, -1, -HOUR_MS, HOUR_MS),
  }),
  { minLength: 1, maxLength: 25 },
);

const STEP: Step = {
  ...{ verb: "force", key: 0, task: 0, knowledge: 0, forMs: 500, flag: true, quorum: 0 },
  clockMs: 700,
};
/** What chance seldom makes: a forced open with an end whose probe succeeds. */
const FORCED_AND_PROBED: Step[] = [
  STEP,
  { ...STEP, verb: "probe" },
  { ...STEP, verb: "result", clockMs: 1 },
];

/** The operation that a step asks for, given what was learnt of its key. */
function operationOf(step: Step, history: readonly ClusterRecord[], nowMs: number): Operation {
  const present = history.at(-1) ?? NOTHING;
  const known = [
    present,
    history.at(-2) ?? NOTHING,
    { ...present, e: present.e + 7, v: present.v + 9 },
  ][step.knowledge] ?? { ...present, e: nowMs + 8 * 86_400_000, v: nowMs };
  const key = KEYS[step.key] ?? KEYS[0];
  const by = TASKS[step.task] ?? TASKS[0];
  const base = { e: known.e, v: known.v };
  const common = { key, by, base } as const;
  const { forMs, flag } = step;
  switch (step.verb) {
    case "force":
      return { do: "force", ...common, forMs, note: 'by "hand" / ø\u0000', incident: "i-1" };
    case "reset":
      return { do: "reset", ...common, note: "by hand", conditional: flag };
    case "open": {
      const votes = step.quorum === 0 ? null : { quorum: step.quorum, withinMs: 5_000 };
      const open = { note: "", incident: "i-2", votes, extend: flag };
      return { do: "open", ...common, forMs: Math.max(1, forMs), ...open };
    }
    case "probe":
      return { do: "probe", ...common, leaseMs: Math.max(1, forMs) };
    case "result":
      return { do: "result", ...common, token: base, ok: flag, forMs };
    case "merge": {
      const lost: ClusterRecord = { ...known, s: "open", ou: nowMs + forMs, o: by };
      return { do: "merge", by, entries: [[key, flag ? known : lost]] };
    }
    case "read":
      return { do: "read", by, keys: flag ? [...KEYS] : [] };
    case "sync":
      return { do: "sync", by, position: flag ? { n: "no-such", g: 1, lv: 1 } : null };
  }
}

const sorted = (entries: unknown) =>
  entries === undefined
    ? undefined
    : [...(entries as [string, unknown][])].sort(([a], [b]) => (a < b ? -1 : 1));

describeWith("redis-server")("the script", () => {
  let server: RedisServer;
  let client: ReturnType<typeof createClient>;

  beforeAll(async () => {
    server = await startRedis();
    client = createClient({ url: server.url });
    await client.connect();
  });
  afterAll(async () => {
    client.destroy();
    await server.stop();
  });

  const command = (_key: string, args: readonly string[]) => client.sendCommand([...args]);

  test("CLUSTER_SCRIPT answers, keeps and publishes what runOnStore does, for any operations", async () => {
    // The server's clock is replaced, so that it can stand still and step back; nothing else is.
    expect(CLUSTER_SCRIPT).toContain("redis.call('TIME')");
    const text = CLUSTER_SCRIPT.replace(
      "redis.call('TIME')",
      "{string.sub(redis.call('GET', 'clock'), 1, -4), string.sub(redis.call('GET', 'clock'), -3) .. '000'}",
    );
    const names = namespaceKeys("telltale", "shop");
    const keys = [names.records, names.meta, names.votes, names.audit];
    await fc.assert(
      fc.asyncProperty(steps, async (sequence) => {
        await client.sendCommand(["FLUSHALL"]);
        const data = emptyStore();
        const history = new Map<string, ClusterRecord[]>();
        let nowMs = START_MS;
        for (const step of sequence) {
          nowMs += step.clockMs;
          await client.sendCommand(["SET", "clock", String(nowMs)]);
          const past = history.get(KEYS[step.key] ?? "") ?? [];
          const made = operationOf(step, past, nowMs);
          const isCurrent = made.do === "sync" && step.knowledge === 0;
          const operation = isCurrent ? { ...made, position: data.position } : made;
          const due = runOnStore(data, operation, { serverMs: nowMs });
          const args = [names.channel, JSON.stringify(operation), "return"];
          const raw = await client.sendCommand<[string, string[], string[]]>([
            ...["EVAL", text, String(keys.length)],
            ...[...keys, ...args],
          ]);
          const header = JSON.parse(raw[0]);
          const flat = raw[1];
          const entries = header.listed
            ? Array.from({ length: flat.length / 2 }, (_, n) => [
                flat[2 * n],
                JSON.parse(flat[2 * n + 1] ?? "null"),
              ])
            : undefined;
          const given = readAnswer({ ...header, entries });
          expect(given?.dropped).toBe(0);
          expect({ ...given?.answer, entries: sorted(given?.answer.entries) }).toEqual({
            ...due.answer,
            entries: sorted(due.answer.entries),
          });
          expect(raw[2].map(readMessage)).toEqual(due.messages);
          const { record } = due.answer;
          if (record !== undefined) history.set(KEYS[step.key] ?? "", [...past, record]);
        }
        const kept = await client.hGetAll(names.records);
        const held = [...data.records].map(([key, record]) => [key, record]);
        expect(
          Object.fromEntries(
            Object.entries(kept).map(([key, record]) => [key, JSON.parse(record)]),
          ),
        ).toEqual(Object.fromEntries(held));
        const votes = await client.hGetAll(names.votes);
        const cast = [...data.votes].map(([key, byTask]) => [key, Object.fromEntries(byTask)]);
        expect(
          Object.fromEntries(Object.entries(votes).map(([key, one]) => [key, JSON.parse(one)])),
        ).toEqual(Object.fromEntries(cast));
      }),
      { numRuns: 150, examples: [[FORCED_AND_PROBED]] },
    );
  });

  test("trap 52: no millisecond is rounded on the way through Lua's cjson", async () => {
    await client.sendCommand(["FLUSHALL"]);
    const store = new ClusterStore(namespaceKeys("telltale", "digits"), "publish");
    const top = 99_999_999_999_999;
    const before = await server.ask("TIME");
    const open = { key: "b:x", by: "t", base: { e: 0, v: 0 }, note: "", incident: "" } as const;
    const { answer } = await store.run(command, {
      ...{ do: "open", ...open, forMs: 60_001, votes: null, extend: false },
    });
    const read = readAnswer(answer)?.answer;
    const seconds = Number(before.split("\r\n")[2]);
    expect(read?.at).toBeGreaterThanOrEqual(seconds * 1_000);
    expect(read?.record?.ou).toBe((read?.at ?? 0) + 60_001);
    // The largest number that a record may hold comes back digit by digit; one more is none.
    const record = { ...NOTHING, e: 1, v: 1, o: "t", fa: top };
    await store.run(command, { do: "merge", by: "t", entries: [["b:y", record]] });
    await store.run(command, {
      ...{ do: "merge", by: "t", entries: [["b:z", { ...record, fa: top + 1 }]] },
    });
    const listed = await store.run(command, { do: "sync", by: "t", position: null });
    const rows = new Map(readAnswer(listed.answer)?.answer.entries);
    expect(rows.get("b:y")?.fa).toBe(top);
    expect(rows.has("b:z")).toBe(false);
  });

  test("a server that does not know the script is sent its text, once", async () => {
    await client.sendCommand(["SCRIPT", "FLUSH"]);
    await client.sendCommand(["CONFIG", "RESETSTAT"]);
    const store = new ClusterStore(namespaceKeys("telltale", "sha"), "publish");
    const read = { do: "read", by: "t", keys: [] } as const;
    for (let n = 0; n < 3; n++) await store.run(command, read);
    const stats = await server.ask("INFO", "commandstats");
    expect(stats).toMatch(/cmdstat_eval:calls=1,/);
    expect(stats).toMatch(/cmdstat_evalsha:calls=3,/);
  });
});
