import pino from "pino";
import { expect, test } from "vitest";
import { FATE } from "../../../src/cli/tune/call-log.ts";
import { EventCalls, type EventCallsOptions } from "../../../src/cli/tune/event-calls.ts";
import { recordingOf } from "../../../src/cli/tune/recording.ts";
import { settingText } from "../../../src/cli/tune/setting.ts";
import { todayOf } from "../../../src/cli/tune/today.ts";
import { type LogOptions, logCircuitEvents } from "../../../src/exporters/pino.ts";
import { CircuitBreaker, type CircuitBreakerOptions, createEventBus } from "../../../src/index.ts";
import { FakeClock, START_AT_MS } from "../../support/fake-clock.ts";

/** A breaker whose events become the lines of a pino log at level trace. */
function logged(
  options: CircuitBreakerOptions = {},
  {
    log = {},
    instance,
    name = "payments",
  }: { log?: LogOptions; instance?: string; name?: string } = {},
) {
  const clock = new FakeClock();
  const lines: string[] = [];
  const bus = createEventBus(instance === undefined ? {} : { instance });
  const logger = pino({ level: "trace" }, { write: (line) => void lines.push(line.trimEnd()) });
  const detach = logCircuitEvents(bus, logger, log);
  const breaker = new CircuitBreaker(name, {
    ...{ clock, bus, failureThreshold: 2, latencyTripMs: 500, cooldownMs: 1_000 },
    ...options,
  });
  /** A call that ends with what `end` does, after so many milliseconds. */
  const call = (durationMs: number, error?: Error): void => {
    const permit = breaker.admit();
    clock.advance(durationMs);
    if (!permit.ok) return;
    if (error === undefined) permit.success();
    else permit.failure(error);
  };
  return { breaker, clock, lines, detach, call };
}

function read(lines: readonly string[], options: Partial<EventCallsOptions> = {}): EventCalls {
  const reader = new EventCalls({
    ...{ breaker: undefined, naming: undefined },
    ...{ sinceMs: Number.NEGATIVE_INFINITY, untilMs: Number.POSITIVE_INFINITY, ...options },
  });
  for (const line of lines) reader.add(line);
  return reader;
}

/** The calls of a log as `start+duration fate`, from the start of the fake clock. */
const callsOf = (reader: EventCalls): readonly string[] =>
  reader
    .gathered()
    .flatMap(({ logs }) =>
      logs.flatMap(({ startMs, durationMs, fate }) =>
        [...startMs].map(
          (start, at) => `${Math.round(start - START_AT_MS)}+${durationMs[at]} ${fate[at]}`,
        ),
      ),
    );

const timeout = (): Error => Object.assign(new Error("too late"), { name: "TimeoutError" });

test("EventCalls makes a call of each event that ends one", () => {
  const { lines, call, clock, breaker } = logged({ failureThreshold: 99 });
  call(10);
  clock.advance(90);
  call(20, new Error("down"));
  call(700);
  call(800, new Error("down, and slowly"));
  call(900, timeout());
  const permit = breaker.admit();
  clock.advance(5);
  if (permit.ok) permit.cancel();
  expect(callsOf(read(lines))).toEqual([
    `0+10 ${FATE.ok}`,
    `100+20 ${FATE.error}`,
    // With a higher limit it would be a success.
    `120+700 ${FATE.ok}`,
    `820+800 ${FATE.error}`,
    `1620+900 ${FATE.timeout}`,
    `2520+5 ${FATE.ignored}`,
  ]);
});

test("EventCalls makes calls of late results, which were let through as well", () => {
  const { lines, call, clock, breaker } = logged();
  const early = [breaker.admit(), breaker.admit(), breaker.admit()];
  call(10, new Error("down"));
  call(10, new Error("down"));
  clock.advance(780);
  for (const [at, permit] of early.entries()) {
    if (!permit.ok) continue;
    if (at === 0) permit.success(100);
    else if (at === 1) permit.failure(new Error("down"), 100);
    else permit.success(800);
  }
  expect(callsOf(read(lines)).slice(2)).toEqual(["700+100 0", "700+100 1", "0+800 0"]);
});

