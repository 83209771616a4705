import { expect, test } from "vitest";
import { PostMortemFold, type PostMortemOptions } from "../../src/report/post-mortem.ts";
import type { PostMortem } from "../../src/report/post-mortem-report.ts";
import { renderPostMortem } from "../../src/report/render-post-mortem.ts";
import { fail, succeed } from "../support/breaker.ts";
import { outage, type Recorded, record, skips } from "./recorded.ts";

/** The post-mortem of files, each a list of lines or of events. */
function postMortem(
  files: Readonly<Record<string, readonly unknown[]>>,
  options: PostMortemOptions = {},
): PostMortem {
  const fold = new PostMortemFold(options);
  for (const [file, entries] of Object.entries(files)) {
    for (const [at, entry] of entries.entries()) fold.add(entry, { file, line: at + 1 });
  }
  return fold.result();
}

/** The moment at which a fake clock begins. */
const START_MS = 1_767_225_600_000;

/** A replica whose breaker is open from one second to another. */
async function replica(instance: string, fromS: number, toS: number): Promise<Recorded> {
  const recorded = record({ instance });
  const breaker = recorded.breaker("payments", { cooldownMs: (toS - fromS) * 1_000 });
  await outage(recorded, breaker, fromS * 1_000, toS * 1_000);
  recorded.detach();
  return recorded;
}

test("three replicas open 10 to 20, 11 to 19 and 12 to 30 have a mean of 12 and an outage of 20 s", async () => {
  const replicas = [
    await replica("a", 10, 20),
    await replica("b", 11, 19),
    await replica("c", 12, 30),
  ];
  const files = Object.fromEntries(replicas.map(({ lines }, at) => [`${at}.log`, lines]));
  const { breakers, outages, incidents } = postMortem(files);
  expect(breakers["payments"]).toMatchObject({
    incidents: 3,
    outages: 1,
    openMs: 20_000,
    mttrMeanMs: 12_000,
    mttrMedianMs: 10_000,
    mttrMaxMs: 18_000,
    openShare: 1,
    mtbfMs: null,
  });
  expect(outages).toEqual([
    expect.objectContaining({ unionMs: 20_000, meanMs: 12_000, instances: ["a", "b", "c"] }),
  ]);
  expect(incidents.map(({ cooldownFloorMs }) => cooldownFloorMs)).toEqual([10_000, 8_000, 18_000]);
});

/** An incident with refused calls, a failed probe, and a call that came late. */
async function longIncident(): Promise<Recorded> {
  const recorded = record({ instance: "api-1" });
  const { clock } = recorded;
  const breaker = recorded.breaker("payments", { failureThreshold: 3, cooldownMs: 10_000 });
  for (let n = 0; n < 3; n++) {
    await breaker.execute(fail);
    clock.advance(n < 2 ? 500 : 0);
  }
  await skips(breaker, 1_000);
  clock.advance(10_000);
  await breaker.execute(fail);
  await skips(breaker, 100);
  clock.advance(15_000);
  await breaker.execute(succeed);
  recorded.detach();
  return recorded;
}

test("a post-mortem tells the phases, the probes, the floor, the trip and the skips of a sampled log", async () => {
  const { lines } = await longIncident();
  const [incident] = postMortem({ "app.log": lines }).incidents;
  expect(incident).toMatchObject({
    detectMs: 1_000,
    skips: 1_100,
    failedProbes: 1,
    probeOutcomes: { error: 1, success: 1 },
    cooldownFloorMs: 20_000,
    phases: { openMs: 25_000, halfOpenMs: 0, forcedOpenMs: 0, noTrafficMs: 5_000 },
    causes: { error: 4, latency: 0 },
    trip: { threshold: 3, cooldownMs: 10_000 },
    mttrMs: 25_000,
    notes: [],
  });
  expect(incident?.tripText).toMatch(/^error, rule consecutive \(.*failures 3, threshold 3\)$/);
  expect(incident?.stretches.map(({ state }) => state)).toEqual([
    "open",
    "half_open",
    "open",
    "half_open",
  ]);
});

