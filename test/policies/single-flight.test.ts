import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { fallback, pipeline, retry, timeout } from "../../src/index.ts";
import { BOOM, deferred } from "../support/breaker.ts";
import { listenersOf, networkError, type Surroundings, surroundings } from "../support/policies.ts";

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

type SingleFlight = false | { readonly leaseMs: number };

const shared = ({ options }: Surroundings, singleFlight?: SingleFlight) =>
  fallback<string>("rates", {
    ...options,
    fail: "closed",
    cache: { maxAgeMs: 1_000, ...(singleFlight === undefined ? {} : { singleFlight }) },
  });

test("callers of one key share a call that is under way, those of another do not", async () => {
  const policy = shared(surroundings());
  const answer = deferred<string>();
  const fn = vi.fn(() => answer.promise);
  const results = ["eur", "eur", "usd"].map((key) => policy.call(fn, { key }));
  expect(fn).toHaveBeenCalledTimes(2);
  answer.resolve("one");
  expect(await Promise.all(results)).toEqual(["one", "one", "one"]);
  await policy.call(fn, { key: "eur" });
  expect(fn).toHaveBeenCalledTimes(3);
});

test("a shared call that fails is served for to each caller, with its own context", async () => {
  const around = surroundings();
  const policy = shared(around);
  await policy.call(async () => "kept", { key: "eur" });
  const answer = deferred<string>();
  const fn = vi.fn(() => answer.promise);
  const results = [1, 2, 3].map((n) => policy.call(fn, { key: "eur", context: { n } }));
  answer.reject(networkError("ECONNRESET"));
  expect(await Promise.all(results)).toEqual(["kept", "kept", "kept"]);
  expect(fn).toHaveBeenCalledTimes(1);
  expect(around.events.map((event) => "context" in event && event.context)).toEqual([
    { n: 1 },
    { n: 2 },
    { n: 3 },
  ]);
});

test("singleFlight: false makes a call for each caller", async () => {
  const policy = shared(surroundings(), false);
  const fn = vi.fn(async () => "one");
  await Promise.all([policy.call(fn, { key: "eur" }), policy.call(fn, { key: "eur" })]);
  expect(fn).toHaveBeenCalledTimes(2);
});

test("leaseMs bounds how long a call that does not end is shared", async () => {
  const around = surroundings();
  const policy = shared(around, { leaseMs: 500 });
  const hung = vi.fn(() => new Promise<string>(() => {}));
  void policy.call(hung, { key: "eur" });
  await around.time.pass(499);
  void policy.call(hung, { key: "eur" });
  expect(hung).toHaveBeenCalledTimes(1);
  await around.time.pass(1);
  const fresh = vi.fn(async () => "one");
  await expect(policy.call(fresh, { key: "eur" })).resolves.toBe("one");
  expect(fresh).toHaveBeenCalledTimes(1);
});

test("leaseMs is 10 000 when none is given", async () => {
  const around = surroundings();
  const policy = shared(around);
  const hung = vi.fn(() => new Promise<string>(() => {}));
  void policy.call(hung, { key: "eur" });
  await around.time.pass(9_999);
  void policy.call(hung, { key: "eur" });
  expect(hung).toHaveBeenCalledTimes(1);
  await around.time.pass(1);
  void policy.call(hung, { key: "eur" });
  expect(hung).toHaveBeenCalledTimes(2);
});

test("a caller who gives up leaves the call to the others, whoever began it", async () => {
  const policy = shared(surroundings());
  const answer = deferred<string>();
  const callers = [new AbortController(), new AbortController()];
  const signals: AbortSignal[] = [];
  const results = callers.map(({ signal }) =>
    policy.call(
      (own) => {
        signals.push(own);
        return answer.promise;
      },
      { key: "eur", signal },
    ),
  );
  const [first, second] = results;
  callers[0]?.abort("no more");
  await expect(first).rejects.toBe("no more");
  expect(signals).toHaveLength(1);
  expect(signals[0]?.aborted).toBe(false);
  answer.resolve("one");
  await expect(second).resolves.toBe("one");
  for (const { signal } of callers) expect(listenersOf(signal)).toBe(0);
});

