import { expect, test } from "vitest";
import { BreakerRegistry, createEventBus, slowRate } from "../../src/index.ts";
import { BOOM, deferred, failTimes } from "../support/breaker.ts";
import { watchRegistry } from "../support/registry.ts";
import { wrong } from "../support/wrong-values.ts";

test("reconfigure() with options changes the defaults of all breakers, those to come included", () => {
  const { registry, of } = watchRegistry({ overrides: { own: { failureThreshold: 9 } } });
  const [a, own] = [registry.get("a"), registry.get("own")];
  registry.reconfigure({ failureThreshold: 4, latencyTripMs: 100 });
  expect(a.failureThreshold).toBe(4);
  expect(own.failureThreshold).toBe(9);
  expect(registry.get("later").failureThreshold).toBe(4);
  expect(of("circuit.reconfigure").map(({ breaker, from, to }) => [breaker, from, to])).toEqual([
    [
      "a",
      { failureThreshold: 2, latencyTripMs: null },
      { failureThreshold: 4, latencyTripMs: 100 },
    ],
    ["own", { latencyTripMs: null }, { latencyTripMs: 100 }],
  ]);
});

test("reconfigure() with null in the defaults goes back to the library's", () => {
  const { registry } = watchRegistry();
  const a = registry.get("a");
  registry.reconfigure({ failureThreshold: null });
  expect(a.failureThreshold).toBe(5);
  expect(registry.get("b").failureThreshold).toBe(5);
});

test("reconfigure() with a name changes that breaker only, over whatever get() was given", () => {
  const { registry, of } = watchRegistry();
  const [a, b] = [registry.get("a", { failureThreshold: 3 }), registry.get("b")];
  registry.reconfigure("a", { failureThreshold: 7 });
  expect([a.failureThreshold, b.failureThreshold]).toEqual([7, 2]);
  registry.reconfigure("a", { latencyTripMs: 5 });
  expect(a.failureThreshold).toBe(7);
  expect(of("circuit.reconfigure").map(({ breaker }) => breaker)).toEqual(["a", "a"]);
});

test("reconfigure() with a name outlives the breaker, and null takes it back", () => {
  const { registry } = watchRegistry();
  registry.reconfigure("a", { failureThreshold: 7 });
  expect(registry.has("a")).toBe(false);
  expect(registry.get("a").failureThreshold).toBe(7);
  registry.delete("a");
  const again = registry.get("a", { failureThreshold: 3 });
  expect(again.failureThreshold).toBe(7);
  registry.reconfigure("a", null);
  expect(again.failureThreshold).toBe(3);
  registry.reconfigure("a", null);
  registry.delete("a");
  expect(registry.get("a").failureThreshold).toBe(2);
});

test("reconfigure() leaves alone what a breaker was given by its own reconfigure(), unless it is what changes", () => {
  const { registry, of } = watchRegistry({ defaults: { halfOpen: { maxProbes: 2 } } });
  const a = registry.get("a");
  a.reconfigure({ cooldownMs: 77, latencyTripMs: 9 });
  registry.reconfigure({ failureThreshold: 6 });
  expect(of("circuit.reconfigure").at(-1)?.to).toEqual({ failureThreshold: 6 });
  registry.reconfigure({ cooldownMs: 88 });
  expect(of("circuit.reconfigure").at(-1)).toMatchObject({
    from: { cooldownMs: 77 },
    to: { cooldownMs: 88 },
  });
  registry.reconfigure({ latencyTripMs: 10 });
  registry.reconfigure({ latencyTripMs: null, halfOpen: { leaseMs: 5 } });
  expect(of("circuit.reconfigure").at(-1)?.to).toEqual({
    latencyTripMs: null,
    "halfOpen.leaseMs": 5,
  });
});

test("reconfigure() tells nobody where nothing changes", () => {
  const { registry, of } = watchRegistry({ overrides: { a: { failureThreshold: 3 } } });
  registry.get("a");
  registry.reconfigure({ failureThreshold: 8 });
  registry.reconfigure("a", { failureThreshold: 3 });
  registry.reconfigure({});
  expect(of("circuit.reconfigure")).toEqual([]);
});

test("reconfigure() keeps state and counts of every breaker", async () => {
  const { registry } = watchRegistry();
  const [open, failing, busy] = ["open", "failing", "busy"].map((name) => registry.get(name));
  if (open === undefined || failing === undefined || busy === undefined) throw new Error("made");
  await failTimes(open, 2);
  await failTimes(failing, 1);
  const gate = deferred<string>();
  const call = busy.execute(() => gate.promise);
  registry.reconfigure({ failureThreshold: 3, cooldownMs: 5 });
  expect(open.state).toBe("open");
  expect(open.retryAfterMs).toBe(1_000);
  expect(failing.stats.consecutiveFailures).toBe(1);
  await failTimes(failing, 2);
  expect(failing.state).toBe("open");
  gate.resolve("done");
  expect(await call).toMatchObject({ outcome: "ok", countedAs: "success" });
});

