import { expect, test } from "vitest";
import {
  bulkhead,
  CircuitBreaker,
  fallback,
  type PolicyCallOptions,
  pipeline,
  retry,
  timeout,
} from "../../src/index.ts";
import { BOOM, fail, succeed } from "../support/breaker.ts";
import { networkError, surroundings } from "../support/policies.ts";
import { wrong } from "../support/wrong-values.ts";

type Context = NonNullable<PolicyCallOptions["context"]>;

const LONG = `/search?q=${"x".repeat(300)}`;
const MANY: Context = Object.fromEntries(Array.from({ length: 33 }, (_, n) => [`k${n}`, n]));
const LEFT_OUT = {
  callback: "context",
  error: {
    name: "RangeError",
    message:
      "Cannot take the context: context must have at most 32 keys of at most 64 characters, left out: 1",
  },
};

const KINDS = [
  "retry",
  "timeout",
  "fallback",
  "bulkhead",
  "a pipeline of policies",
  "a pipeline of breakers",
] as const;

/** What all of them can do. */
interface Callable {
  call(fn: () => Promise<string>, options: PolicyCallOptions): Promise<unknown>;
  execute(fn: () => Promise<string>, options: PolicyCallOptions): Promise<unknown>;
}

/** A policy of each kind, and breakers in a pipeline. */
function subjects() {
  const around = surroundings();
  const { options, time, bus } = around;
  const breaker = new CircuitBreaker("b", { clock: time, bus });
  const policies: Record<(typeof KINDS)[number], Callable> = {
    retry: retry("p", options),
    timeout: timeout("p", { ...options, limitMs: 100 }),
    fallback: fallback("p", { ...options, fail: "open", value: "none" }),
    bulkhead: bulkhead(breaker, { limit: 1, clock: time, timers: time }),
    "a pipeline of policies": pipeline(retry("quiet"), retry("p", options)),
    "a pipeline of breakers": pipeline(breaker),
  };
  return { ...around, policies };
}

test.each(KINDS)("a text of a context that is too long fails no call of %s", async (kind) => {
  const { policies, told } = subjects();
  const policy = policies[kind];
  await expect(policy.call(succeed, { context: { url: LONG } })).resolves.toBe("value");
  expect(await policy.execute(succeed, { context: { url: LONG } })).toMatchObject({
    outcome: "ok",
  });
  expect(told().filter((type) => type.endsWith("callback_failed"))).toEqual([]);
});

test.each(KINDS)(
  "keys of a context that are too many fail no call of %s, and are told once",
  async (kind) => {
    const { policies, events } = subjects();
    await expect(policies[kind].call(succeed, { context: MANY })).resolves.toBe("value");
    const failed = events.filter(({ type }) => type.endsWith("callback_failed"));
    expect(failed).toHaveLength(1);
    expect(failed[0]).toMatchObject(LEFT_OUT);
    const ofBreaker = kind === "bulkhead" || kind === "a pipeline of breakers";
    expect(failed[0]).toMatchObject(ofBreaker ? { breaker: "b" } : { policy: "p" });
  },
);

test("the events of a call carry what was kept of its context, a long text cut", async () => {
  const { time, options, last } = surroundings();
  const policy = retry("orders", { ...options, attempts: 1 });
  await time.until(policy.execute(fail, { context: { url: LONG, ...MANY } }));
  const { context } = last("retry.give_up");
  expect(Object.keys(context ?? {})).toHaveLength(32);
  expect(context?.["url"]).toHaveLength(256);
  expect(LONG).toContain(String(context?.["url"]).slice(0, 255));
  expect(last("policy.callback_failed")).toMatchObject({ context: { k0: 0 } });
});

test("a pipeline tells of a context where somebody hears it, not at a breaker that has no listener", async () => {
  const { options, time, last } = surroundings();
  const unheard = new CircuitBreaker("unheard", { clock: time });
  const policy = pipeline(unheard, retry("heard", options));
  await policy.call(succeed, { context: MANY });
  expect(last("policy.callback_failed")).toMatchObject({ policy: "heard" });
});

test("a pipeline without a bus fails no call for its context either", async () => {
  const quiet = pipeline(retry("a"), retry("b"));
  await expect(quiet.call(succeed, { context: MANY })).resolves.toBe("value");
});

test("a context that is none is refused as before", async () => {
  const policy = retry("orders");
  await expect(policy.call(succeed, { context: wrong(5) })).rejects.toThrow(
    'Cannot call "orders": context must be an object, received 5',
  );
  await expect(policy.call(succeed, { context: { error: wrong(BOOM) } })).rejects.toThrow(
    "context.error must be a string, a finite number, a boolean or null, received an object",
  );
});

test("execute() of a pipeline of breakers measures with the clock of the outermost", async () => {
  const { time } = surroundings();
  const composed = pipeline(new CircuitBreaker("a", { clock: time }), new CircuitBreaker("b"));
  const slow = () =>
    new Promise((_, reject) => time.start(() => reject(networkError("EPIPE")), 5_000));
  expect(await time.until(composed.execute(slow))).toMatchObject({ latencyMs: 5_000 });
});
