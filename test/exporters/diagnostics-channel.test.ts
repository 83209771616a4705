import { execFile } from "node:child_process";
import { channel, subscribe, unsubscribe } from "node:diagnostics_channel";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { publishToDiagnosticsChannels } from "../../src/exporters/diagnostics-channel.ts";
import {
  CircuitBreaker,
  createEventBus,
  EVENTS,
  type EventBus,
  type EventOf,
} from "../../src/index.ts";
import { BOOM, failTimes, succeed, watch } from "../support/breaker.ts";
import { bundleScript, NODES } from "../support/bundled-script.ts";
import { FOREIGN_EVENTS } from "../support/foreign-events.ts";
import { NO_OBJECTS, wrong } from "../support/wrong-values.ts";

const offs: (() => void)[] = [];
afterEach(() => {
  for (const off of offs.splice(0)) off();
});

function listen(name: string, listener: (message: unknown, name: string | symbol) => unknown) {
  const heard = (message: unknown, channel: string | symbol) => void listener(message, channel);
  subscribe(name, heard);
  offs.push(() => unsubscribe(name, heard));
}

function published(options?: Parameters<typeof publishToDiagnosticsChannels>[1]) {
  const bus = createEventBus();
  const off = publishToDiagnosticsChannels(bus, options);
  offs.push(off);
  return { ...watch({ bus, failureThreshold: 2 }), bus, off };
}

test("publishToDiagnosticsChannels() publishes each event on the channel of its type", async () => {
  const { breaker, last } = published();
  const heard: [unknown, unknown][] = [];
  listen("telltale.circuit.open", (message, name) => heard.push([message, name]));
  listen("telltale.circuit.close", (message, name) => heard.push([message, name]));
  await failTimes(breaker, 2);
  breaker.reset();
  expect(heard).toEqual([
    [last("circuit.open"), "telltale.circuit.open"],
    [last("circuit.close"), "telltale.circuit.close"],
  ]);
  expect(heard[0]?.[0]).toBe(last("circuit.open"));
});

test("prefix names the channels, and events chooses them", async () => {
  const { breaker, bus } = published({ prefix: "shop.", events: ["circuit.open"] });
  const heard: unknown[] = [];
  listen("shop.circuit.open", () => heard.push("open"));
  listen("shop.circuit.close", () => heard.push("close"));
  listen("telltale.circuit.open", () => heard.push("default"));
  breaker.forceOpen();
  breaker.reset();
  expect(heard).toEqual(["open"]);
  expect(bus.has("bus.dropped")).toBe(false);
});

test("by default it takes what is info or louder, so that successes cost nothing", () => {
  const bus = createEventBus();
  offs.push(publishToDiagnosticsChannels(bus));
  for (const [type, { severity }] of Object.entries(EVENTS)) {
    const quiet = severity === "trace" || severity === "debug";
    expect([type, bus.has(wrong(type))]).toEqual([type, !quiet]);
  }
});

test("a family chooses every type of it", async () => {
  const { breaker } = published({ events: ["circuit.*"] });
  const heard: unknown[] = [];
  listen("telltale.circuit.success", () => heard.push("success"));
  await breaker.call(succeed);
  expect(heard).toEqual(["success"]);
});

test("it can be turned off, twice, and then has no listener", () => {
  const { breaker, bus, off } = published();
  const heard: unknown[] = [];
  listen("telltale.circuit.open", (message) => heard.push(message));
  off();
  off();
  breaker.forceOpen();
  expect(heard).toEqual([]);
  expect(bus.has("bus.listener_failed")).toBe(false);
});

test("a refused call that no subscriber hears is not even told", () => {
  const bus = createEventBus();
  offs.push(publishToDiagnosticsChannels(bus));
  const breaker = new CircuitBreaker("payments", { bus });
  const emit = vi.spyOn(bus, "emit");
  const skips = () => emit.mock.calls.filter(([{ type }]) => type === "circuit.skip").length;
  breaker.forceOpen();
  for (let n = 0; n < 100; n++) breaker.admit();
  expect(skips()).toBe(0);
  const heard: unknown[] = [];
  listen("telltale.circuit.skip", (message) => heard.push(message));
  breaker.admit();
  expect(skips()).toBe(1);
  expect(heard).toMatchObject([{ type: "circuit.skip", skipsSinceOpened: 101 }]);
});