test("EventCalls takes a late slow call for a timeout where others of its process were", () => {
  const { lines, call, clock, breaker } = logged();
  const early = breaker.admit();
  call(600, timeout());
  call(600, timeout());
  clock.advance(10);
  if (early.ok) early.failure(timeout());
  expect(callsOf(read(lines)).at(-1)).toBe(`0+1210 ${FATE.timeout}`);
});

test("EventCalls makes a call without an outcome of each refusal, sampled or not", () => {
  const { lines, call, clock, detach } = logged();
  call(10, new Error("down"));
  call(10, new Error("down"));
  for (let n = 0; n < 100; n++) {
    clock.advance(5);
    call(0);
  }
  detach();
  const skips = lines.filter((line) => line.includes('"circuit.skip"'));
  expect(skips.length).toBeLessThan(15);
  const refused = callsOf(read(lines)).filter((call) => call.endsWith(` ${FATE.unknown}`));
  expect(refused).toHaveLength(100);
  const starts = refused.map((call) => Number.parseInt(call, 10)).sort((a, b) => a - b);
  // Spread over the time between the lines that stand for them, as they were.
  for (const [n, start] of starts.entries())
    expect(Math.abs(start - (25 + 5 * n))).toBeLessThan(10);
});

test("EventCalls leaves out what something beside the breaker has refused", () => {
  const { lines, call, detach } = logged({ quota: () => 1_000 });
  call(10);
  call(10);
  detach();
  const reader = read(lines);
  expect(callsOf(reader)).toEqual([]);
  expect(reader.gathered()[0]?.facts?.refusedBeside).toBe(2);
});

test("EventCalls finds out how the events are named, and is told", () => {
  const { lines, call } = logged({}, { log: { eventKey: "event", prefix: "triage." } });
  call(10);
  expect(callsOf(read(lines))).toEqual(["0+10 0"]);
  expect(callsOf(read(lines, { naming: { eventKey: "event", prefix: "triage." } }))).toHaveLength(
    1,
  );
  expect(callsOf(read(lines, { naming: { eventKey: "event", prefix: "other." } }))).toEqual([]);
});

test("EventCalls keeps the calls of each process apart", () => {
  const [one, two] = [logged({}, { instance: "a" }), logged({}, { instance: "b" })];
  one.call(10);
  two.call(20);
  one.call(30);
  const [gathered] = read([...two.lines, ...one.lines]).gathered();
  expect(gathered?.logs.map(({ length }) => length)).toEqual([1, 2]);
});

test("EventCalls keeps the order of the events of one millisecond", () => {
  const { lines, call } = logged({ failureThreshold: 99 });
  for (let n = 0; n < 5; n++) call(0, n === 2 ? undefined : new Error("down"));
  const [log] = read(lines).gathered()[0]?.logs ?? [];
  expect([...(log?.startMs ?? [])]).toEqual([...(log?.startMs ?? [])].sort((a, b) => a - b));
  expect(new Set(log?.startMs).size).toBe(5);
});

test("EventCalls takes only the breaker and the time that were asked for", () => {
  const { lines, call, clock } = logged();
  const other = logged({}, { name: "mail" });
  other.call(1);
  call(10);
  clock.advance(990);
  call(10);
  clock.advance(990);
  call(10);
  const all = [...lines, ...other.lines];
  const between = { sinceMs: START_AT_MS + 500, untilMs: START_AT_MS + 1_500 };
  expect(callsOf(read(all, { breaker: "payments", ...between }))).toEqual(["1000+10 0"]);
  expect(read(all, { breaker: "payments" }).otherBreakers).toEqual(["mail"]);
});

