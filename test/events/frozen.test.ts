import { expect, test } from "vitest";
import { CircuitBreaker, type CircuitEvent } from "../../src/index.ts";
import { BOOM, failTimes, succeed, watch } from "../support/breaker.ts";
import { BROAD_ATTRIBUTES, BROAD_CONTEXT, broadRun } from "../support/broad-run.ts";

/** Every object within a value, itself included. */
function objectsIn(value: unknown): object[] {
  if (typeof value !== "object" || value === null) return [];
  return [value, ...Object.values(value).flatMap(objectsIn)];
}

test("events and everything in them are frozen plain data", async () => {
  const events = await broadRun();
  const objects = events.flatMap(objectsIn);
  expect(objects.length).toBeGreaterThan(events.length);
  for (const held of objects) {
    expect(Object.isFrozen(held), JSON.stringify(held)).toBe(true);
    expect(Object.getPrototypeOf(held)).toBe(Object.prototype);
    for (const descriptor of Object.values(Object.getOwnPropertyDescriptors(held))) {
      expect(descriptor).toHaveProperty("value");
      expect(typeof descriptor.value).not.toBe("function");
    }
  }
});

test("events of a breaker without attributes, instance and context are frozen plain data too", async () => {
  const { breaker, clock, events } = watch({ failureThreshold: 1, cooldownMs: 10 });
  await breaker.call(succeed);
  breaker.recordSuccess();
  await failTimes(breaker, 1);
  await breaker.execute(succeed);
  clock.advance(10);
  await breaker.call(succeed);
  expect(events.map(({ type }) => type)).toContain("circuit.success");
  for (const event of events) {
    for (const held of objectsIn(event)) expect(Object.isFrozen(held), event.type).toBe(true);
    expect(JSON.parse(JSON.stringify(event))).toStrictEqual(event);
  }
});

test("events survive a round trip through JSON unchanged", async () => {
  for (const event of await broadRun()) {
    const back: unknown = JSON.parse(JSON.stringify(event));
    // Strict: a key that holds undefined would be lost, and counts as a difference.
    expect(back).toStrictEqual(event);
  }
});

test("attributes are on every event of the breaker, as they were when it was made", async () => {
  const attributes: Record<string, string> = { region: "eu-1" };
  const { breaker, events } = watch({ attributes, failureThreshold: 1 });
  attributes["region"] = "us-2";
  attributes["added"] = "later";
  await breaker.call(succeed);
  await failTimes(breaker, 1);
  await breaker.execute(succeed);
  expect(events).toHaveLength(4);
  for (const event of events) expect(event.attributes).toEqual({ region: "eu-1" });
  for (const event of await broadRun()) {
    if ("seq" in event) expect(event.attributes).toEqual(BROAD_ATTRIBUTES);
  }
});

test("context is copied when the call begins", async () => {
  const context: Record<string, string> = { delivery: "d-1" };
  const { breaker, last } = watch();
  const call = breaker.call(
    () => {
      context["delivery"] = "changed during the call";
    },
    { context },
  );
  await call;
  expect(last("circuit.success").context).toEqual({ delivery: "d-1" });
  context["delivery"] = "changed after the call";
  expect(last("circuit.success").context).toEqual({ delivery: "d-1" });
  expect(Object.isFrozen(context)).toBe(false);
});

test("context and attributes of a broad run hold what was given", async () => {
  const contexts = (await broadRun()).flatMap((event) =>
    "context" in event && event.context !== undefined ? [event.context] : [],
  );
  expect(contexts.length).toBeGreaterThan(5);
  for (const context of contexts) expect(context).toEqual(BROAD_CONTEXT);
});

test("a key called __proto__ in context or attributes is data like any other", async () => {
  const entry: Record<string, string> = Object.fromEntries([["__proto__", "polluted"]]);
  const { breaker, last } = watch({ attributes: entry });
  await breaker.call(succeed, { context: entry });
  const { context, attributes } = last("circuit.success");
  expect(JSON.stringify(context)).toBe('{"__proto__":"polluted"}');
  expect(JSON.stringify(attributes)).toBe('{"__proto__":"polluted"}');
  expect(Object.getPrototypeOf(context)).toBe(Object.prototype);
});