test("a timeline begins before the trip, joins skips, and names the line of each entry", async () => {
  const { lines } = await longIncident();
  const report = postMortem({ "app.log": ["listening", ...lines] });
  const timeline = report.incidents[0]?.timeline ?? [];
  expect(timeline[0]?.type).toBe("circuit.failure");
  expect(timeline.filter(({ type }) => type === "circuit.skip").map(({ text }) => text)).toEqual([
    expect.stringMatching(/^1 000 calls refused/),
    expect.stringMatching(/^100 calls refused/),
  ]);
  for (const { type, source } of timeline) {
    expect(source?.file).toBe("app.log");
    expect(lines[(source?.line ?? 0) - 2]).toContain(`"${type}"`);
  }
  expect(renderPostMortem(report)).toContain("| app.log:2 |");
});

test("events of later lines, of rotated files and newest first are put in order", async () => {
  const { lines } = await longIncident();
  const straight = postMortem({ "app.log": lines });
  const reversed = postMortem({ "app.log": lines.toReversed() });
  const withoutSource = ({ incidents, breakers }: PostMortem) => ({
    incidents: incidents.map(({ timeline, ...rest }) => ({
      ...rest,
      timeline: timeline.map(({ source: _line, ...entry }) => entry),
    })),
    breakers,
  });
  expect(withoutSource(reversed)).toEqual(withoutSource(straight));
  expect(reversed.input.unordered).toBe(0);
});

test("events that come too late to be ordered are counted and said", async () => {
  const recorded = record();
  const breaker = recorded.breaker("payments", { failureThreshold: 10_000 });
  for (let n = 0; n < 3_000; n++) await breaker.execute(fail);
  const { events } = recorded;
  const report = postMortem({ "app.log": [...events.slice(10), ...events.slice(0, 10)] });
  expect(report.input.unordered).toBe(10);
  expect(report.caveats.join()).toContain("10 events came too late to be put in order");
});

test("a gap in the numbers and a lost close are shown and not smoothed over", async () => {
  const { events } = await longIncident();
  const lost = events.filter(({ type }) => type !== "circuit.probe" && type !== "circuit.close");
  const next = { ...events.at(-1), type: "circuit.success", seq: 9_999 };
  const { incidentId: _none, ...after } = next as Record<string, unknown>;
  const report = postMortem({ "app.log": [...lost, after] });
  const [incident] = report.incidents;
  expect(incident).toMatchObject({ closeLost: true, closedAtMs: null });
  expect(incident?.timeline.map(({ text }) => text).join()).toContain("GAP: up to 1 event missing");
  expect(incident?.notes.join()).toContain("the process died, or the line was lost");
  expect(report.breakers["payments"]?.stillOpen).toBe(1);
  expect(renderPostMortem(report)).toContain("| Lasted | ≥ ");
});

test("a process that falls silent in an incident while the record goes on is pointed out", async () => {
  const dead = record({ instance: "dead" });
  await dead.breaker("payments").execute(fail);
  const alive = await replica("alive", 0, 600);
  const report = postMortem({ "app.log": [...dead.events, ...alive.events] });
  const doubtful = report.incidents.filter(({ notes }) => notes.length > 0);
  expect(doubtful.map(({ instances }) => instances)).toEqual([["dead"]]);
  expect(doubtful[0]?.notes.join()).toContain("it may have died, or nobody called");
});

test("a clock that is behind shows in a file of several instances", async () => {
  const late = record({ instance: "late" });
  const right = record({ instance: "right" });
  const mixed: unknown[] = [];
  const [lateBreaker, rightBreaker] = [late, right].map((each) =>
    each.breaker("payments", { failureThreshold: 100 }),
  );
  for (let n = 0; n < 5; n++) {
    for (const each of [late, right]) each.clock.nowMs = n * 1_000;
    late.clock.advance(-5_000);
    await rightBreaker?.execute(fail);
    await lateBreaker?.execute(fail);
    mixed.push(...right.events.splice(0), ...late.events.splice(0));
  }
  const { caveats } = postMortem({ "app.log": mixed });
  expect(caveats.join()).toContain("In app.log, events of late are dated at least 5.00 s before");
  expect(caveats.join()).not.toContain("events of right");
});

test("a wall clock that was set during an incident is said, and lengths are monotonic", async () => {
  const { lines } = await longIncident();
  const set = lines.map((line) => {
    const event = JSON.parse(line);
    return event.type === "circuit.close" ? { ...event, atMs: event.atMs + 3_600_000 } : event;
  });
  const [incident] = postMortem({ "app.log": set }).incidents;
  expect(incident?.mttrMs).toBe(25_000);
  expect(incident?.notes.join()).toContain("set forward by about 3600 s");
});

