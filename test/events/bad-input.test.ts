import { expect, test } from "vitest";
import { createEventBus } from "../../src/index.ts";
import { watch } from "../support/breaker.ts";
import { NO_OBJECTS, wrong } from "../support/wrong-values.ts";

// A breaker's on() and once(), and the bus.

const SUBSCRIBERS = {
  "breaker.on": (type: unknown, listener: unknown, options?: unknown) =>
    watch().breaker.on(wrong(type), wrong(listener), wrong(options)),
  "breaker.once": (type: unknown, listener: unknown, options?: unknown) =>
    watch().breaker.once(wrong(type), wrong(listener), wrong(options)),
  "bus.on": (type: unknown, listener: unknown, options?: unknown) =>
    createEventBus().on(wrong(type), wrong(listener), wrong(options)),
};

test.each(Object.entries(SUBSCRIBERS))("%s refuses a wrong type of event", (_, on) => {
  for (const [value, received] of [
    [5, "5"],
    [undefined, "undefined"],
    [null, "null"],
    [{}, "an object"],
  ]) {
    expect(() => on(value, () => {})).toThrow(
      new TypeError(`Cannot listen: type must be the name of an event, received ${received}`),
    );
  }
});

test.each(Object.entries(SUBSCRIBERS))("%s refuses unknown names, with the near ones", (_, on) => {
  const listener = () => {};
  expect(() => on("circuit.opne", listener)).toThrow(
    /^Cannot listen: no event is called "circuit\.opne", did you mean "circuit\.open".*\?$/,
  );
  expect(() => on("circuit.halfOpen", listener)).toThrow(/did you mean "circuit\.half_open"/);
  expect(() => on("*", listener)).toThrow(/^Cannot listen: no event is called "\*"/);
  expect(() => on("circuit", listener)).toThrow(TypeError);
  expect(() => on("", listener)).toThrow(TypeError);
  expect(() => on("toString", listener)).toThrow(TypeError);
});

test("on() of a breaker refuses the events of the bus, and names its own", () => {
  expect(() => SUBSCRIBERS["breaker.on"]("bus.listener_failed", () => {})).toThrow(
    /^Cannot listen: no event is called "bus\.listener_failed".*circuit\./,
  );
  expect(() => SUBSCRIBERS["breaker.once"]("bus.*", () => {})).toThrow(TypeError);
});

test.each(Object.entries(SUBSCRIBERS))("%s refuses a listener that is no function", (_, on) => {
  for (const [value, received] of [
    [undefined, "undefined"],
    [5, "5"],
    [null, "null"],
    [{ handleEvent() {} }, "an object"],
  ]) {
    expect(() => on("circuit.open", value)).toThrow(
      new TypeError(
        `Cannot listen to "circuit.open": listener must be a function, received ${received}`,
      ),
    );
  }
});

test.each(Object.entries(SUBSCRIBERS))("%s refuses wrong options", (_, on) => {
  const listener = () => {};
  expect(() => on("circuit.open", listener, { sink: 5 })).toThrow(
    /^Cannot listen.*: sink must be .*, received 5$/,
  );
  expect(() => on("circuit.open", listener, { sink: "" })).toThrow(
    /^Cannot listen.*: sink must be .*, received ""$/,
  );
  expect(() => on("circuit.open", listener, { sinc: "x" })).toThrow(
    /^Cannot listen.*: unknown option "sinc", did you mean "sink"\?$/,
  );
  for (const [options, received] of NO_OBJECTS) {
    expect(() => on("circuit.open", listener, options)).toThrow(
      new RegExp(`^Cannot listen.*: options must be an object, received ${received}$`),
    );
  }
});

test.each(NO_OBJECTS)("createEventBus() refuses %o as options", (options, received) => {
  expect(() => createEventBus(wrong(options))).toThrow(
    new TypeError(`Cannot create event bus: options must be an object, received ${received}`),
  );
});

test.each([
  [5, "5"],
  [null, "null"],
  [{}, "an object"],
  ["", '""'],
])("createEventBus() refuses an instance of %o", (instance, received) => {
  expect(() => createEventBus(wrong({ instance }))).toThrow(
    new RegExp(`^Cannot create event bus: instance must be .*, received ${received}$`),
  );
});

test("createEventBus() refuses unknown keys", () => {
  expect(() => createEventBus(wrong({ instanse: "a" }))).toThrow(
    new TypeError('Cannot create event bus: unknown option "instanse", did you mean "instance"?'),
  );
});

test.each([
  [null, "null"],
  [undefined, "undefined"],
  [5, "5"],
  ["circuit.open", '"circuit.open"'],
  [{}, "an object"],
])("emit() refuses %o", (event, received) => {
  expect(() => createEventBus().emit(wrong(event))).toThrow(
    new RegExp(`^Cannot emit: event must be .*, received ${received}$`),
  );
});

test.each([5, undefined, null, {}, "nonsense"])("has() of %o says no, or what is wrong", (type) => {
  const bus = createEventBus();
  bus.on("circuit.*", () => {});
  let answer: unknown;
  try {
    answer = bus.has(wrong(type));
  } catch (error) {
    answer = error instanceof TypeError && error.message.startsWith("Cannot ") ? false : error;
  }
  expect(answer).toBe(false);
});