test("two buses publish on the same channels, and one is turned off alone", () => {
  const [one, two] = [published(), published()];
  const heard: unknown[] = [];
  listen("telltale.circuit.open", () => heard.push("open"));
  one.breaker.forceOpen();
  two.breaker.forceOpen();
  one.off();
  one.breaker.reset();
  one.breaker.forceOpen();
  two.breaker.reset();
  two.breaker.forceOpen();
  expect(heard).toHaveLength(3);
});

describe("trap 36: a throwing diagnostics_channel subscriber", () => {
  const uncaught = vi.fn();
  beforeEach(() => {
    uncaught.mockClear();
    process.on("unhandledRejection", uncaught);
  });
  afterEach(() => {
    process.off("unhandledRejection", uncaught);
  });

  test("keeps nothing from the others, and is reported", async () => {
    const { breaker, bus } = published();
    const reports: EventOf<"bus.listener_failed">[] = [];
    bus.on("bus.listener_failed", (event) => reports.push(event));
    const heard: string[] = [];
    subscribe("telltale.circuit.open", throwing);
    offs.push(() => unsubscribe("telltale.circuit.open", throwing));
    listen("telltale.circuit.open", () => heard.push("second"));
    await failTimes(breaker, 2);
    expect(heard).toEqual(["second"]);
    expect(breaker.state).toBe("open");
    expect(reports).toMatchObject([
      {
        sink: "diagnostics-channel",
        count: 1,
        failedType: "circuit.open",
        error: { message: "boom" },
      },
    ]);
  });

  test("that is async ends no process either", async () => {
    const { breaker, bus } = published();
    const reports: string[] = [];
    bus.on("bus.listener_failed", ({ sink }) => reports.push(sink));
    const rejecting = async () => throwing();
    subscribe("telltale.circuit.open", rejecting);
    offs.push(() => unsubscribe("telltale.circuit.open", rejecting));
    breaker.forceOpen();
    await new Promise((resolve) => setImmediate(resolve));
    expect(reports).toEqual(["diagnostics-channel"]);
    expect(uncaught).not.toHaveBeenCalled();
  });

  test("of the reports themselves makes no endless loop", () => {
    const { breaker, bus } = published();
    let reports = 0;
    bus.on("bus.listener_failed", () => reports++);
    for (const name of ["telltale.bus.listener_failed", "telltale.circuit.open"]) {
      subscribe(name, throwing);
      offs.push(() => unsubscribe(name, throwing));
    }
    breaker.forceOpen();
    expect(reports).toBe(1);
  });

  test("is not reported to a bus that fails, too", () => {
    const listeners: ((event: never) => void)[] = [];
    const bus: EventBus = {
      emit: throwing,
      has: throwing,
      on(_type, listener) {
        listeners.push(listener);
        return () => {};
      },
    };
    offs.push(publishToDiagnosticsChannels(bus, { events: ["circuit.open"] }));
    subscribe("telltale.circuit.open", throwing);
    offs.push(() => unsubscribe("telltale.circuit.open", throwing));
    const { breaker, last } = watch();
    breaker.forceOpen();
    expect(() => listeners[0]?.(wrong(last("circuit.open")))).not.toThrow();
  });

  test("unsubscribes another during delivery, which still hears this one", () => {
    const { breaker } = published();
    const heard: string[] = [];
    const second = () => void heard.push("second");
    listen("telltale.circuit.open", () => unsubscribe("telltale.circuit.open", second));
    subscribe("telltale.circuit.open", second);
    breaker.forceOpen();
    breaker.reset();
    breaker.forceOpen();
    expect(heard).toEqual(["second"]);
  });
});

function throwing(): never {
  throw BOOM;
}

