import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  createEventBus,
  type EventBus,
  isSnapshotError,
  type TelltaleEvent,
} from "../../src/index.ts";
import {
  CreditLedger,
  ExhaustionRegistry,
  type ExhaustionRegistryOptions,
  isQuotaExceededError,
  QuotaExceededError,
} from "../../src/quota/index.ts";
import { FakeClock, START_AT_MS } from "../support/fake-clock.ts";

const GOLDEN = new URL("../fixtures/quota-v1/exhaustion-registry.json", import.meta.url);
const MINUTE_MS = 60_000;

function registryOf(options: ExhaustionRegistryOptions = {}, clock = new FakeClock()) {
  const bus = createEventBus({ instance: "api-1" });
  const told: TelltaleEvent[] = [];
  bus.on("quota.*", (event) => told.push(event));
  return { registry: new ExhaustionRegistry({ bus, clock, ...options }), clock, told };
}

test("deserialize() makes a registry with the marks of another, and refuses what is none", () => {
  const { registry, clock } = registryOf();
  registry.mark("openai");
  const again = ExhaustionRegistry.deserialize(registry.serialize(), { clock, maximumMs: 1_000 });
  expect(again.list()).toMatchObject([{ provider: "openai", untilMs: START_AT_MS + 1_000 }]);
  expect(again.serialize()).toBe(JSON.stringify(again.snapshot()));
  expect(() => ExhaustionRegistry.deserialize("{}")).toThrow(
    expect.objectContaining({ code: "ERR_SNAPSHOT_KIND" }),
  );
});

test("mark() holds five minutes, and its end is told when somebody asks", () => {
  const { registry, clock, told } = registryOf();
  expect(registry.mark("openai")).toEqual({
    provider: "openai",
    sinceMs: START_AT_MS,
    untilMs: START_AT_MS + 5 * MINUTE_MS,
    source: "default",
  });
  expect([registry.isExhausted("openai"), registry.isExhausted("other")]).toEqual([true, false]);
  clock.advance(5 * MINUTE_MS - 1);
  expect(registry.retryAfterMs("openai")).toBe(1);
  clock.advance(1_000);
  expect(told.length).toBe(1);
  expect(registry.isExhausted("openai")).toBe(false);
  expect(registry.retryAfterMs("openai")).toBe(0);
  const envelope = { v: 1, instance: "api-1", provider: "openai" };
  expect(told).toEqual([
    {
      ...envelope,
      type: "quota.exhausted",
      atMs: START_AT_MS,
      untilMs: START_AT_MS + 5 * MINUTE_MS,
      source: "default",
    },
    {
      ...envelope,
      type: "quota.recovered",
      atMs: START_AT_MS + 5 * MINUTE_MS,
      exhaustedMs: 5 * MINUTE_MS,
      reason: "expired",
    },
  ]);
});

test("mark() of a provider that is marked holds until the later end, and is not told again", () => {
  const { registry, clock, told } = registryOf();
  registry.mark("p", { forMs: 10_000 });
  clock.advance(5_000);
  expect(registry.mark("p", { forMs: 1_000 }).untilMs).toBe(START_AT_MS + 10_000);
  expect(registry.mark("p", { forMs: 20_000 })).toMatchObject({
    sinceMs: START_AT_MS,
    untilMs: START_AT_MS + 25_000,
  });
  expect(told.length).toBe(1);
});

test("defaultMs and maximumMs bound a mark, also when the wall clock is set back", () => {
  const { registry, clock } = registryOf({ defaultMs: 1_000, maximumMs: 2_000 });
  expect(registry.mark("p").untilMs).toBe(START_AT_MS + 1_000);
  expect(registry.mark("q", { forMs: 9_000 }).untilMs).toBe(START_AT_MS + 2_000);
  clock.jumpWall(-60_000);
  expect(registry.retryAfterMs("q")).toBe(2_000);
  clock.advance(2_000);
  expect(registry.isExhausted("q")).toBe(false);
});

test("limit: mark() makes room by the one that is back first", () => {
  const { registry, told } = registryOf({ limit: 2 });
  registry.mark("a", { forMs: 2_000 });
  registry.mark("b", { forMs: 1_000 });
  registry.mark("c", { forMs: 3_000 });
  expect(registry.list().map(({ provider }) => provider)).toEqual(["a", "c"]);
  expect(told.at(-1)).toMatchObject({ provider: "b", reason: "evicted" });
});

