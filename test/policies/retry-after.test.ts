import { expect, test } from "vitest";
import { readRetryAfter } from "../../src/index.ts";

const NOW_AT_MS = Date.UTC(1994, 10, 6, 8, 49, 30);

test.each([
  ["a property", { retryAfterMs: 1_500 }, 1_500],
  ["a property of 0", { retryAfterMs: 0 }, 0],
  ["seconds", { headers: { "retry-after": "120" } }, 120_000],
  ["seconds with spaces", { headers: { "retry-after": " 7 " } }, 7_000],
  ["a number", { headers: { "retry-after": 3 } }, 3_000],
  ["several values", { headers: { "retry-after": ["4", "9"] } }, 4_000],
  ["another spelling", { headers: { "Retry-After": "5" } }, 5_000],
  ["a Headers object", { headers: new Headers({ "retry-after": "6" }) }, 6_000],
  ["a Response", new Response(null, { headers: { "retry-after": "6" } }), 6_000],
  ["an error with a response", { response: { headers: { "retry-after": "8" } } }, 8_000],
  ["milliseconds", { headers: { "retry-after-ms": "250", "retry-after": "1" } }, 250],
  ["a date", { headers: { "retry-after": "Sun, 06 Nov 1994 08:49:37 GMT" } }, 7_000],
  ["a date of RFC 850", { headers: { "retry-after": "Sunday, 06-Nov-94 08:49:37 GMT" } }, 7_000],
  ["a date of asctime", { headers: { "retry-after": "Sun Nov  6 08:49:37 1994" } }, 7_000],
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
