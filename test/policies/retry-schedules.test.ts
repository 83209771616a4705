import fc from "fast-check";
import { expect, test } from "vitest";
import { type Jitter, permanent, retry } from "../../src/index.ts";
import { listenersOf, surroundings } from "../support/policies.ts";

/** What one attempt does: takes its time, then ends. */
interface Attempt {
  readonly tookMs: number;
  readonly end: "value" | "error" | "permanent" | "busy" | "hang";
  readonly retryAfterMs: number;
  /** Whether it stops when its signal is aborted. */
  readonly listens: boolean;
}

const attempt: fc.Arbitrary<Attempt> = fc.record({
  tookMs: fc.integer({ min: 0, max: 400 }),
  end: fc.constantFrom("error", "error", "error", "error", "value", "permanent", "busy", "hang"),
  retryAfterMs: fc.integer({ min: 0, max: 1_500 }),
  listens: fc.boolean(),
});

const plan = fc.record({
  attempts: fc.integer({ min: 1, max: 8 }),
  totalMs: fc.option(fc.integer({ min: 1, max: 2_000 }), { nil: undefined }),
  maxRetryAfterMs: fc.integer({ min: 0, max: 1_000 }),
  initialMs: fc.integer({ min: 1, max: 300 }),
  maxMs: fc.integer({ min: 300, max: 600 }),
  jitter: fc.constantFrom<Jitter>("full", "equal", "decorrelated", "none"),
  chances: fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), {
    minLength: 1,
    maxLength: 8,
  }),
  schedule: fc.array(attempt, { minLength: 8, maxLength: 8 }),
  abortMs: fc.option(fc.integer({ min: 0, max: 2_500 }), { nil: undefined }),
});
type Plan = typeof plan extends fc.Arbitrary<infer P> ? P : never;

/** When each attempt began and ended, and how the call ended. */
interface Run {
  readonly began: number[];
  readonly ended: number[];
  readonly endMs: number;
  readonly outcome: "value" | "error";
  readonly error: unknown;
}

async function play(given: Plan): Promise<Run> {
  const { time, options } = surroundings();
  const { attempts, totalMs, maxRetryAfterMs, initialMs, maxMs, jitter, chances } = given;
  let drawn = 0;
  const policy = retry("plan", {
    ...options,
    attempts,
    ...(totalMs === undefined ? {} : { totalMs }),
    maxRetryAfterMs,
    backoff: { initialMs, maxMs, jitter },
    random: () => chances[drawn++ % chances.length] ?? 0,
  });
  const caller = new AbortController();
  const began: number[] = [];
  const ended: number[] = [];
  const fn = (signal: AbortSignal) => {
    const own = given.schedule[began.length] ?? { ...LAST };
    began.push(time.nowMs);
    return new Promise<string>((resolve, reject) => {
      if (own.listens)
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      if (own.end === "hang") return;
      time.start(() => {
        ended.push(time.nowMs);
        if (own.end === "value") resolve("value");
        else reject(errorOf(own));
      }, own.tookMs);
    });
  };
  let endMs = Number.NaN;
  const call = policy.call(fn, { signal: caller.signal }).finally(() => {
    endMs = time.nowMs;
  });
  const result = call.then(
    () => ({ outcome: "value" as const, error: undefined }),
    (error: unknown) => ({ outcome: "error" as const, error }),
  );
  // A hanging attempt that nothing limits would never end.
  const abortMs = given.abortMs ?? 60_000;
  time.start(() => caller.abort(ABORTED), abortMs);
  await time.pass(100_000);
  if (Number.isNaN(endMs)) {
    // Abandoned by nobody: an attempt that hangs and ignores its signal.
    return { began, ended, endMs, outcome: "error", error: HUNG };
  }
  expect(time.pending).toBe(0);
  expect(listenersOf(caller.signal)).toBeLessThanOrEqual(began.length);
  return { began, ended, endMs, ...(await result) };
}