test("numbers of an event do not change after it was sent", async () => {
  const { breaker, clock, events } = watch({ failureThreshold: 2, cooldownMs: 100 });
  const copies: CircuitEvent[] = [];
  breaker.on("circuit.*", (event) => copies.push(structuredClone(event)));
  await failTimes(breaker, 2);
  clock.advance(100);
  await failTimes(breaker, 1);
  await failTimes(breaker, 3);
  clock.advance(100);
  await breaker.call(succeed);
  await failTimes(breaker, 2);
  expect(events).toEqual(copies);
  expect(events.length).toBeGreaterThan(10);
});

test("error of an event is a copy: the thrown error is not touched and not held", async () => {
  const error = Object.assign(new Error("at first"), { code: "E1", secret: "token" });
  const { breaker, last } = watch();
  await breaker.execute(() => Promise.reject(error));
  error.message = "later";
  expect(last("circuit.failure").error).toEqual({
    name: "Error",
    message: "at first",
    code: "E1",
  });
  expect(Object.isFrozen(error)).toBe(false);
});

const circular = new Error("round");
circular.cause = circular;
const nameless = Object.assign(Object.create(null), { message: "bare" });
const unreadable = new Proxy(new Error("hidden"), {
  get: () => {
    throw new Error("do not touch");
  },
});

test.each([
  { thrown: new TypeError("wrong"), error: { name: "TypeError", message: "wrong" } },
  { thrown: undefined, error: { name: "undefined", message: "undefined" } },
  { thrown: null, error: { name: "null", message: "null" } },
  { thrown: "text", error: { name: "string", message: "text" } },
  { thrown: 42, error: { name: "number", message: "42" } },
  { thrown: 7n, error: { name: "bigint", message: "7" } },
  { thrown: Symbol("s"), error: { name: "symbol", message: "Symbol(s)" } },
  { thrown: { message: "like", name: "Like" }, error: { name: "Like", message: "like" } },
  { thrown: Object.freeze({ code: 7 }), error: { message: "[object Object]", code: "7" } },
  {
    thrown: new TypeError("fetch failed", { cause: Object.assign(new Error(), { code: "E7" }) }),
    error: { message: "fetch failed", code: "E7" },
  },
  { thrown: circular, error: { message: "round" } },
  { thrown: nameless, error: { message: "bare" } },
  { thrown: unreadable, error: { name: "Unreadable" } },
  { thrown: { message: { deep: 1 }, name: 5 }, error: { name: "5", message: "[object Object]" } },
])("error of an event describes whatever was thrown: $error", async ({ thrown, error }) => {
  const { breaker, last } = watch();
  const seen = await breaker
    .call(() => Promise.reject(thrown))
    .catch((caught: unknown) => [caught]);
  expect(Object.is(Array.isArray(seen) && seen[0], thrown)).toBe(true);
  expect(last("circuit.failure").error).toMatchObject(error);
  expect(Object.isFrozen(last("circuit.failure").error)).toBe(true);
  expect(breaker.stats.calls.error).toBe(1);
});

test("the message of an error is cut to a limit, and so are its name and code", async () => {
  const long = (length: number) => "x".repeat(length);
  const error = Object.assign(new Error(long(10_000)), { name: long(500), code: long(500) });
  const { breaker, last } = watch();
  await breaker.execute(() => Promise.reject(error));
  const told = last("circuit.failure").error;
  expect(told?.message).toBe(`${long(511)}…`);
  expect(told?.name).toBe(`${long(63)}…`);
  expect(told?.code).toBe(`${long(63)}…`);
  expect(error.message).toHaveLength(10_000);
});

test("a listener cannot change what the next one sees", () => {
  const breaker = new CircuitBreaker("dependency");
  const thrown: unknown[] = [];
  breaker.on("circuit.open", (event) => {
    try {
      // Wrong on purpose: this is what JavaScript callers can do.
      (event as { reason: string }).reason = "changed";
    } catch (error) {
      thrown.push(error);
    }
  });
  let reason = "";
  breaker.on("circuit.open", (event) => {
    reason = event.reason;
  });
  breaker.recordFailure(BOOM);
  breaker.forceOpen();
  expect(reason).toBe("forced");
  expect(thrown[0]).toBeInstanceOf(TypeError);
});
