import { expect, test } from "vitest";
import { logCircuitEvents } from "../../src/exporters/pino.ts";
import { CircuitBreaker } from "../../src/index.ts";
import { createIncidentFold, foldIncidents, parseEventLine } from "../../src/report/index.ts";
import { memoryLog } from "../exporters/pino-destination.ts";
import { BOOM, fail, succeed, watch } from "../support/breaker.ts";
import { record } from "./recorded.ts";

test("parseEventLine() reads an event as it was emitted", async () => {
  const { breaker, events } = watch({ failureThreshold: 1 });
  await breaker.execute(fail);
  for (const event of events) expect(parseEventLine(JSON.stringify(event))).toEqual(event);
  expect(events).toHaveLength(2);
});

test("parseEventLine() gives a pino line back as the event that it was made from", async () => {
  const { breaker, events } = watch({ failureThreshold: 1 });
  const { logger, written } = memoryLog({});
  logCircuitEvents(breaker.bus, logger, { eventKey: "event", prefix: "triage." });
  await breaker.execute(() => Promise.reject(Object.assign(new Error("x"), { code: "E1" })));
  await breaker.execute(succeed);
  const naming = { eventKey: "event", prefix: "triage." };
  const read = written.map((line) => parseEventLine(line, naming));
  expect(read).toEqual(events.map((event, n) => ({ ...event, prevSeq: n === 0 ? null : n })));
  expect(read[0]).toMatchObject({ error: { name: "Error", message: "x", code: "E1" } });
  expect(parseEventLine(written[0] ?? "")).toBeUndefined();
});

test("parseEventLine() reads plainly named events also when another naming is given", () => {
  const { breaker, events } = watch();
  breaker.forceOpen();
  const line = JSON.stringify(events[0]);
  expect(parseEventLine(line, { eventKey: "event", prefix: "triage." })).toEqual(events[0]);
});

test("parseEventLine() understands the err of other serializers, and does without a redacted one", async () => {
  const { breaker, last } = watch();
  await breaker.execute(() => Promise.reject(BOOM));
  const { error, ...event } = last("circuit.failure");
  const read = (err: unknown) => parseEventLine(JSON.stringify({ ...event, err }));
  expect(error).toEqual({ name: "Error", message: "boom" });
  expect(read({ type: "TypeError", message: "m", stack: "" })).toEqual({
    ...event,
    error: { name: "TypeError", message: "m" },
  });
  expect(read("[Redacted]")).toEqual(event);
  expect(read({ code: "E1" })).toEqual(event);
});

test("foreign lines are ignored, damaged ones are counted apart, and empty ones are not lines", async () => {
  const recorded = record();
  await recorded.breaker("payments").execute(fail);
  const [whole = ""] = recorded.lines;
  const foreign = [
    '{"level":30,"msg":"listening"}',
    '{"type":"circuit.open","msg":"an electrician wrote this"}',
    '{"type":"order.paid","v":1,"atMs":1}',
    '{"type":"circuit.open","v":2,"atMs":1}',
    "[1, 2]",
    "null",
    "plain text",
    "{}",
  ];
  const damaged = [
    whole.slice(0, 60),
    whole.slice(60),
    `${whole.slice(0, 40)}${whole}`,
    '{"type":"circuit.open","v":1,"atMs":"yesterday","seq":1,"breaker":"x"}',
    '{"type":"circuit.open","v":1,"atMs":9e15,"seq":1,"breaker":"x"}',
    '{"type":"circuit.open","v":1,"atMs":1,"seq":1}',
    '{"type":"circuit.open","v":1,"atMs":1,"seq":-1,"breaker":"x"}',
    '{"type":"circuit.open","v":1,"atMs":1,"seq":1,"breaker":"x","suppressed":"many"}',
    '{"type":"circuit.open","v":1,"atMs":1,"seq":1,"breaker":"x","prevSeq":0.5}',
    '{"type":"circuit.open","v":1,"atMs":1,"seq":1,"breaker":"x","incidentId":5}',
  ];
  for (const line of [...foreign, ...damaged, "", "  \n"])
    expect(parseEventLine(line)).toBeUndefined();
  const report = foldIncidents([...foreign, ...damaged, "", "\n", ...recorded.lines]);
  expect(report.input).toEqual({
    lines: foreign.length + damaged.length + recorded.lines.length,
    events: recorded.lines.length,
    ignored: foreign.length,
    damaged: damaged.length,
  });
  expect(report.incidents).toHaveLength(1);
  for (const value of foreign.slice(0, 6).map((line): unknown => JSON.parse(line))) {
    expect(foldIncidents([value]).input).toMatchObject({ ignored: 1, events: 0 });
  }
  expect(foldIncidents([undefined, 5]).input).toMatchObject({ ignored: 2 });
});

test("an event whose numbers are missing or absurd does not spoil the report", () => {
  const envelope = { v: 1, breaker: "payments", incidentId: "x", atMs: 5_000 };
  const { incidents } = foldIncidents([
    {
      ...envelope,
      type: "circuit.open",
      seq: 1,
      from: "closed",
      failuresByReason: null,
      error: "text",
    },
    { ...envelope, type: "circuit.skip", seq: 2, skipsInIncident: "many" },
    { ...envelope, type: "circuit.close", seq: 3, atMs: 7_000, mttrMs: -1, reopens: Number.NaN },
  ]);
  expect(incidents).toEqual([
    {
      incidentId: "x",
      breaker: "payments",
      instances: [],
      openedAtMs: 5_000,
      closedAtMs: 7_000,
      mttrMs: 2_000,
      detectMs: null,
      reason: null,
      rule: null,
      closeReason: null,
      skips: 1,
      failures: 0,
      reopens: 0,
      probes: 0,
      gaps: 0,
      causes: { error: 0, latency: 0 },
      openMs: 2_000,
      closeLost: false,
      note: null,
      error: null,
    },
  ]);
});

test("options of a wrong name or type are refused by name", () => {
  expect(() => createIncidentFold({ evenKey: "event" } as never)).toThrow(
    new TypeError('Cannot fold incidents: unknown option "evenKey", did you mean "eventKey"?'),
  );
  expect(() => parseEventLine("{}", { prefix: 5 } as never)).toThrow(
    new TypeError("Cannot parse an event line: prefix must be a string, received 5"),
  );
  expect(() => parseEventLine("{}", null as never)).toThrow(
    new TypeError("Cannot parse an event line: options must be an object, received null"),
  );
});

test("bus events are events of the record, of no breaker", () => {
  const breaker = new CircuitBreaker("payments");
  const told: unknown[] = [];
  breaker.bus.on("bus.*", (event) => void told.push(event));
  breaker.on("circuit.open", () => {
    throw BOOM;
  });
  breaker.forceOpen();
  const { input, breakers } = foldIncidents(told);
  expect(input).toEqual({ lines: 1, events: 1, ignored: 0, damaged: 0 });
  expect(breakers).toEqual({});
});
