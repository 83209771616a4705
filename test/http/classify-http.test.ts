import { expect, test } from "vitest";
import { classifyHttp } from "../../src/http/index.ts";

const latencyMs = 1;

test.each([
  { held: { status: 200 }, counts: "success" },
  { held: { statusCode: 503 }, counts: "error" },
  { held: { response: { status: 404 } }, counts: "success" },
  { held: { response: { statusCode: 500 } }, counts: "error" },
  {
    held: { response: { status: 429, headers: { "retry-after": "3" } } },
    counts: { outcome: "error", retryAfterMs: 3_000 },
  },
  { held: { status: 503, headers: { "retry-after": "0" } }, counts: "error" },
  ...["86400", "9".repeat(400)].map((asked) => ({
    held: { status: 503, headers: { "retry-after": asked } },
    counts: { outcome: "error", retryAfterMs: 300_000 },
  })),
  { held: { status: "pending" }, counts: undefined },
  { held: { status: 3 }, counts: undefined },
  { held: null, counts: undefined },
])("classifyHttp counts $held as $counts, returned or thrown", ({ held, counts }) => {
  expect(classifyHttp({ ok: true, value: held, latencyMs })).toEqual(counts);
  expect(classifyHttp({ ok: false, error: held, latencyMs })).toEqual(counts);
});