test("events under any key and prefix are found without being told how", async () => {
  const { lines } = await longIncident();
  const renamed = lines.map((line) => {
    const { type, ...rest } = JSON.parse(line);
    return JSON.stringify({ event: `triage.${type}`, ...rest });
  });
  expect(postMortem({ a: renamed }).incidents).toHaveLength(1);
  expect(
    postMortem({ a: renamed }, { eventKey: "event", prefix: "triage." }).incidents,
  ).toHaveLength(1);
  expect(postMortem({ a: renamed }, { eventKey: "name" }).input).toMatchObject({ events: 0 });
});

test("processes whose events name no instance are told apart by the host and id of pino's lines", async () => {
  const files: Record<string, readonly string[]> = {};
  for (const pid of [1, 2]) {
    const recorded = record();
    await outage(recorded, recorded.breaker("payments"), pid, 60_000 + pid);
    files[`${pid}.log`] = recorded.lines.map((line) =>
      JSON.stringify({ ...JSON.parse(line), hostname: "web", pid }),
    );
  }
  expect(postMortem({ one: files["1.log"] ?? [] }).incidents[0]?.instances).toEqual([]);
  const { incidents } = postMortem(files);
  expect(incidents.map(({ instances }) => instances)).toEqual([["web/1"], ["web/2"]]);
});

test("two breakers of one name in one stream are said, and nothing breaks", async () => {
  const one = record();
  const two = record();
  await outage(one, one.breaker("payments"), 1_000, 61_000);
  await outage(two, two.breaker("payments"), 2_000, 62_000);
  const mixed = one.events.flatMap((event, at) => [event, two.events[at]]);
  expect(postMortem({ a: mixed }).caveats.join()).toContain(
    'Two breakers or two processes seem to write as "payments"',
  );
});

test("events of a later version, of the future and repeated ones are counted and said", async () => {
  const { events } = await longIncident();
  const later = events.map((event) => ({ ...event, v: 2 }));
  const report = postMortem(
    { a: [...events, ...events, ...later] },
    { nowMs: START_MS - 3_600_000 },
  );
  expect(report.input).toMatchObject({
    events: events.length * 2,
    repeated: events.length,
    laterVersion: events.length,
    future: events.length * 2,
  });
  expect(report.incidents).toHaveLength(1);
  const said = report.caveats.join("\n");
  expect(said).toContain("of a later version of the format were left out");
  expect(said).toContain("dated in the future");
  expect(said).toContain("more than once");
});

test("sinceMs, untilMs, breaker and incident choose what a post-mortem is about", async () => {
  const recorded = record();
  const [payments, search] = ["payments", "search"].map((name) => recorded.breaker(name));
  if (payments === undefined || search === undefined) throw new Error("two were made");
  await outage(recorded, payments, 10_000, 80_000);
  await outage(recorded, search, 100_000, 170_000);
  await outage(recorded, payments, 200_000, 270_000);
  const opened = (options: PostMortemOptions) =>
    postMortem({ a: recorded.events }, options).incidents.map(
      ({ openedAtMs }) => (openedAtMs - START_MS) / 1_000,
    );
  expect(opened({})).toEqual([10, 100, 200]);
  expect(opened({ breaker: "payments" })).toEqual([10, 200]);
  expect(opened({ sinceMs: START_MS + 90_000 })).toEqual([100, 200]);
  expect(opened({ untilMs: START_MS + 99_000 })).toEqual([10]);
  expect(opened({ sinceMs: START_MS + 60_000, untilMs: START_MS + 90_000 })).toEqual([10]);
  const { incidents, breakers } = postMortem({ a: recorded.events });
  expect(opened({ incident: incidents[1]?.incidentId ?? "" })).toEqual([100]);
  expect(breakers["payments"]).toMatchObject({ mtbfMs: 190_000, openShare: 140 / 260 });
});

test("an incident without an end is counted, marked and kept out of the times to recovery", async () => {
  const recorded = record();
  const breaker = recorded.breaker("payments");
  await outage(recorded, breaker, 0, 60_000);
  recorded.clock.advance(1_000);
  await breaker.execute(fail);
  recorded.clock.advance(30_000);
  await breaker.execute(succeed);
  const report = postMortem({ a: recorded.events });
  expect(report.breakers["payments"]).toMatchObject({
    stillOpen: 1,
    recovered: 1,
    mttrMeanMs: 60_000,
    openMs: 90_000,
  });
  expect(report.incidents[1]?.phases.openMs).toBe(30_000);
  expect(renderPostMortem(report)).toContain("STILL OPEN at the end of the record");
});

