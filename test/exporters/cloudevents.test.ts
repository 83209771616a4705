import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Ajv } from "ajv";
import { describe, expect, expectTypeOf, test } from "vitest";
import {
  type CloudEvent,
  exportToCloudEvents,
  structuredMessage,
  toCloudEvent,
} from "../../src/exporters/cloudevents.ts";
import {
  CircuitBreaker,
  createEventBus,
  EVENTS,
  type EventBus,
  type EventOf,
  type TelltaleEvent,
} from "../../src/index.ts";
import { BOOM, type Deferred, deferred, failTimes, succeed, watch } from "../support/breaker.ts";
import { broadRun } from "../support/broad-run.ts";
import { FOREIGN_EVENTS, OWN_EVENT } from "../support/foreign-events.ts";
import { NO_COUNTS, NO_FUNCTIONS, NO_NUMBERS, NO_OBJECTS, wrong } from "../support/wrong-values.ts";

// The rules of the specification (v1.0.2, sections "Context Attributes", "Type System" and the JSON event format) as a
// schema: which attributes there must be, what each may hold, how extensions are named.
const text = (format?: string) => ({
  type: "string",
  minLength: 1,
  not: { format: "disallowed-characters" },
  ...(format === undefined ? {} : { format }),
});
const CLOUD_EVENT = {
  type: "object",
  required: ["specversion", "id", "source", "type"],
  properties: {
    specversion: { const: "1.0" },
    id: text(),
    source: text("uri-reference"),
    type: text(),
    datacontenttype: { ...text(), pattern: "^[^/ ]+/[^/ ]+$" },
    dataschema: text("uri"),
    subject: text(),
    time: text("date-time"),
    data: {},
    data_base64: { type: "string" },
  },
  // Names of attributes are lower-case letters and digits.
  propertyNames: { pattern: "^(?:[a-z0-9]{1,20}|data_base64)$" },
  additionalProperties: { type: ["string", "integer", "boolean"] },
} as const;