test("reconfigure() changes every breaker before it tells of the first", () => {
  const { registry } = watchRegistry();
  for (const name of ["a", "b", "c"]) registry.get(name);
  const seen: (number | null)[][] = [];
  registry.on("circuit.reconfigure", () => {
    seen.push([...registry].map(({ failureThreshold }) => failureThreshold));
  });
  registry.reconfigure({ failureThreshold: 4 });
  expect(seen).toEqual([
    [4, 4, 4],
    [4, 4, 4],
    [4, 4, 4],
  ]);
});

test("breakers without options of their own share their settings, also after a change", async () => {
  const { registry } = watchRegistry();
  registry.get("before");
  registry.reconfigure({ failureThreshold: 1 });
  for (const name of ["before", "after"]) {
    await failTimes(registry.get(name), 1);
    expect(registry.get(name).state).toBe("open");
  }
});

const BAD: readonly [args: unknown[], error: Error][] = [
  [[], new TypeError("Cannot reconfigure breaker: name must be a string, received undefined")],
  [
    [undefined],
    new TypeError("Cannot reconfigure registry: options must be an object, received undefined"),
  ],
  [[null], new TypeError("Cannot reconfigure registry: options must be an object, received null")],
  [
    ["a"],
    new TypeError('Cannot reconfigure breaker "a": options must be an object, received undefined'),
  ],
  [[5, {}], new TypeError("Cannot reconfigure breaker: name must be a string, received 5")],
  [
    [{ failureThreshold: 3 }, {}],
    new TypeError("Cannot reconfigure breaker: name must be a string, received an object"),
  ],
  [
    [{ failureThreshold: 3, cooldownMs: -1 }],
    new RangeError(
      "Cannot reconfigure registry: cooldownMs must be a non-negative number of milliseconds, received -1",
    ),
  ],
  [
    [{ failureTreshold: 3 }],
    new TypeError(
      'Cannot reconfigure registry: unknown option "failureTreshold", did you mean "failureThreshold"?',
    ),
  ],
  [
    ["a", { failureThreshold: 3, trip: [] }],
    new RangeError(
      'Cannot reconfigure breaker "a": trip must be a trip rule or several, received an array',
    ),
  ],
  [
    ["absent", { failureThreshold: 0 }],
    new RangeError(
      'Cannot reconfigure breaker "absent": failureThreshold must be a positive integer, received 0',
    ),
  ],
  ...["bus", "clock", "random"].map((option): [unknown[], Error] => [
    [{ failureThreshold: 3, [option]: createEventBus() }],
    new TypeError(
      `Cannot reconfigure registry: ${option} must be left out, since it cannot change, received an object`,
    ),
  ]),
  [
    ["a", { clock: 5 }],
    new TypeError(
      'Cannot reconfigure breaker "a": clock must be left out, since it cannot change, received 5',
    ),
  ],
];

test.each(BAD)("%# reconfigure(...%o) is refused and changes no breaker", (args, error) => {
  const { registry, of } = watchRegistry();
  const [a, b] = [registry.get("a"), registry.get("b", { failureThreshold: 6 })];
  expect(() => Reflect.apply(registry.reconfigure, registry, args)).toThrow(error);
  expect([a.failureThreshold, b.failureThreshold]).toEqual([2, 6]);
  expect(registry.get("c").failureThreshold).toBe(2);
  expect(of("circuit.reconfigure")).toEqual([]);
  a.recordFailure(BOOM);
  a.recordFailure(BOOM);
  expect(a.retryAfterMs).toBe(1_000);
});

test("as many names as the limit may have options of their own", () => {
  const registry = new BreakerRegistry({ limit: 2 });
  registry.reconfigure("a", { failureThreshold: 3 });
  registry.reconfigure("b", { failureThreshold: 3 });
  registry.reconfigure("b", { failureThreshold: 4 });
  expect(() => registry.reconfigure("c", { failureThreshold: 3 })).toThrow(
    new RangeError(
      'Cannot reconfigure breaker "c": names with options of their own must be at most 2, received 3',
    ),
  );
  expect(registry.get("c").failureThreshold).toBe(5);
  registry.reconfigure("a", null);
  registry.reconfigure("c", { failureThreshold: 3 });
  expect(registry.get("c").failureThreshold).toBe(3);
});

test("what reconfigure() was given may change afterwards", () => {
  const { registry } = watchRegistry();
  const change = { failureThreshold: 3 };
  registry.reconfigure(change);
  registry.reconfigure("b", change);
  change.failureThreshold = 30;
  expect(registry.get("a").failureThreshold).toBe(3);
  expect(registry.get("b").failureThreshold).toBe(3);
});

test("options that reconfigure() sets may be anything that the breaker takes", () => {
  const { registry, of } = watchRegistry();
  registry.get("a");
  const shadow = slowRate({ latencyMs: 5, threshold: 0.5, window: { calls: 5 } });
  registry.reconfigure({ shadow, degradation: [1, 0.5], classify: () => "ignored" });
  expect(of("circuit.reconfigure")[0]?.to).toEqual({
    shadow: "slowRate 0.5",
    degradation: "1, 0.5",
    classify: "function",
  });
  expect(() => registry.reconfigure(wrong("a"))).toThrow("options must be an object");
});