test("clear() takes off one mark or all, and tells how long it was there", () => {
  const { registry, clock, told } = registryOf();
  for (const provider of ["a", "b", "c"]) registry.mark(provider);
  clock.advance(1_500);
  expect(registry.clear("a")).toBe(1);
  expect(registry.clear("a")).toBe(0);
  expect(registry.clear()).toBe(2);
  expect(registry.list()).toEqual([]);
  expect(told.at(-1)).toMatchObject({
    type: "quota.recovered",
    exhaustedMs: 1_500,
    reason: "cleared",
  });
});

test("markFrom() takes a QuotaExceededError, with its own end or the default", () => {
  const { registry, told } = registryOf();
  const error = new QuotaExceededError("used up", { retryAfterMs: 1_000 });
  expect(registry.markFrom("p", error)?.untilMs).toBe(START_AT_MS + 1_000);
  expect(told[0]).toMatchObject({
    error: { name: "QuotaExceededError", message: "used up", code: "ERR_QUOTA_EXCEEDED" },
    source: "error",
  });
  expect(registry.markFrom("q", new QuotaExceededError("used up"))?.untilMs).toBe(
    START_AT_MS + 5 * MINUTE_MS,
  );
  expect([isQuotaExceededError(error), isQuotaExceededError(new Error("no"))]).toEqual([
    true,
    false,
  ]);
});

const at = (afterMs: number) => new Date(START_AT_MS + afterMs);
const headers = (given: Record<string, string>) => ({ status: 429, headers: new Headers(given) });
const google = [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "34.5s" }];

test.each<[string, unknown, number, string]>([
  ["a bare 429", { status: 429 }, 300_000, "default"],
  ["Retry-After in seconds", headers({ "Retry-After": "20" }), 20_000, "header"],
  ["Retry-After as a date", headers({ "retry-after": at(30_000).toUTCString() }), 30_000, "header"],
  [
    "Azure in milliseconds",
    headers({ "retry-after-ms": "1500", "retry-after": "2" }),
    1_500,
    "header",
  ],
  ["Azure in seconds", headers({ "x-ratelimit-reset-tokens": "17" }), 17_000, "header"],
  [
    "OpenAI, the longer of both",
    headers({ "x-ratelimit-reset-requests": "12ms", "x-ratelimit-reset-tokens": "6m0s" }),
    360_000,
    "header",
  ],
  [
    "OpenAI, what is used up",
    headers({
      "x-ratelimit-reset-requests": "1s",
      "x-ratelimit-remaining-requests": "0",
      "x-ratelimit-reset-tokens": "6m0s",
      "x-ratelimit-remaining-tokens": "10",
    }),
    1_000,
    "header",
  ],
  [
    "Anthropic",
    headers({ "anthropic-ratelimit-input-tokens-reset": at(45_000).toISOString() }),
    45_000,
    "header",
  ],
  [
    "GitHub",
    headers({ "x-ratelimit-reset": String((START_AT_MS + 90_000) / 1000) }),
    90_000,
    "header",
  ],
  ["RateLimit-Reset", headers({ "RateLimit-Reset": "50" }), 50_000, "header"],
  ["axios", { response: { status: 429, headers: { "Retry-After": "3" } } }, 3_000, "header"],
  ["got", { response: { statusCode: 429, headers: { "retry-after": "3" } } }, 3_000, "header"],
  ["Google", { status: 429, errorDetails: google }, 34_500, "error"],
  ["Google's body", { error: { details: google }, code: 429 }, 34_500, "error"],
  ["AWS", { name: "ThrottlingException", $retryable: { throttling: true } }, 300_000, "default"],
  ["AWS by status", { $metadata: { httpStatusCode: 429 } }, 300_000, "default"],
  ["an end far away", headers({ "retry-after": "99999999" }), 86_400_000, "header"],
  [
    "nonsense",
    headers({ "retry-after": "soon", "x-ratelimit-reset-tokens": "x" }),
    300_000,
    "default",
  ],
])("markFrom() reads %s", (_, error, waitMs, source) => {
  const { registry } = registryOf();
  expect(registry.markFrom("p", error)).toMatchObject({ untilMs: START_AT_MS + waitMs, source });
});