const ajv = new Ajv({ allErrors: true, allowUnionTypes: true });
ajv.addFormat("uri-reference", /^(?:[\w.~:/?#[\]@!$&'()*+,;=-]|%[\dA-Fa-f]{2})+$/);
ajv.addFormat("uri", /^[a-z][a-z\d+.-]*:/i);
ajv.addFormat("date-time", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/);
ajv.addFormat("disallowed-characters", (value) =>
  /[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u.test(value),
);
const valid = ajv.compile(CLOUD_EVENT);

function expectValid(event: unknown): void {
  // As a receiver has it.
  const received: unknown = JSON.parse(JSON.stringify(event));
  expect(valid(received) ? null : { errors: valid.errors, received }).toBeNull();
}

test("toCloudEvent() makes a valid CloudEvent of every type of event", async () => {
  const events = await broadRun();
  for (const event of events) {
    const cloudEvent = toCloudEvent(event);
    expectValid(cloudEvent);
    expect(cloudEvent.data).toBe(event);
  }
  expect(new Set(events.map(({ type }) => type)).size).toBe(Object.keys(EVENTS).length);
});

test("the schema of the test can fail", () => {
  const good = toCloudEvent(OWN_EVENT);
  for (const change of [
    { specversion: "0.3" },
    { id: "" },
    { source: "no uri" },
    { time: "yesterday" },
    { subject: "a\nb" },
    { Extension: "x" },
    { datacontenttype: "json" },
  ]) {
    expect([change, valid({ ...good, ...change })]).toEqual([change, false]);
  }
});

test("toCloudEvent() says what, when, where from and about whom", () => {
  expect(toCloudEvent({ ...OWN_EVENT, instance: "api 1" })).toEqual({
    specversion: "1.0",
    id: "api%201/foreign/7/1767225600000",
    source: "/telltale/api%201",
    type: "circuit.close",
    time: "2026-01-01T00:00:00.000Z",
    subject: "foreign",
    datacontenttype: "application/json",
    data: { ...OWN_EVENT, instance: "api 1" },
  });
  expect(toCloudEvent(OWN_EVENT)).toMatchObject({
    id: "foreign/7/1767225600000",
    source: "/telltale",
  });
});

test("source and prefix are put in the envelope", () => {
  const options = { source: "https://example.com/checkout?zone=1#a", prefix: "com.example." };
  const event = toCloudEvent(OWN_EVENT, options);
  expect(event).toMatchObject({ source: options.source, type: "com.example.circuit.close" });
  expectValid(event);
});

test("the id is the same for the same event, and another for another", async () => {
  const events = await broadRun();
  const ids = events.map((event) => {
    const { source, id } = toCloudEvent(event);
    if ("seq" in event) expect(toCloudEvent(event).id).toBe(id);
    return `${source} ${id}`;
  });
  expect(new Set(ids).size).toBe(events.length);
  // Names cannot be mistaken for one another.
  const id = (breaker: string, instance: string) =>
    toCloudEvent({ ...OWN_EVENT, breaker, instance }).id;
  expect(id("b/c", "a")).not.toBe(id("c", "a/b"));
});

test("toCloudEvent() is valid whatever the names and the moment are", () => {
  for (const breaker of [
    "a\nb",
    "\u{202E}evil",
    "\u{7}",
    "\u{D800}half",
    "\u{FFFE}",
    "ü 你好 🚦",
    "%2F",
  ]) {
    expectValid(toCloudEvent({ ...OWN_EVENT, breaker, instance: breaker }));
  }
  for (const atMs of [8.64e15, -8.64e15, 1e300, 253_402_300_800_000, -62_198_755_200_001, 0.5]) {
    expectValid(toCloudEvent({ ...OWN_EVENT, atMs }));
  }
  expect("time" in toCloudEvent({ ...OWN_EVENT, atMs: 1e300 })).toBe(false);
  expect("subject" in toCloudEvent({ ...OWN_EVENT, breaker: "\u{7}" })).toBe(false);
});

test("structuredMessage() is received over HTTP as what it is", async () => {
  const received: { type: string | undefined; body: string }[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (chunk: string) => {
      body += chunk;
    });
    request.on("end", () => {
      received.push({ type: request.headers["content-type"], body });
      response.end();
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  // A server that listens on a port has this form of address.
  const { port } = server.address() as AddressInfo;
  const bus = createEventBus();
  const sends: Promise<unknown>[] = [];
  exportToCloudEvents(bus, (event) => {
    const url = `http://127.0.0.1:${port}`;
    sends.push(fetch(url, { method: "POST", ...structuredMessage(event) }));
  });
  const { breaker } = watch({ bus });
  breaker.forceOpen("maintenance: ü");
  await Promise.all(sends);
  server.closeAllConnections();
  server.close();
  expect(received.map(({ type }) => type)).toEqual(["application/cloudevents+json; charset=utf-8"]);
  const event: unknown = JSON.parse(received[0]?.body ?? "");
  expectValid(event);
  expect(event).toMatchObject({ type: "circuit.open", data: { note: "maintenance: ü" } });
});

/** A bus that is exported, and what was sent and dropped. */
function exported(
  send: (event: CloudEvent) => unknown = () => {},
  options: Parameters<typeof exportToCloudEvents>[2] = {},
) {
  const bus = createEventBus();
  const dropped: EventOf<"bus.dropped">[] = [];
  bus.on("bus.dropped", (event) => dropped.push(event));
  const sent: CloudEvent[] = [];
  const detach = exportToCloudEvents(
    bus,
    (event) => {
      sent.push(event);
      // A promise is looked after, anything else left alone.
      return send(event) as undefined;
    },
    options,
  );
  const breaker = new CircuitBreaker("payments", { bus });
  const types = () => sent.map(({ type }) => type);
  return { bus, breaker, dropped, sent, types, detach };
}

test("exportToCloudEvents() sends what is info or louder, or what events says, until it is detached", async () => {
  const usual = exported();
  const chosen = exported(undefined, { events: ["circuit.success"], prefix: "x." });
  for (const { breaker, detach, bus } of [usual, chosen]) {
    await breaker.call(succeed);
    breaker.forceOpen();
    detach();
    breaker.reset();
    detach();
    expect(bus.has("circuit.open")).toBe(false);
  }
  expect(usual.types()).toEqual(["circuit.open"]);
  expect(chosen.types()).toEqual(["x.circuit.success"]);
});

test("a send that throws or rejects harms no call and is counted", async () => {
  for (const failing of [
    () => {
      throw BOOM;
    },
    () => Promise.reject(BOOM),
  ]) {
    const { breaker, dropped, detach } = exported(failing, { events: ["circuit.*"] });
    await failTimes(breaker, 5);
    expect(breaker.state).toBe("open");
    await new Promise((resolve) => setImmediate(resolve));
    detach();
    const lost = dropped.reduce((sum, { count }) => sum + count, 0);
    // Five failures, four steps of progress, an open.
    expect(lost).toBe(10);
    expect(dropped[0]).toMatchObject({ sink: "cloudevents", error: { message: "boom" } });
  }
});

test("maxPending bounds the sends under way", async () => {
  const calls: Deferred<void>[] = [];
  const send = () => {
    const call = deferred<void>();
    calls.push(call);
    return call.promise;
  };
  const { breaker, dropped, sent, detach } = exported(send, {
    maxPending: 3,
    events: ["circuit.open"],
  });
  const open = (times: number) => {
    for (let n = 0; n < times; n++) {
      breaker.forceOpen();
      breaker.reset();
    }
  };
  open(5);
  expect(sent).toHaveLength(3);
  expect(dropped.map(({ count, error }) => [count, error?.message])).toEqual([
    [1, "Cannot send circuit.open: 3 sends are under way"],
    [1, "Cannot send circuit.open: 3 sends are under way"],
  ]);
  calls[0]?.resolve();
  await new Promise((resolve) => setImmediate(resolve));
  open(2);
  expect(sent).toHaveLength(4);
  detach();
  calls[1]?.reject(BOOM);
  await new Promise((resolve) => setImmediate(resolve));
  expect(dropped.reduce((sum, { count }) => sum + count, 0)).toBe(4);
  expect(dropped.at(-1)?.error?.message).toBe("boom");
});

test("a hundred sends may be under way by default", () => {
  const { breaker, sent } = exported(() => new Promise(() => {}), { events: ["circuit.open"] });
  for (let n = 0; n < 101; n++) {
    breaker.forceOpen();
    breaker.reset();
  }
  expect(sent).toHaveLength(100);
});

test.each(FOREIGN_EVENTS)("an event with %s is refused and counted, and not sent", (_, event) => {
  const { bus, sent, dropped } = exported(undefined, { events: ["circuit.close"] });
  bus.emit(event);
  expect(sent).toEqual([]);
  expect(dropped).toMatchObject([{ sink: "cloudevents", count: 1 }]);
});

test("a bus that refuses to let a listener go is reported to who detaches", () => {
  const bus: EventBus = {
    emit: () => {},
    has: () => false,
    on: () => () => {
      throw BOOM;
    },
  };
  expect(exportToCloudEvents(bus, () => {})).toThrow(/^Cannot stop listening/);
});

test("the types say what the envelope holds", () => {
  expectTypeOf(toCloudEvent).returns.toEqualTypeOf<CloudEvent>();
  expectTypeOf<CloudEvent["data"]>().toEqualTypeOf<TelltaleEvent>();
});

describe("bad input", () => {
  const bus = createEventBus();
  const make = (options: unknown) => exportToCloudEvents(bus, () => {}, wrong(options));

  test.each([
    [{ source: 5 }, "source must be a string, received 5"],
    [{ source: "" }, 'source must be a string of 1 to 256 characters, received ""'],
    [{ source: "a b" }, 'source must be a URI reference, received "a b"'],
    [{ source: "50%" }, 'source must be a URI reference, received "50%"'],
    [{ prefix: 5 }, "prefix must be a string, received 5"],
    [{ prefix: "a\n" }, 'prefix must be printable text, received "a\\n"'],
    [{ sorce: "x" }, 'unknown option "sorce", did you mean "source"?'],
  ])("toCloudEvent() and exportToCloudEvents() refuse %o", (options, told) => {
    expect(() => toCloudEvent(OWN_EVENT, wrong(options))).toThrow(
      `Cannot make a CloudEvent: ${told}`,
    );
    expect(() => make(options)).toThrow(`Cannot export to CloudEvents: ${told}`);
  });

  test.each([
    [null, "none", "null"],
    [[], "none", "an array"],
    [{}, "type: not the name of an event", "an object"],
    [{ ...OWN_EVENT, atMs: "now" }, "atMs: no number", "an object"],
  ])("toCloudEvent() refuses %o", (event, fault, received) => {
    expect(() => toCloudEvent(wrong(event))).toThrow(
      new TypeError(
        `Cannot make a CloudEvent: event must be an event of telltale (${fault}), received ${received}`,
      ),
    );
  });

  test.each([...NO_NUMBERS, ...NO_COUNTS])("refuses maxPending %o", (value, received) => {
    expect(() => make({ maxPending: value })).toThrow(
      `Cannot export to CloudEvents: maxPending must be a positive integer, received ${received}`,
    );
  });

  test.each(NO_FUNCTIONS)("refuses a send of %o", (value, received) => {
    expect(() => exportToCloudEvents(bus, wrong(value))).toThrow(
      `Cannot export to CloudEvents: send must be a function, received ${received}`,
    );
  });

  test.each(NO_OBJECTS)("refuses %o as options", (options, received) => {
    expect(() => make(options)).toThrow(
      `Cannot export to CloudEvents: options must be an object, received ${received}`,
    );
    expect(() => toCloudEvent(OWN_EVENT, wrong(options))).toThrow(
      `Cannot make a CloudEvent: options must be an object, received ${received}`,
    );
  });

  test("refuses a bus that is none, and names of no events", () => {
    expect(() => exportToCloudEvents(wrong({}), () => {})).toThrow(
      "Cannot export to CloudEvents: bus must be an event bus, such as breaker.bus, received an object",
    );
    expect(() => make({ events: ["open"] })).toThrow(/events\[0\] must be the name of an event/);
    expect(bus.has("circuit.open")).toBe(false);
  });
});