test("the call is ended when every caller gave up, and nobody joins it any more", async () => {
  const policy = shared(surroundings());
  const callers = [new AbortController(), new AbortController()];
  const signals: AbortSignal[] = [];
  const hung = vi.fn((own: AbortSignal) => {
    signals.push(own);
    return new Promise<string>((_, reject) => {
      own.addEventListener("abort", () => reject(own.reason), { once: true });
    });
  });
  const results = callers.map(({ signal }) => policy.execute(hung, { key: "eur", signal }));
  for (const caller of callers) caller.abort("no more");
  for (const result of await Promise.all(results)) {
    expect(result).toMatchObject({ outcome: "error", error: "no more" });
  }
  expect(signals[0]?.aborted).toBe(true);
  await expect(policy.call(async () => "one", { key: "eur" })).resolves.toBe("one");
});

test("a caller without a signal keeps the call going", async () => {
  const policy = shared(surroundings());
  const answer = deferred<string>();
  const caller = new AbortController();
  const leaving = policy.call(() => answer.promise, { key: "eur", signal: caller.signal });
  const staying = policy.call(() => answer.promise, { key: "eur" });
  caller.abort("no more");
  await expect(leaving).rejects.toBe("no more");
  answer.resolve("one");
  await expect(staying).resolves.toBe("one");
});

test("every caller's result has the attempts of the call that they shared", async () => {
  const around = surroundings();
  const policy = pipeline(shared(around), retry("rates", around.options));
  let calls = 0;
  const fn = async () => {
    if (++calls < 3) throw BOOM;
    return "one";
  };
  const results = [policy.execute(fn, { key: "eur" }), policy.execute(fn, { key: "eur" })];
  for (const result of await around.time.until(Promise.all(results))) {
    expect(result).toMatchObject({ outcome: "ok", value: "one", attempts: 3 });
  }
  expect(calls).toBe(3);
});

test("a call that must not be made twice is not put into one that may be repeated", async () => {
  const around = surroundings();
  const policy = pipeline(shared(around), retry("rates", around.options));
  const [repeated, once] = [vi.fn(() => Promise.reject(BOOM)), vi.fn(() => Promise.reject(BOOM))];
  const results = [
    policy.execute(repeated, { key: "eur" }),
    policy.execute(once, { key: "eur", idempotent: false }),
    policy.execute(once, { key: "eur", idempotent: false }),
    policy.execute(repeated, { key: "eur" }),
  ];
  const attempts = await around.time.until(Promise.all(results));
  expect(attempts.map((result) => result.attempts)).toEqual([3, 1, 1, 1]);
  expect(repeated).toHaveBeenCalledTimes(3);
  expect(once).toHaveBeenCalledTimes(1);
});

test("trap 40: calls that hang are held no longer than leaseMs, nor more than 10 000 of them", async () => {
  const around = surroundings();
  const weak: WeakRef<AbortSignal>[] = [];
  const hang = (policy: ReturnType<typeof shared>, key: string) => {
    const { signal } = new AbortController();
    const fn = (own: AbortSignal) => {
      weak.push(new WeakRef(own));
      return new Promise<string>(() => {});
    };
    void policy.call(fn, { key, signal });
  };
  const brief = shared(around, { leaseMs: 100 });
  for (let n = 0; n < 100; n++) hang(brief, String(n));
  await around.time.pass(100);
  await brief.call(async () => "one", { key: "eur" });
  const patient = shared(around, { leaseMs: 1_000_000 });
  for (let n = 0; n < 10_100; n++) hang(patient, String(n));
  // What a WeakRef was made for lives until the end of the turn.
  await around.time.pass(1);
  collectGarbage();
  const held = weak.map((ref) => ref.deref() !== undefined);
  // The policies are still there.
  for (const policy of [brief, patient]) await policy.call(async () => "one", { key: "usd" });
  expect(held.slice(0, 100)).not.toContain(true);
  expect(held.slice(100).filter(Boolean)).toHaveLength(10_000);
});

