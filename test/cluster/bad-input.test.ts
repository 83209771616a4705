import fc from "fast-check";
import { expect, test } from "vitest";
import { NOTHING } from "../../src/cluster/record.ts";
import { readAnswer, readMessage, readRecord } from "../../src/cluster/wire.ts";
import type { Backplane } from "../../src/redis/index.ts";
import { START_AT_MS } from "../support/fake-clock.ts";
import { Fleet, nth } from "./fleet.ts";

const record = { ...NOTHING, e: 5, v: 7, s: "open", ou: START_AT_MS + 60_000, i: "i-1", o: "peer" };
const position = { n: "store", g: 3, lv: 7 };
const write = { p: 1, k: "write", position, key: "b:payments", record };
const text = (change: object) => JSON.stringify({ ...write, ...change });

test.each([
  ["no JSON", "{", "malformed"],
  ["an array", "[]", "malformed"],
  ["null", "null", "malformed"],
  ["no text", 5, "malformed"],
  ["huge", " ".repeat(4_097), "oversized"],
  ["of another major", JSON.stringify({ p: 2, k: "write" }), "version"],
  ["of no version", JSON.stringify({ k: "write" }), "malformed"],
  ["of an unknown kind", JSON.stringify({ p: 1, k: "shout" }), "malformed"],
  ["without a key", text({ key: undefined }), "malformed"],
  ["with a key of no kind", text({ key: "__proto__" }), "malformed"],
  ["with a name that is too long", text({ key: `b:${"x".repeat(257)}` }), "malformed"],
  ["with a record that is none", text({ record: [] }), "malformed"],
  ["with a position that is none", text({ position: { n: "", g: 1, lv: 1 } }), "malformed"],
  ["with a wrong recovered", text({ recovered: "yes" }), "malformed"],
  ["a beat without a count", JSON.stringify({ p: 1, k: "beat", o: "a" }), "malformed"],
  ["a bye of nobody", JSON.stringify({ p: 1, k: "bye", o: "" }), "malformed"],
])("readMessage() drops one that is %s", (_what, given, reason) => {
  expect(readMessage(given)).toBe(reason);
});

test("readMessage() takes a good one, and leaves unknown fields behind", () => {
  expect(readMessage(text({ surplus: 1 }))).toEqual(JSON.parse(text({})));
});

test.each(Object.keys(record))("readRecord() refuses a wrong %s", (name) => {
  for (const wrong of [-1, 1.5, 1e14, Number.NaN, "x".repeat(300), {}, null, true, undefined]) {
    const isText = typeof wrong === "string";
    if (
      isText &&
      ["s", "f"].includes(name) === false &&
      typeof Reflect.get(record, name) !== "string"
    )
      continue;
    expect(readRecord({ ...record, [name]: wrong }), `${name} ${String(wrong)}`).toBeNull();
  }
});

test("readAnswer() keeps the good rows of a listing with bad ones", () => {
  const entries = [["b:one", record], ["b:two", { ...record, e: -1 }], "row", [1, record]];
  const read = readAnswer({ outcome: "listed", at: 5, position, entries });
  expect(read?.answer.entries?.map(([key]) => key)).toEqual(["b:one"]);
  expect(read?.dropped).toBe(3);
});

test("nothing that is parsed throws, whatever it is", () => {
  fc.assert(
    fc.property(fc.anything(), fc.string(), fc.json(), (anything, string, json) => {
      readMessage(anything);
      readMessage(string);
      readMessage(json);
      readAnswer(anything);
      readRecord(anything);
    }),
    { numRuns: 2_000 },
  );
});

/** A task, and a peer that writes what it likes on its channel and in its answers. */
async function withHostilePeer() {
  const fleet = new Fleet();
  const peer = fleet.store.backplane();
  await peer.connect({ message: () => {}, forged: () => {}, lost: () => {} }, "default");
  const task = fleet.boot("a");
  task.get("payments");
  await fleet.time.pass(20);
  return { fleet, time: fleet.time, task, say: (said: string) => peer.publish(said) };
}

