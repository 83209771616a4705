import { expect, test, vi } from "vitest";
import { BreakerRegistry, type CircuitBreaker } from "../../src/index.ts";
import { BOOM, failTimes, succeed } from "../support/breaker.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { watchRegistry } from "../support/registry.ts";
import { wrong } from "../support/wrong-values.ts";

test("get() makes a breaker of the name once", async () => {
  const { registry, names } = watchRegistry();
  const payments = registry.get("payments");
  expect(payments.name).toBe("payments");
  expect(registry.get("payments")).toBe(payments);
  expect(registry.get("search")).not.toBe(payments);
  expect(names()).toEqual(["payments", "search"]);
  expect(registry.size).toBe(2);
  expect(await payments.call(succeed)).toBe("value");
});

test("peek() and has() make nothing", () => {
  const { registry } = watchRegistry();
  expect(registry.peek("payments")).toBeUndefined();
  expect(registry.has("payments")).toBe(false);
  const payments = registry.get("payments");
  expect(registry.peek("payments")).toBe(payments);
  expect(registry.has("payments")).toBe(true);
  expect(registry.size).toBe(1);
});

test("names that objects have by nature are names like any other", () => {
  const { registry } = watchRegistry({ overrides: { search: { failureThreshold: 9 } } });
  for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
    expect(registry.has(name)).toBe(false);
    expect(registry.get(name).failureThreshold).toBe(2);
    expect(registry.has(name)).toBe(true);
  }
});

test("overrides of a name called __proto__ are used for it, and for no other", () => {
  const overrides = JSON.parse('{ "__proto__": { "failureThreshold": 9 } }');
  const registry = new BreakerRegistry({ overrides });
  expect(registry.get("__proto__").failureThreshold).toBe(9);
  expect(registry.get("other").failureThreshold).toBe(5);
});

test("every breaker is made with the defaults", async () => {
  const clock = new FakeClock();
  const registry = new BreakerRegistry({
    defaults: { clock, failureThreshold: 1, cooldownMs: 70, attributes: { region: "eu" } },
  });
  const opened = vi.fn();
  registry.on("circuit.open", opened);
  for (const name of ["a", "b"]) await failTimes(registry.get(name), 1);
  expect(
    opened.mock.calls.map(([event]) => [event.breaker, event.cooldownMs, event.attributes]),
  ).toEqual([
    ["a", 70, { region: "eu" }],
    ["b", 70, { region: "eu" }],
  ]);
});

test("the layers of options: defaults, optionsFor, overrides, get, reconfigure, the later on top", () => {
  const layers = [
    { failureThreshold: 1 },
    { failureThreshold: 2 },
    { failureThreshold: 3 },
    { failureThreshold: 4 },
    { failureThreshold: 5 },
  ] as const;
  for (let top = 0; top < layers.length; top++) {
    const [defaults, answer, fixed, given, live] = layers.map((layer, at) =>
      at <= top ? layer : {},
    );
    const registry = new BreakerRegistry({
      defaults: defaults ?? {},
      overrides: { a: fixed ?? {} },
      optionsFor: () => answer,
    });
    registry.reconfigure("a", live ?? {});
    expect(registry.get("a", given).failureThreshold).toBe(top + 1);
    expect(registry.get("b").failureThreshold).toBe(Math.min(top + 1, 2));
  }
});

test("null in an upper layer is the library's default, undefined is what lies below", () => {
  const registry = new BreakerRegistry({
    defaults: { failureThreshold: 9 },
    overrides: { null: { failureThreshold: null } },
    optionsFor: (name) =>
      name === "undefined" ? wrong({ failureThreshold: undefined }) : undefined,
  });
  expect(registry.get("null").failureThreshold).toBe(5);
  expect(registry.get("undefined").failureThreshold).toBe(9);
  expect(registry.get("given", { failureThreshold: null }).failureThreshold).toBe(5);
});

test("parts of halfOpen, rampUp and attributes are laid one by one", async () => {
  const { registry, of } = watchRegistry({
    defaults: {
      failureThreshold: 1,
      halfOpen: { maxProbes: 2, leaseMs: 50 },
      attributes: { region: "eu", tier: 1 },
    },
    overrides: { a: { halfOpen: { leaseMs: 500 }, attributes: { tier: 2 } } },
  });
  const a = registry.get("a");
  await failTimes(a, 1);
  a.reset();
  expect(of("circuit.open")[0]?.attributes).toEqual({ region: "eu", tier: 2 });
  a.reconfigure({ halfOpen: { successThreshold: 7 } });
  expect(of("circuit.reconfigure")[0]?.to).toEqual({ "halfOpen.successThreshold": 7 });
  a.reconfigure({ halfOpen: null });
  expect(of("circuit.reconfigure")[1]?.from).toEqual({
    "halfOpen.maxProbes": 2,
    "halfOpen.successThreshold": 7,
    "halfOpen.leaseMs": 500,
  });
});

