import { awaitEach, nsPerCall } from "./measure.ts";
import { cockatiel, opossumLean } from "./peers.ts";
import type { Bench, Question } from "./question.ts";
import { asyncFn, isValue, telltale } from "./subject.ts";

const RETRIES = 2;
/**
 * Not opossum's usual 10 s: its own interval of that length keeps Node's list of timers of that length alive, which
 * makes a timer of the same length cost half of any other.
 */
const LIMIT_MS = 9_000;

const unheard = (): number => Number.NaN;

const measured = ({ effort }: Bench, once: () => Promise<number>): Promise<number> =>
  nsPerCall(awaitEach(once, isValue), effort);

/** What a retry costs that is not needed. */
export const firstTry: Question = {
  title: "Retry, the first attempt succeeds",
  unit: "ns",
  note: "Three attempts with exponential backoff, each peer with its own way of waiting. The second cell is the least that anything can cost that hears of a failure.",
  reference: "retry/bare",
  cells: [
    {
      id: "retry/bare",
      label: "bare await",
      measure: (bench) => measured(bench, asyncFn),
    },
    {
      id: "retry/handler",
      label: "a promise with a handler of its rejection",
      measure: (bench) => measured(bench, () => asyncFn().then(undefined, unheard)),
    },
    {
      id: "retry/ours",
      label: "telltale retry",
      targets: [
        { kind: "ratio", atMost: 1.5, of: "retry/bare" },
        { kind: "ratio", atMost: 1, of: "retry/cockatiel" },
        { kind: "ratio", atMost: 1, of: "retry/p-retry" },
        { kind: "ratio", atMost: 1, of: "retry/async-retry" },
      ],
      async measure(bench) {
        const { retry } = await telltale(bench);
        const policy = retry("subject", { attempts: 1 + RETRIES });
        return await measured(bench, () => policy.call(asyncFn));
      },
    },
    {
      id: "retry/fresh",
      label: "telltale retry, a new function for each call",
      async measure(bench) {
        const { retry } = await telltale(bench);
        const policy = retry("subject", { attempts: 1 + RETRIES });
        return await measured(bench, () => policy.call(() => asyncFn()));
      },
    },
    {
      id: "retry/budget",
      label: "telltale retry, with a shared budget",
      async measure(bench) {
        const { ratioBudget, retry } = await telltale(bench);
        const policy = retry("subject", { attempts: 1 + RETRIES, budget: ratioBudget() });
        return await measured(bench, () => policy.call(asyncFn));
      },
    },
    {
      id: "retry/cockatiel",
      label: "cockatiel",
      async measure(bench) {
        const { ExponentialBackoff, handleAll, retry } = await import("cockatiel");
        const backoff = new ExponentialBackoff();
        const policy = retry(handleAll, { maxAttempts: RETRIES, backoff });
        return await measured(bench, () => policy.execute(asyncFn));
      },
    },
    {
      id: "retry/p-retry",
      label: "p-retry",
      async measure(bench) {
        const { default: pRetry } = await import("p-retry");
        return await measured(bench, () => pRetry(asyncFn, { retries: RETRIES }));
      },
    },
    {
      id: "retry/async-retry",
      label: "async-retry",
      async measure(bench) {
        const { default: asyncRetry } = await import("async-retry");
        return await measured(bench, () => asyncRetry(asyncFn, { retries: RETRIES }));
      },
    },
  ],
};

/** What several policies around one call cost. */
export const pipelines: Question = {
  title: "A successful call through retry, breaker, timeout and fallback",
  unit: "ns",
  note: "opossum has no retry: its cell is a breaker with a time limit and a fallback. The timeouts answer at once and abort.",
  reference: "pipeline/bare",
  cells: [
    {
      id: "pipeline/bare",
      label: "bare await",
      measure: (bench) => measured(bench, asyncFn),
    },
    {
      id: "pipeline/ours",
      label: "telltale pipeline",
      targets: [
        { kind: "ratio", atMost: 1, of: "pipeline/cockatiel" },
        { kind: "ratio", atMost: 1, of: "pipeline/opossum" },
      ],
      async measure(bench) {
        const { CircuitBreaker, fallback, pipeline, retry, timeout } = await telltale(bench);
        const policy = pipeline(
          fallback("subject", { fail: "open", value: 0 }),
          retry("subject", { attempts: 1 + RETRIES }),
          new CircuitBreaker("subject"),
          timeout("subject", { limitMs: LIMIT_MS }),
        );
        return await measured(bench, () => policy.call(asyncFn));
      },
    },
    {
      id: "pipeline/untimed",
      label: "telltale pipeline, without the timeout",
      async measure(bench) {
        const { CircuitBreaker, fallback, pipeline, retry } = await telltale(bench);
        const policy = pipeline(
          fallback("subject", { fail: "open", value: 0 }),
          retry("subject", { attempts: 1 + RETRIES }),
          new CircuitBreaker("subject"),
        );
        return await measured(bench, () => policy.call(asyncFn));
      },
    },
    {
      id: "pipeline/cockatiel",
      label: "cockatiel wrap",
      async measure(bench) {
        const { ExponentialBackoff, fallback, handleAll, retry, TimeoutStrategy, timeout, wrap } =
          await import("cockatiel");
        const policy = wrap(
          fallback(handleAll, 0),
          retry(handleAll, { maxAttempts: RETRIES, backoff: new ExponentialBackoff() }),
          await cockatiel("consecutive"),
          timeout(LIMIT_MS, TimeoutStrategy.Aggressive),
        );
        return await measured(bench, () => policy.execute(asyncFn));
      },
    },
    {
      id: "pipeline/opossum",
      label: "opossum lean with a time limit and a fallback",
      async measure(bench) {
        const breaker = await opossumLean(asyncFn, { timeout: LIMIT_MS });
        breaker.fallback(() => 0);
        return await measured(bench, () => breaker.fire());
      },
    },
  ],
};
