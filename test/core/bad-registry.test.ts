import { expect, test } from "vitest";
import { type BreakerOverrides, BreakerRegistry, createEventBus } from "../../src/index.ts";
import { watchRegistry } from "../support/registry.ts";
import { NO_COUNTS, NO_FUNCTIONS, NO_NUMBERS, NO_OBJECTS, wrong } from "../support/wrong-values.ts";

const CREATE = "Cannot create registry";
const BAD: readonly (readonly [options: unknown, message: string])[] = [
  ...NO_OBJECTS.map(
    ([value, received]) =>
      [value, `${CREATE}: options must be an object, received ${received}`] as const,
  ),
  [{ limits: 5 }, `${CREATE}: unknown option "limits", did you mean "limit"?`],
  ...[...NO_NUMBERS, ...NO_COUNTS].map(
    ([value, received]) =>
      [
        { limit: value },
        `${CREATE}: limit must be a positive integer, received ${received}`,
      ] as const,
  ),
  ...NO_NUMBERS.map(
    ([value, received]) =>
      [
        { spareMs: value },
        `${CREATE}: spareMs must be a positive number of milliseconds, received ${received}`,
      ] as const,
  ),
  [{ spareMs: 0 }, `${CREATE}: spareMs must be a positive number of milliseconds, received 0`],
  ...NO_FUNCTIONS.map(
    ([value, received]) =>
      [
        { optionsFor: value },
        `${CREATE}: optionsFor must be a function, received ${received}`,
      ] as const,
  ),
  [{ bus: {} }, `${CREATE}: bus.emit must be a function, received undefined`],
  [
    { bus: createEventBus(), instance: "a" },
    `${CREATE}: instance must be left out beside a bus, which has its own, received "a"`,
  ],
  [{ instance: "" }, "Cannot create event bus: instance must be a string of 1 to 256 characters"],
  [{ defaults: [] }, `${CREATE}: defaults must be an object, received an array`],
  [
    { defaults: { failureThreshold: 0 } },
    `${CREATE} with these defaults: failureThreshold must be a positive integer, received 0`,
  ],
  [
    { defaults: { failureTreshold: 1 } },
    `${CREATE} with these defaults: unknown option "failureTreshold", did you mean "failureThreshold"?`,
  ],
  [
    { defaults: { bus: createEventBus() } },
    `${CREATE} with these defaults: bus must be left out, since a registry has one for all, received an object`,
  ],
  [{ overrides: 5 }, `${CREATE}: overrides must be an object, received 5`],
  [
    { overrides: { a: null } },
    `${CREATE} with these overrides of "a": options must be an object, received null`,
  ],
  [
    { overrides: { a: { latencyTripMs: -1 } } },
    `${CREATE} with these overrides of "a": latencyTripMs must be a positive number of milliseconds, received -1`,
  ],
  [
    { overrides: { a: { bus: createEventBus() } } },
    `${CREATE} with these overrides of "a": bus must be left out, since a registry has one for all`,
  ],
];

test.each(BAD)("%# new BreakerRegistry(%o) is refused", (options, message) => {
  expect(() => new BreakerRegistry(wrong(options))).toThrow(message);
});

const LONG = "x".repeat(257);
const BAD_NAMES: readonly [name: unknown, error: Error][] = [
  [undefined, new TypeError("Cannot get breaker: name must be a string, received undefined")],
  [5, new TypeError("Cannot get breaker: name must be a string, received 5")],
  [{}, new TypeError("Cannot get breaker: name must be a string, received an object")],
  [
    "",
    new RangeError(
      'Cannot get breaker "": name must be a string of 1 to 256 characters, received ""',
    ),
  ],
  [
    LONG,
    new RangeError(
      `Cannot get breaker "${LONG.slice(0, 59)}…": name must be a string of 1 to 256 characters, received "${LONG.slice(0, 59)}…"`,
    ),
  ],
];

test.each(BAD_NAMES)("%# get() refuses the name %o and keeps nothing of it", (name, error) => {
  const { registry, events } = watchRegistry();
  expect(() => registry.get(wrong(name))).toThrow(error);
  expect(registry.size).toBe(0);
  expect(events).toEqual([]);
});

test("an error shows a name from outside in one line, cut short", () => {
  const registry = new BreakerRegistry();
  const name = `evil\nERROR forged ${"y".repeat(200)}`;
  const message = (() => {
    try {
      registry.get(name, { failureThreshold: 0 });
      return "";
    } catch (refused) {
      return String(refused);
    }
  })();
  expect(message).toContain('Cannot get breaker "evil\\nERROR forged yyy');
  expect(message).not.toContain("\n");
  expect(message.length).toBeLessThan(200);
});

test.each<[BreakerOverrides | unknown, string]>([
  [5, 'Cannot get breaker "a": options must be an object, received 5'],
  [
    { failureThreshold: 1.5 },
    'Cannot get breaker "a": failureThreshold must be a positive integer, received 1.5',
  ],
  [
    { failureTreshold: 1 },
    'Cannot get breaker "a": unknown option "failureTreshold", did you mean "failureThreshold"?',
  ],
  [{ bus: createEventBus() }, 'Cannot get breaker "a": bus must be left out'],
])("%# get() refuses the overrides %o of a new breaker", (overrides, message) => {
  const { registry, events } = watchRegistry();
  expect(() => registry.get("a", wrong(overrides))).toThrow(message);
  expect(registry.has("a")).toBe(false);
  expect(events).toEqual([]);
});

test.each([
  [undefined, undefined, "follower must be an object, received undefined"],
  [{ removed: () => {} }, undefined, "follower.added must be a function, received undefined"],
  [{ added: () => {} }, undefined, "follower.removed must be a function, received undefined"],
  [{ added: () => {}, removed: () => {} }, { sinc: "x" }, 'unknown option "sinc"'],
  [{ added: () => {}, removed: () => {} }, { sink: 5 }, "sink must be a string, received 5"],
])("%# follow() refuses wrong arguments", (follower, options, message) => {
  const { registry } = watchRegistry();
  expect(() => registry.follow(wrong(follower), wrong(options))).toThrow(
    `Cannot follow registry: ${message}`,
  );
});