test("the overrides of a second get() are not looked at", () => {
  const { registry } = watchRegistry();
  const first = registry.get("a", { failureThreshold: 7 });
  expect(registry.get("a", { failureThreshold: 8 })).toBe(first);
  expect(registry.get("a", wrong({ nonsense: true }))).toBe(first);
  expect(registry.get("a")).toBe(first);
  expect(first.failureThreshold).toBe(7);
});

test("what a registry was given may change or be frozen afterwards", () => {
  const attributes = { tier: 1 };
  const halfOpen = { leaseMs: 50 };
  const options = {
    defaults: { failureThreshold: 3 },
    overrides: { a: { failureThreshold: 4, halfOpen, degradation: [1, 0.5] } },
  };
  const registry = new BreakerRegistry(options);
  const given = { failureThreshold: 6, attributes };
  registry.get("c", given);
  options.defaults.failureThreshold = 30;
  options.overrides.a.failureThreshold = 40;
  given.failureThreshold = 60;
  halfOpen.leaseMs = 5_000;
  options.overrides.a.degradation[1] = 0;
  registry.reconfigure({ latencyTripMs: 5 });
  const a = registry.get("a");
  expect(a.failureThreshold).toBe(4);
  a.recordFailure(new Error("one"));
  expect(a.trafficShare).toBe(0.5);
  const changed = vi.fn();
  a.on("circuit.reconfigure", changed);
  a.reconfigure({ halfOpen: { leaseMs: 70 } });
  expect(changed.mock.calls[0]?.[0].from).toEqual({ "halfOpen.leaseMs": 50 });
  expect(registry.get("b").failureThreshold).toBe(3);
  expect(registry.get("c").failureThreshold).toBe(6);
});

test("optionsFor is asked once, when the breaker is made", () => {
  const optionsFor = vi.fn((name: string) =>
    name.startsWith("slow.") ? { latencyTripMs: 10_000 } : undefined,
  );
  const { registry } = watchRegistry({ optionsFor });
  registry.get("slow.example");
  registry.get("slow.example");
  registry.peek("other");
  registry.has("other");
  registry.get("other");
  expect(optionsFor.mock.calls).toEqual([["slow.example"], ["other"]]);
});

test.each([
  {
    why: "throws",
    optionsFor: () => {
      throw BOOM;
    },
    message: "boom",
  },
  {
    why: "answers with a wrong option",
    optionsFor: () => ({ failureThreshold: -1 }),
    message:
      'Cannot use what optionsFor answered for "a": failureThreshold must be a positive integer, received -1',
  },
  {
    why: "answers with an unknown option",
    optionsFor: () => ({ failures: 1 }),
    message:
      'Cannot use what optionsFor answered for "a": unknown option "failures", known are failureThreshold,',
  },
  {
    why: "answers with something else",
    optionsFor: () => 5,
    message: 'Cannot use what optionsFor answered for "a": options must be an object, received 5',
  },
])("when optionsFor $why the breaker is made without it, and told", ({ optionsFor, message }) => {
  const { registry, of } = watchRegistry({
    optionsFor: wrong(optionsFor),
    overrides: { a: { failureThreshold: 7 } },
  });
  expect(registry.get("a").failureThreshold).toBe(7);
  const [failed, ...more] = of("circuit.callback_failed");
  expect(more).toEqual([]);
  expect(failed).toMatchObject({ breaker: "a", callback: "optionsFor" });
  expect(failed?.error.message).toContain(message);
});

test("optionsFor may ask the registry for the same name", () => {
  const made: CircuitBreaker[] = [];
  const registry: BreakerRegistry = new BreakerRegistry({
    optionsFor: (name) => {
      if (made.length === 0) {
        made.push(wrong(null));
        made.push(registry.get(name));
      }
      return { failureThreshold: 9 };
    },
  });
  expect(registry.get("a")).toBe(made[1]);
  expect(registry.size).toBe(1);
});