test("with 10 000 calls under way the oldest is still shared: only one more call lets go of it", async () => {
  const policy = shared(surroundings(), { leaseMs: 1_000_000 });
  const hung = vi.fn(() => new Promise<string>(() => {}));
  for (let n = 0; n < 10_000; n++) void policy.call(hung, { key: String(n) });
  void policy.call(hung, { key: "0" });
  expect(hung).toHaveBeenCalledTimes(10_000);
  void policy.call(hung, { key: "one more" });
  void policy.call(hung, { key: "1" });
  expect(hung).toHaveBeenCalledTimes(10_001);
  void policy.call(hung, { key: "0" });
  expect(hung).toHaveBeenCalledTimes(10_002);
});

test("singleFlight: false leaves a call its caller's time limit: no retry waits beyond it", async () => {
  for (const singleFlight of [false, undefined] as const) {
    const around = surroundings();
    const { options } = around;
    const policy = pipeline(
      timeout("all", { ...options, limitMs: 100 }),
      shared(around, singleFlight),
      retry("rates", { ...options, backoff: () => 1_000 }),
    );
    const result = await around.time.until(
      policy.execute(() => Promise.reject(BOOM), { key: "eur" }),
    );
    // Who joins a shared call may have more time: it has no limit of its own.
    const own = { error: { name: "RetryError", reason: "time", cause: BOOM }, latencyMs: 0 };
    const common = { error: { name: "TimeoutError" }, latencyMs: 100 };
    expect(result).toMatchObject(singleFlight === false ? own : common);
  }
});

const event = fc.oneof(
  fc.record({
    kind: fc.constant("call" as const),
    key: fc.constantFrom("a", "b", "c"),
    abortable: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("settle" as const), ok: fc.boolean() }),
  fc.record({ kind: fc.constant("abort" as const), which: fc.nat(20) }),
  fc.record({ kind: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 100 }) }),
);

test("single flight is single: never two calls of a key at once, and everybody is answered", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 60 }), async (events) => {
      const around = surroundings();
      const policy = shared(around, { leaseMs: 1_000_000 });
      const running = new Map<string, number>();
      const open: { end(ok: boolean): void }[] = [];
      const callers: AbortController[] = [];
      let waiting = 0;
      let most = 0;
      for (const step of events) {
        if (step.kind === "call") {
          const caller = new AbortController();
          if (step.abortable) callers.push(caller);
          const { key } = step;
          const fn = (signal?: AbortSignal) => {
            const now = (running.get(key) ?? 0) + 1;
            running.set(key, now);
            most = Math.max(most, now);
            const answer = deferred<string>();
            let over = false;
            const stop = () => {
              if (!over) running.set(key, (running.get(key) ?? 0) - 1);
              over = true;
            };
            answer.promise.then(stop, stop);
            const give = () => {
              stop();
              answer.reject(signal?.reason);
            };
            signal?.addEventListener("abort", give, { once: true });
            open.push({ end: (ok) => (ok ? answer.resolve(key) : answer.reject(BOOM)) });
            return answer.promise;
          };
          waiting++;
          const call = step.abortable
            ? policy.execute(fn, { key, signal: caller.signal })
            : policy.execute(fn, { key });
          void call.then((result) => {
            waiting--;
            if (result.outcome === "ok") expect(result.value).toBe(key);
          });
        } else if (step.kind === "settle") open.shift()?.end(step.ok);
        else if (step.kind === "abort")
          callers[step.which % (callers.length || 1)]?.abort("no more");
        else await around.time.pass(step.ms);
      }
      for (const { end } of open) end(true);
      await around.time.pass(0);
      expect(most).toBeLessThanOrEqual(1);
      expect(waiting).toBe(0);
      for (const { signal } of callers) expect(listenersOf(signal)).toBe(0);
    }),
    { numRuns: 200 },
  );
});