test("bad messages are dropped, counted and told, and the next good one is heard", async () => {
  const { fleet, time, task, say } = await withHostilePeer();
  for (let n = 0; n < 5; n++) await say("{");
  await say(" ".repeat(5_000));
  await say(JSON.stringify({ p: 9, k: "write" }));
  const good = fleet.boot("b");
  good.get("payments").forceOpen();
  await time.pass(50);
  expect(task.get("payments").state).toBe("forced_open");
  expect(task.cluster.status.rejected).toMatchObject({ malformed: 5, oversized: 1, version: 1 });
  const told = task.of("cluster.rejected").map((event) => Reflect.get(event, "count"));
  expect(told).toEqual([1, 2, 4, 1, 1]);
});

test("a forged epoch is not believed before the store confirms it", async () => {
  const { time, task, say } = await withHostilePeer();
  task.get("payments").forceOpen();
  await time.pass(20);
  await say(text({ record: { ...NOTHING, e: START_AT_MS, v: START_AT_MS, o: "forger" } }));
  await time.pass(50);
  expect(task.get("payments").state).toBe("forced_open");
});

test("numbers from the far future are dropped", async () => {
  const { time, task, say } = await withHostilePeer();
  await say(text({ record: { ...record, e: 0, v: START_AT_MS + 30 * 86_400_000 } }));
  await time.pass(50);
  expect(task.get("payments").state).toBe("closed");
  expect(task.cluster.status.rejected.future).toBe(1);
});

test("a replayed message changes nothing", async () => {
  const { fleet, time, task, say } = await withHostilePeer();
  const heard: string[] = [];
  const listener = fleet.store.backplane();
  const own = { message: (said: string) => heard.push(said), forged: () => {}, lost: () => {} };
  await listener.connect(own, "default");
  task.get("payments").forceOpen();
  await time.pass(20);
  task.get("payments").reset();
  await time.pass(20);
  const { generation } = task.of("circuit.close")[0] as { generation: number };
  for (const said of heard.filter((one) => one.includes('"write"'))) await say(said);
  await time.pass(50);
  expect(task.get("payments").state).toBe("closed");
  task.get("payments").disable();
  expect(task.of("circuit.disable")[0]).toMatchObject({ generation: generation + 1 });
});

test("nameLimit: names beyond it are dropped, and read when there is a breaker of theirs", async () => {
  const fleet = new Fleet({ options: { nameLimit: 2 } });
  const [small, other] = [fleet.boot("small"), fleet.boot("other")];
  await fleet.time.pass(20);
  for (const name of ["one", "two", "three"]) other.get(name).forceOpen();
  await fleet.time.pass(20);
  expect(small.cluster.status.rejected.names).toBeGreaterThan(0);
  const late = small.get("three");
  await fleet.time.pass(20);
  expect(late.state).toBe("forced_open");
  expect(nth(fleet.tasks, 1).get("one").state).toBe("forced_open");
});

test.each([
  [
    "throws at once",
    () => {
      throw new Error("backplane");
    },
  ],
  ["rejects", () => Promise.reject(new Error("backplane"))],
  ["answers nonsense", () => Promise.resolve("nonsense")],
  ["answers nothing", () => Promise.resolve(undefined)],
])("a backplane that %s fails no call and leaves the breaker to itself", async (_what, run) => {
  const fleet = new Fleet();
  const real = fleet.store.backplane();
  // Wrong on purpose: this is what the seam must bear.
  const bad: Backplane = { ...real, run: run as Backplane["run"], publish: run as never };
  const spoilt = new Fleet();
  spoilt.store.backplane = () => bad;
  const task = spoilt.boot("a");
  task.get("payments").forceOpen();
  await spoilt.time.pass(10_000);
  task.get("payments").reset();
  expect((await task.get("payments").execute(() => "ok")).outcome).toBe("ok");
  expect(task.cluster.status.phase).toBe("degraded");
  expect(await task.cluster.reset("payments")).toMatchObject({ scope: "local-only" });
});