test.each<[string, unknown]>([
  ["another status", { status: 500, headers: { "retry-after": "3" } }],
  ["an ordinary error", new Error("429")],
  ["nothing", undefined],
  ["a 429 that may be tried again at once", headers({ "retry-after": "0" })],
  [
    "a getter that throws",
    {
      get status() {
        throw new Error("no");
      },
    },
  ],
])("markFrom() marks nothing for %s", (_, error) => {
  const { registry, told } = registryOf();
  expect(registry.markFrom("p", error)).toBeNull();
  expect([registry.list(), told]).toEqual([[], []]);
});

test("markFrom() never throws, whatever was thrown", () => {
  const { registry } = registryOf();
  fc.assert(
    fc.property(fc.anything({ withNullPrototype: true }), (thrown) => {
      registry.markFrom("p", thrown);
      registry.markFrom("p", { status: 429, headers: thrown, errorDetails: thrown });
    }),
  );
});

function filled() {
  const made = registryOf();
  made.registry.mark("openai");
  made.clock.advance(1_000);
  made.registry.markFrom("other", headers({ "retry-after": "20" }));
  return made;
}

test("restore() of a snapshot continues the marks, told once, and reads the file of version 1", () => {
  const { registry, clock } = filled();
  const text = readFileSync(GOLDEN, "utf8");
  expect(`${JSON.stringify(registry.snapshot(), null, 2)}\n`).toBe(text);
  const after = registryOf({}, clock);
  after.registry.restore(text);
  after.registry.restore(registry.snapshot());
  expect(after.registry.list()).toEqual(registry.list());
  expect(after.told).toEqual([]);
  clock.advance(20_000);
  expect(after.registry.list().map(({ provider }) => provider)).toEqual(["openai"]);
  expect(after.told).toMatchObject([{ type: "quota.recovered", provider: "other" }]);
});

test("restore() leaves out what is over, clamps what is too far away, and takes the later end", () => {
  const { registry, clock } = registryOf({ maximumMs: 60_000, limit: 3 });
  registry.mark("known", { forMs: 10_000 });
  const mark = (provider: string, untilMs: number) => ({
    provider,
    sinceMs: START_AT_MS + 1e9,
    untilMs,
    source: "error",
  });
  registry.restore({
    kind: "telltale.exhaustion-registry",
    v: 1,
    atMs: 0,
    providers: [
      mark("known", START_AT_MS + 5_000),
      mark("over", START_AT_MS),
      mark("far", 1e300),
      mark("near", START_AT_MS + 1_000),
      mark("nearer", START_AT_MS + 500),
    ],
  });
  const listed = registry
    .list()
    .map(({ provider, sinceMs, untilMs }) => [provider, sinceMs, untilMs]);
  expect(listed).toEqual([
    ["known", START_AT_MS, START_AT_MS + 10_000],
    ["far", START_AT_MS, START_AT_MS + 60_000],
    ["near", START_AT_MS, START_AT_MS + 1_000],
  ]);
  expect(clock.epochMs()).toBe(START_AT_MS);
});

test("restore() after the wall clock was set back waits no longer than was left", () => {
  const { registry, clock } = registryOf();
  registry.mark("openai", { forMs: 300_000 });
  clock.advance(200_000);
  const text = registry.serialize();
  const early = registryOf();
  early.clock.advance(-3_600_000);
  early.registry.restore(text);
  expect(early.registry.retryAfterMs("openai")).toBe(100_000);
});

test("restore() of a text with any byte flipped or cut neither crashes nor half-applies", () => {
  const { registry, clock } = filled();
  const text = JSON.stringify(registry.snapshot());
  for (let at = 0; at < text.length; at++) {
    for (let bit = 0; bit < 7; bit++) {
      const flipped = String.fromCharCode(text.charCodeAt(at) ^ (1 << bit));
      for (const put of [flipped, ""]) {
        const after = registryOf({}, clock).registry;
        try {
          after.restore(text.slice(0, at) + put + text.slice(at + 1));
        } catch (error) {
          expect(isSnapshotError(error)).toBe(true);
          expect(after.list()).toEqual([]);
        }
        for (const { untilMs } of after.list()) {
          expect(untilMs).toBeLessThanOrEqual(clock.epochMs() + 86_400_000);
        }
      }
    }
  }
});

