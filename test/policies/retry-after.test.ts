import { expect, test } from "vitest";
import { CircuitBreaker, RetryError, readRetryAfter } from "../../src/index.ts";

const NOW_AT_MS = Date.UTC(1994, 10, 6, 8, 49, 30);

/** 2 ** 31 seconds, by RFC 9111. */
const LONGEST_MS = 2_147_483_648_000;

const gaveUpOn = (cause: unknown): RetryError =>
  new RetryError({ policy: "inner", reason: "attempts", attempts: 3, elapsedMs: null, cause });

test.each([
  ["a property", { retryAfterMs: 1_500 }, 1_500],
  ["a property of 0", { retryAfterMs: 0 }, 0],
  ["seconds", { headers: { "retry-after": "120" } }, 120_000],
  ["seconds with spaces", { headers: { "retry-after": " 7 " } }, 7_000],
  ["a number", { headers: { "retry-after": 3 } }, 3_000],
  ["several values: the longest", { headers: { "retry-after": ["4", "9", "7"] } }, 9_000],
  ["several values in one", { headers: { "retry-after": "30, 60" } }, 60_000],
  [
    "a date and seconds",
    {
      headers: { "retry-after": "Sun, 06 Nov 1994 08:49:37 GMT, 3,Sun, 06 Nov 1994 08:49:38 GMT" },
    },
    8_000,
  ],
  ["seconds, and what is none", { headers: { "retry-after": "soon, 60" } }, 60_000],
  ["several values of milliseconds", { headers: { "retry-after-ms": ["250", "300"] } }, 250],
  ["another spelling", { headers: { "Retry-After": "5" } }, 5_000],
  ["a Headers object", { headers: new Headers({ "retry-after": "6" }) }, 6_000],
  ["a Response", new Response(null, { headers: { "retry-after": "6" } }), 6_000],
  ["an error with a response", { response: { headers: { "retry-after": "8" } } }, 8_000],
  ["milliseconds", { headers: { "retry-after-ms": "250", "retry-after": "1" } }, 250],
  ["a date", { headers: { "retry-after": "Sun, 06 Nov 1994 08:49:37 GMT" } }, 7_000],
  ["a date of RFC 850", { headers: { "retry-after": "Sunday, 06-Nov-94 08:49:37 GMT" } }, 7_000],
  ["a date of asctime", { headers: { "retry-after": "Sun Nov  6 08:49:37 1994" } }, 7_000],
  ["more digits than a number has", { headers: { "retry-after": "9".repeat(400) } }, LONGEST_MS],
  ["more digits of milliseconds", { headers: { "retry-after-ms": "9".repeat(400) } }, LONGEST_MS],
  ["more seconds than 31 bits hold", { headers: { "retry-after": "2147483649" } }, LONGEST_MS],
  ["31 bits of seconds", { headers: { "retry-after": "2147483647" } }, LONGEST_MS - 1_000],
  ["a property of more", { retryAfterMs: 1e300 }, LONGEST_MS],
  ["what a retry gave up on", gaveUpOn({ headers: { "retry-after": "120" } }), 120_000],
  ["what a retry around a retry gave up on", gaveUpOn(gaveUpOn({ retryAfterMs: 7 })), 7],
  ["a date in the past", { headers: { "retry-after": "Sun, 06 Nov 1994 08:00:00 GMT" } }, 0],
])("readRetryAfter() reads %s", (_, value, expected) => {
  expect(readRetryAfter(value, NOW_AT_MS)).toBe(expected);
});

test.each([
  ["nothing", undefined],
  ["a string", "7"],
  ["no headers", {}],
  ["headers without it", { headers: {} }],
  ["words", { headers: { "retry-after": "soon" } }],
  ["a negative number", { headers: { "retry-after": "-3" } }],
  ["a fraction", { headers: { "retry-after": "1.5" } }],
  ["a date of another form", { headers: { "retry-after": "1994-11-06T08:49:37Z" } }],
  ["a date that does not exist", { headers: { "retry-after": "Sun, 99 Nov 1994 08:49:37 GMT" } }],
  ["a negative property", { retryAfterMs: -1 }],
  ["an endless property", { retryAfterMs: Number.POSITIVE_INFINITY }],
  ["a property of the wrong type", { retryAfterMs: "5" }],
  [
    "what cannot be read",
    new Proxy(
      {},
      {
        get() {
          throw new Error("no");
        },
      },
    ),
  ],
])("readRetryAfter() finds nothing in %s", (_, value) => {
  expect(readRetryAfter(value, NOW_AT_MS)).toBeUndefined();
});

test("readRetryAfter() gives a classifier only what a breaker takes, whatever the header", async () => {
  const breaker = new CircuitBreaker("orders", {
    failureThreshold: 1,
    classify: (call) =>
      call.ok
        ? undefined
        : { outcome: "error", retryAfterMs: readRetryAfter(call.error, NOW_AT_MS) ?? 0 },
  });
  const failures: string[] = [];
  breaker.on("circuit.callback_failed", ({ callback }) => failures.push(callback));
  const busy = Object.assign(new Error("busy"), { headers: { "retry-after": "9".repeat(400) } });
  await breaker.execute(() => Promise.reject(busy));
  expect(failures).toEqual([]);
  expect(breaker.state).toBe("open");
});