const LAST: Attempt = { tookMs: 0, end: "error", retryAfterMs: 0, listens: true };
const ABORTED = new Error("aborted by the caller");
const HUNG = new Error("hangs");

function errorOf({ end, retryAfterMs }: Attempt): Error {
  const error = new Error(end);
  if (end === "permanent") return permanent(error);
  return end === "busy" ? Object.assign(error, { retryAfterMs }) : error;
}

test("attempts and time never exceed their budgets, and waits are within their bounds", async () => {
  await fc.assert(
    fc.asyncProperty(plan, async (given) => {
      const { attempts, totalMs, maxRetryAfterMs, maxMs, schedule, abortMs } = given;
      const leastMs = {
        none: given.initialMs,
        equal: given.initialMs / 2,
        full: 0,
        decorrelated: given.initialMs,
      };
      const run = await play(given);
      expect(run.began.length).toBeLessThanOrEqual(attempts);
      if (totalMs !== undefined) {
        expect(run.endMs).toBeLessThanOrEqual(totalMs);
        for (const beganMs of run.began) expect(beganMs).toBeLessThan(totalMs);
      }
      if (abortMs !== undefined) {
        for (const beganMs of run.began) expect(beganMs).toBeLessThanOrEqual(abortMs);
      }
      for (const [index, beganMs] of run.began.slice(1).entries()) {
        const before = schedule[index] ?? LAST;
        const waitedMs = beganMs - (run.ended[index] ?? Number.NaN);
        const askedMs = before.end === "busy" ? before.retryAfterMs : 0;
        expect(["error", "busy"]).toContain(before.end);
        expect(askedMs).toBeLessThanOrEqual(maxRetryAfterMs);
        // What was asked for, and a backoff within its own bounds on top of it.
        const backoffMs = waitedMs - askedMs;
        expect(backoffMs).toBeGreaterThanOrEqual(leastMs[given.jitter] - 1e-6);
        expect(backoffMs).toBeLessThanOrEqual(maxMs + 1e-6);
      }
    }),
    { numRuns: 400 },
  );
});

test("a call that could still be retried within its budgets is not given up", async () => {
  await fc.assert(
    fc.asyncProperty(plan, async ({ abortMs: _, totalMs: __, ...given }) => {
      const run = await play({ ...given, abortMs: undefined, totalMs: undefined });
      const last = given.schedule[run.began.length - 1] ?? LAST;
      const exhausted = run.began.length === given.attempts;
      const tooLong = last.end === "busy" && last.retryAfterMs > given.maxRetryAfterMs;
      if (last.end === "hang") return;
      if (last.end === "value") expect(run.outcome).toBe("value");
      else expect(exhausted || tooLong || last.end === "permanent").toBe(true);
    }),
    { numRuns: 300 },
  );
});

test("an abort ends a wait at once, and leaves no timer and no listener", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 0, max: 3_000 }),
      async (failures, abortMs) => {
        const { time, options } = surroundings();
        const policy = retry("plan", {
          ...options,
          attempts: 10,
          backoff: { initialMs: 300, jitter: "none" },
        });
        const caller = new AbortController();
        let calls = 0;
        const fn = async (signal: AbortSignal): Promise<string> => {
          signal.throwIfAborted();
          if (++calls <= failures) throw new Error("again");
          return "value";
        };
        const call = policy.execute(fn, { signal: caller.signal });
        await time.pass(abortMs);
        const settledBefore = time.pending === 0;
        caller.abort(ABORTED);
        // No time passes: what does not end now would wait.
        const result = await call;
        expect(time.nowMs).toBe(abortMs);
        expect(time.pending).toBe(0);
        expect(listenersOf(caller.signal)).toBe(0);
        if (settledBefore) expect(result).toMatchObject({ outcome: "ok", value: "value" });
        else expect(result).toMatchObject({ outcome: "error", error: ABORTED });
      },
    ),
    { numRuns: 150 },
  );
});