test.each<[string, unknown, string]>([
  ["nothing", undefined, "ERR_SNAPSHOT_FORM"],
  ["no JSON", "{", "ERR_SNAPSHOT_JSON"],
  ["another kind", { kind: "telltale.credit-ledger", v: 1 }, "ERR_SNAPSHOT_KIND"],
  ["a later version", { kind: "telltale.exhaustion-registry", v: 2 }, "ERR_SNAPSHOT_VERSION"],
])("restore() refuses %s", (_, snapshot, code) => {
  const { registry } = registryOf();
  try {
    registry.restore(snapshot);
    expect.fail();
  } catch (error) {
    expect(isSnapshotError(error) && error.code).toBe(code);
  }
});

test.each<[string, object, string]>([
  ["an unknown option", { default: 1 }, 'unknown option "default"'],
  ["no time", { defaultMs: 0 }, "defaultMs must be a positive number of milliseconds"],
  ["no end", { maximumMs: Number.POSITIVE_INFINITY }, "maximumMs must be a positive number"],
  ["no room", { limit: 0 }, "limit must be a positive integer"],
  ["a bus that is none", { bus: {} as EventBus }, "bus.emit must be a function"],
  ["a clock that is none", { clock: {} }, "clock.epochMs must be a function"],
])("ExhaustionRegistry refuses %s", (_, options, message) => {
  expect(() => registryOf(options)).toThrow(`Cannot create exhaustion registry: ${message}`);
});

test("mark() refuses what is no provider and no length of time", () => {
  const { registry } = registryOf();
  expect(() => registry.mark("")).toThrow("Cannot mark provider: provider must be a string of 1");
  expect(() => registry.mark("p", { forMs: -1 })).toThrow("forMs must be a positive number");
  expect(registry.list()).toEqual([]);
});

test("an option that is undefined is one that is not given", () => {
  const clock = new FakeClock();
  // As callers without exactOptionalPropertyTypes may write it.
  const none: object = { timeZone: undefined, depletionDays: undefined, onUnknown: undefined };
  const ledger = new CreditLedger({ prices: {}, clock, ...none });
  expect(ledger.snapshot().timeZone).toBe("UTC");
  const marks: object = { defaultMs: undefined, limit: undefined };
  const exhausted = new ExhaustionRegistry({ clock, ...marks });
  expect(exhausted.mark("p").untilMs - clock.epochMs()).toBe(300_000);
});

test("follow() tells of marks that are made, extended and cleared here, until it is ended", () => {
  const exhausted = new ExhaustionRegistry();
  const told: unknown[] = [];
  const follower = {
    marked: (mark: object) => told.push(mark),
    cleared: (provider: string) => told.push(provider),
  };
  const unfollow = exhausted.follow(follower);
  exhausted.mark("openai", { forMs: 1_000 });
  exhausted.mark("openai", { forMs: 500 });
  exhausted.mark("openai", { forMs: 60_000 });
  exhausted.clear("openai");
  exhausted.clear("openai");
  unfollow();
  exhausted.mark("openai");
  expect(told).toEqual([
    { provider: "openai", forMs: 1_000 },
    { provider: "openai", forMs: 60_000 },
    "openai",
  ]);
});

test("adopt() marks and clears as another process has decided, and tells no follower", () => {
  const exhausted = new ExhaustionRegistry();
  const told: unknown[] = [];
  exhausted.follow({ marked: (mark) => told.push(mark), cleared: (name) => told.push(name) });
  exhausted.adopt({ provider: "openai", remainingMs: 60_000 });
  expect(exhausted.list()).toMatchObject([{ provider: "openai", source: "peer" }]);
  exhausted.adopt({ provider: "openai", remainingMs: 0 });
  expect(exhausted.isExhausted("openai")).toBe(false);
  expect(told).toEqual([]);
  const adopt = () => exhausted.adopt({ provider: "openai", remainingMs: -1 });
  expect(adopt).toThrow("remainingMs must be a non-negative number of milliseconds, received -1");
});
