import { describe, expect, test } from "vitest";
import { connectOwner } from "../../src/workers/index.ts";
import { world } from "./isolate.ts";

describe("connectOwner refuses", () => {
  test.each([
    [{ cacheMs: 999 }, "Cannot connect owner: cacheMs must be 1000 to 5000, received 999"],
    [{ cacheMs: 5_001 }, "cacheMs must be 1000 to 5000, received 5001"],
    [{ deadlineMs: 0 }, "deadlineMs must be a positive number of milliseconds, received 0"],
    [{ spendLimit: 0 }, "spendLimit must be a positive integer, received 0"],
    [{ unreserved: "maybe" }, 'unreserved must be "block" or "allow", received "maybe"'],
    [{ classify: 1 }, "classify must be a function, received 1"],
    [{ bus: {} }, "bus.emit must be a function"],
    [{ clock: {} }, "clock.monotonicMs must be a function"],
    [{ timers: {} }, "timers.start must be a function"],
    [{ random: 1 }, "random must be a function, received 1"],
    [{ cachems: 1 }, 'unknown option "cachems", did you mean "cacheMs"?'],
  ])("%o", (options, message) => {
    expect(() => connectOwner("openai", options as object)).toThrow(message);
  });

  test("a scope that is none, and calls of breakers that there are not", async () => {
    const { world: made, one } = world();
    const { namespace, lifetime } = made;
    const within = (scope: object) => () => one.connection.within(scope as never);
    expect(within({ lifetime })).toThrow("namespace must be an object, received undefined");
    expect(within({ namespace, lifetime: {} })).toThrow("lifetime.waitUntil must be a function");
    expect(within({ namespace, lifetime, warmStart: {} })).toThrow("warmStart.load must be a func");
    expect(within({ namespace, lifetime, ctx: 1 })).toThrow('unknown option "ctx"');
    expect(() => connectOwner("")).toThrow("name must be a string of 1 to 256 characters");
    const calls = one.within();
    await expect(made.time.until(calls.execute("nope", () => 1))).rejects.toThrow(
      'Cannot call breaker "nope" of owner "openai": breaker must be one of the owner\'s',
    );
    await expect(calls.execute("chat", 7 as never)).rejects.toThrow("fn must be a function");
    const wrong = { modle: "x" } as object;
    await expect(calls.execute("chat", () => 1, wrong)).rejects.toThrow('did you mean "model"?');
    await expect(calls.execute("chat", () => 1, { model: "" })).rejects.toThrow("model must be a");
    const estimate = { model: "gpt-5", tokens: { output: -1 } };
    await expect(calls.execute("chat", () => 1, { estimate })).rejects.toThrow(
      "tokens.output must be a whole number, 0 or more, received -1",
    );
    await expect(calls.execute("chat", () => 1, { provider: "" })).rejects.toThrow("provider must");
  });
});