test("Markdown shows names and messages of the record as they are, whatever they hold", async () => {
  const recorded = record();
  const evil = "<img src=x onerror=alert(1)>|[x](javascript:1) `*_ https://evil.example";
  const breaker = recorded.breaker(evil, { cooldownMs: 60_000 });
  await breaker.execute(() => Promise.reject(new Error(evil)));
  const text = renderPostMortem(postMortem({ [evil]: recorded.events }));
  expect(text).not.toContain("<img");
  expect(text).not.toMatch(/[^\\]\]\(/);
  expect(text).not.toContain("https://");
  for (const line of text.split("\n").filter((each) => each.startsWith("| "))) {
    expect(line.replaceAll("\\|", "").split("|").length).toBeLessThanOrEqual(5);
  }
});

test("an incident of very many events keeps the beginning and the end of its timeline", async () => {
  const recorded = record();
  const breaker = recorded.breaker("payments", { cooldownMs: 1_000 });
  await breaker.execute(fail);
  for (let n = 0; n < 500; n++) {
    recorded.clock.advance(1_000);
    await breaker.execute(fail);
  }
  recorded.clock.advance(1_000);
  await breaker.execute(succeed);
  const [incident] = postMortem({ a: recorded.events }).incidents;
  expect(incident?.timeline.length).toBe(200);
  expect(incident?.timeline.at(-1)?.type).toBe("circuit.close");
  expect(incident?.timelineLeftOut).toBeGreaterThan(1_000);
  expect(incident).toMatchObject({ failedProbes: 500, reopens: 500, cooldownFloorMs: 501_000 });
});

test("a timeline joins late results, however they mix with refused calls, and leaves nothing out for them", async () => {
  const recorded = record({ instance: "api-1" });
  const breaker = recorded.breaker("payments", { cooldownMs: 10_000 });
  const answers: (() => void)[] = [];
  const slow = (): Promise<void> => new Promise((resolve) => answers.push(resolve));
  const calls = Array.from({ length: 300 }, () => breaker.execute(slow));
  await breaker.execute(fail);
  for (const [at, answer] of answers.entries()) {
    answer();
    await calls[at];
    await skips(breaker, 2);
    recorded.clock.advance(10);
  }
  recorded.clock.advance(10_000);
  await breaker.execute(succeed);
  recorded.detach();
  const [incident] = postMortem({ "app.log": recorded.events }).incidents;
  expect(incident?.timelineLeftOut).toBe(0);
  expect(incident?.timeline.map(({ type, text }) => `${type}: ${text}`)).toEqual([
    expect.stringContaining("circuit.failure: call failed"),
    expect.stringContaining("circuit.open: OPEN"),
    "circuit.late: 300 late results dropped in 2.99 s",
    "circuit.skip: 600 calls refused in 2.99 s",
    expect.stringContaining("circuit.half_open: HALF OPEN"),
    "circuit.probe: probe ended: success, took 0 ms",
    expect.stringContaining("circuit.close: CLOSED by probe"),
  ]);
  const late = incident?.timeline.find(({ type }) => type === "circuit.late");
  expect(recorded.events[(late?.source?.line ?? 0) - 1]?.type).toBe("circuit.late");
});

test("the way to a trip is told back to its beginning by a success and by a close, however wide the bins are", async () => {
  const recorded = record();
  const { clock } = recorded;
  const breaker = recorded.breaker("payments", { failureThreshold: 5, cooldownMs: 20 });
  for (let n = 0; n < 3; n++) await breaker.execute(fail);
  await breaker.execute(succeed);
  clock.advance(1_000);
  for (let n = 0; n < 5; n++) await breaker.execute(fail);
  clock.advance(20);
  await breaker.execute(succeed);
  const near = ({ breakers }: PostMortem) =>
    breakers["payments"]?.bins.map(({ nearest, last }) => [nearest, last]);
  expect(near(postMortem({ "app.log": recorded.events }))).toEqual([
    [0.6, 0],
    [1, 0],
  ]);
  // A failure in each minute of a day makes the bins so wide that all of that is in one.
  for (let n = 0; n < 1_440; n++) {
    clock.advance(60_000);
    await breaker.execute(fail);
    await breaker.execute(succeed);
  }
  const [first, ...others] = near(postMortem({ "app.log": recorded.events })) ?? [];
  expect(first).toEqual([1, 0]);
  expect(new Set(others.map(String))).toEqual(new Set(["0.2,0"]));
});