test("EventCalls counts what it cannot read, and never throws", () => {
  const { lines, call } = logged();
  call(10);
  const [good = ""] = lines;
  const reader = read([
    ...[
      good,
      good.slice(0, 40),
      '{"atMs":1}',
      "null",
      "[]",
      '{"type":"circuit.success","v":1,"atMs":"x"}',
    ],
    ...[good.replace('"v":1', '"v":9'), good.replace(/"seq":\d+/, '"seq":-4')],
    ...[
      good.replace(/"latencyMs":[\d.]+/, '"latencyMs":-5'),
      good.replace(/"atMs":\d+/, '"atMs":1e300'),
    ],
  ]);
  expect(reader.counts).toMatchObject({ lines: 10, used: 2, ignored: 4, damaged: 4 });
  // A length that no call has is left out, and counted.
  expect(reader.gathered()[0]?.facts?.untimed).toBe(1);
});

test("EventCalls counts events that are dated before the ones before them", () => {
  const { lines, call, clock } = logged();
  for (let n = 0; n < 10; n++) {
    call(10);
    clock.advance(100);
  }
  const twice = read([...lines, ...lines]);
  expect(twice.unordered).toBe(1);
  expect(read(lines.toReversed()).unordered).toBe(9);
  expect(recordingOf(read(lines.toReversed())).recording.doubts).toEqual([
    "9 events are dated before the one written before them. They were put in order; but if the same log was given twice, its calls count twice.",
  ]);
});

test("todayOf() takes today's setting from the recording, over that what is given", () => {
  const { lines, call, clock } = logged({ failureThreshold: 3, cooldownMs: 20_000 });
  call(12);
  call(900);
  for (let n = 0; n < 3; n++) call(10, new Error("down"));
  clock.advance(20_000);
  call(10);
  const { recording } = recordingOf(read(lines));
  const found = todayOf(recording, []);
  expect(settingText(found.setting)).toBe("failureThreshold=3 latencyTripMs=500ms cooldownMs=20s");
  expect(found.notes).toEqual([expect.stringContaining("does not tell today's latencyTripMs")]);
  const given = todayOf(recording, ["latencyTripMs=600", "cooldownMs=5s"]);
  expect(settingText(given.setting)).toBe("failureThreshold=3 latencyTripMs=600ms cooldownMs=5s");
  expect(given.notes).toEqual([]);
});

test("todayOf() says when another rule was at work, and when there was no cooldown to see", () => {
  const well = logged();
  well.call(10);
  expect(todayOf(recordingOf(read(well.lines)).recording, []).notes).toEqual([
    expect.stringContaining("does not tell one failureThreshold"),
    expect.stringContaining("does not tell one cooldownMs"),
    expect.stringContaining("today's latencyTripMs does not show: it is taken to be off"),
  ]);
  const { lines, call } = logged();
  call(10);
  call(10, new Error("down"));
  call(10, new Error("down"));
  const other = lines.map((line) => line.replace('"rule":"consecutive"', '"rule":"failureRate"'));
  expect(todayOf(recordingOf(read(other)).recording, ["latencyTripMs=500"]).notes).toEqual([
    expect.stringContaining("also opened by failureRate"),
  ]);
});

test.each([
  { why: "empty", message: "the recording is empty", lines: () => [] },
  {
    why: "nothing of ours",
    message: "none of its 2 lines is an event of a breaker, 1 of them are damaged",
    lines: () => ['{"atMs": 3', '{"atMs":3,"type":"gate.opened","v":1}'],
  },
  {
    why: "failures only",
    message: "failures and no successes",
    lines: () => {
      const { lines, call } = logged();
      call(10, new Error("down"));
      return lines;
    },
  },
  {
    why: "refusals only",
    message: 'no call of breaker "payments" has an outcome in the recording, only refusals',
    lines: () => {
      const { lines, breaker, call } = logged();
      breaker.forceOpen();
      call(10);
      return lines;
    },
  },
  {
    why: "several breakers",
    message: 'the recording is of 2 breakers, name one with --breaker: "a", "b"',
    lines: () =>
      ["a", "b"].flatMap((name) => {
        const { lines, call } = logged({}, { name });
        call(10);
        return lines;
      }),
  },
])("recordingOf() refuses a recording with $why", ({ lines, message }) => {
  expect(() => recordingOf(read(lines()))).toThrow(message);
});