describe("in a process of its own", () => {
  const run = promisify(execFile);
  let directory: string;

  const SCRIPT = `
    import { channel, subscribe } from "node:diagnostics_channel";
    import { CircuitBreaker, createEventBus } from "./index.ts";
    import { publishToDiagnosticsChannels } from "./exporters/diagnostics-channel.ts";
    const bus = createEventBus();
    const breaker = new CircuitBreaker("payments", { bus });
    const reports = [];
    bus.on("bus.listener_failed", ({ sink }) => reports.push(sink));
    publishToDiagnosticsChannels(bus);
    subscribe("telltale.circuit.open", () => { throw new Error("subscriber"); });
    subscribe("telltale.circuit.open", async () => { throw new Error("async subscriber"); });
    let heard = 0;
    subscribe("telltale.circuit.open", () => heard++);
    if (process.argv[2] === "node") channel("telltale.circuit.open").publish({});
    else breaker.forceOpen();
    setTimeout(() => console.log(JSON.stringify({ heard, reports })), 10);
  `;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "telltale-channels-"));
    await bundleScript(join(directory, "script.mjs"), SCRIPT);
  });
  afterAll(() => rm(directory, { recursive: true }));

  test.each(NODES)("trap 36: subscribers that throw do not end it (%s)", async (node) => {
    const { stdout, stderr } = await run(node, [join(directory, "script.mjs")]);
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toEqual({
      heard: 1,
      reports: ["diagnostics-channel", "diagnostics-channel"],
    });
  });

  test.each(NODES)("trap 36: they would, published by Node alone (%s)", async (node) => {
    await expect(run(node, [join(directory, "script.mjs"), "node"])).rejects.toMatchObject({
      stderr: expect.stringContaining("subscriber"),
    });
  });
});

test.each(FOREIGN_EVENTS)(
  "an event with %s is refused and counted, and not published",
  (_, event) => {
    const { bus } = published();
    const drops: EventOf<"bus.dropped">[] = [];
    bus.on("bus.dropped", (dropped) => drops.push(dropped));
    const heard: unknown[] = [];
    listen("telltale.circuit.close", (message) => heard.push(message));
    bus.emit(event);
    expect(heard).toEqual([]);
    expect(drops).toMatchObject([{ sink: "diagnostics-channel", count: 1 }]);
    expect(drops[0]?.error?.message).toMatch(/^Cannot take circuit\.close: |^unreadable$/);
  },
);

test("a host whose channels hide their subscribers publishes in its own way", () => {
  const { breaker } = published();
  const heard: unknown[] = [];
  listen("telltale.circuit.open", () => heard.push("open"));
  // Something that Node itself can go through, and nobody else would take for the list.
  const target = channel("telltale.circuit.open");
  const hidden: unknown = Reflect.get(target, "_subscribers");
  Reflect.set(target, "_subscribers", { ...Object(hidden), length: 1 });
  breaker.forceOpen();
  Reflect.set(target, "_subscribers", hidden);
  expect(heard).toEqual(["open"]);
});

describe("bad input", () => {
  const bus = createEventBus();
  const what = "Cannot publish to diagnostics channels: ";

  test.each([
    [null, "null"],
    [5, "5"],
    [{}, "an object"],
    [{ on() {} }, "an object"],
  ])("refuses a bus of %o", (value, received) => {
    expect(() => publishToDiagnosticsChannels(wrong(value))).toThrow(
      new TypeError(`${what}bus must be an event bus, such as breaker.bus, received ${received}`),
    );
  });

  test.each(NO_OBJECTS)("refuses %o as options", (options, received) => {
    expect(() => publishToDiagnosticsChannels(bus, wrong(options))).toThrow(
      new TypeError(`${what}options must be an object, received ${received}`),
    );
  });

  test.each([
    [{ event: [] }, 'unknown option "event", did you mean "events"?'],
    [
      { events: "circuit.*" },
      'events must be a list with the names of one event or more, received "circuit.*"',
    ],
    [
      { events: [] },
      "events must be a list with the names of one event or more, received an array",
    ],
    [{ events: [5] }, "events[0] must be the name of an event or of a family, received 5"],
    [{ prefix: 5 }, "prefix must be a string, received 5"],
    [{ prefix: "" }, 'prefix must be a string of 1 to 64 characters, received ""'],
  ])("refuses %o", (options, told) => {
    expect(() => publishToDiagnosticsChannels(bus, wrong(options))).toThrow(`${what}${told}`);
  });

  test("refuses the names of no events, with the near ones", () => {
    expect(() =>
      publishToDiagnosticsChannels(bus, { events: ["circuit.open", wrong("circuit.opne")] }),
    ).toThrow(
      /^Cannot publish to diagnostics channels: events\[1\] must be the name of an event or of a family \(did you mean "circuit\.open".*\?\), received "circuit\.opne"$/,
    );
    expect(bus.has("circuit.open")).toBe(false);
  });
});
