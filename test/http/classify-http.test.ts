import axios, { type AxiosRequestConfig } from "axios";
import got, { type OptionsOfTextResponseBody } from "got";
import { afterEach, beforeEach, expect, test } from "vitest";
import { classifyHttp } from "../../src/http/index.ts";
import { CircuitBreaker } from "../../src/index.ts";
import { hang, type Loopback, loopback, status } from "../support/loopback.ts";

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

let server: Loopback;

beforeEach(async () => {
  server = await loopback();
});
afterEach(() => server.stop());

const byAxios = (config: AxiosRequestConfig) => () => axios.get(server.url, config);
const byGot = (options: OptionsOfTextResponseBody) => () =>
  got(server.url, { retry: { limit: 0 }, ...options });
/** Leaves when the server has been asked. */
const leaving = (): AbortSignal => {
  const controller = new AbortController();
  server.answer = () => controller.abort();
  return controller.signal;
};
const beginning = (body: string, end: "ends" | "breaks" | "hangs") => {
  server.answer = (_, response) => {
    response.writeHead(200).write(body);
    if (end === "ends") response.end();
    if (end === "breaks") setImmediate(() => response.destroy());
  };
};

test.each([
  { what: "axios, its signal", call: () => byAxios({ signal: leaving() }), counts: "cancelled" },
  { what: "got, its signal", call: () => byGot({ signal: leaving() }), counts: "cancelled" },
  {
    what: "axios, a signal that is a time limit",
    call: () => byAxios({ signal: AbortSignal.timeout(20) }),
    counts: "latency",
  },
  {
    what: "got, a signal that is a time limit",
    call: () => byGot({ signal: AbortSignal.timeout(20) }),
    counts: "latency",
  },
  { what: "axios, its time limit", call: () => byAxios({ timeout: 20 }), counts: "latency" },
  {
    what: "axios, its time limit, told clearly",
    call: () => byAxios({ timeout: 20, transitional: { clarifyTimeoutError: true } }),
    counts: "latency",
  },
  {
    what: "axios, its time limit, in words of the user",
    call: () => byAxios({ timeout: 20, timeoutErrorMessage: "too slow" }),
    counts: "latency",
  },
  {
    what: "got, its time limit",
    call: () => byGot({ timeout: { request: 20 } }),
    counts: "latency",
  },
  {
    what: "got, its time limit in the middle of a body",
    call: () => {
      beginning("begun", "hangs");
      return byGot({ timeout: { response: 20_000, request: 100 } });
    },
    counts: "latency",
  },
  {
    what: "axios, a body that breaks",
    call: () => {
      beginning("begun", "breaks");
      return byAxios({});
    },
    counts: "error",
  },
  {
    what: "got, a body that breaks",
    call: () => {
      beginning("begun", "breaks");
      return byGot({});
    },
    counts: "error",
  },
  {
    what: "axios, a body that is no JSON",
    call: () => {
      beginning("{", "ends");
      return byAxios({ responseType: "json", transitional: { silentJSONParsing: false } });
    },
    counts: "success",
  },
  {
    what: "got, a body that is no JSON",
    call: () => {
      beginning("{", "ends");
      return byGot({ responseType: "json" } as object);
    },
    counts: "success",
  },
  {
    what: "axios, a status that the caller does not take",
    call: () => {
      server.answer = status(202);
      return byAxios({ validateStatus: (code) => code === 200 });
    },
    counts: "success",
  },
  {
    what: "got, a hook that throws",
    call: () => {
      beginning("whole", "ends");
      const refuse = () => {
        throw new Error("not the answer that was wanted");
      };
      return byGot({ hooks: { afterResponse: [refuse] } });
    },
    counts: "success",
  },
  {
    what: "a GraphQL client, errors in an answer of status 200",
    call: () => async () => {
      throw Object.assign(new Error("no such order"), { response: { status: 200, errors: [] } });
    },
    counts: "success",
  },
  {
    what: "axios, a body that is not encoded as it says",
    call: () => {
      server.answer = (_, response) =>
        void response.writeHead(200, { "content-encoding": "gzip" }).end("not gzip");
      return byAxios({});
    },
    counts: "error",
  },
  {
    what: "got, a body that is not encoded as it says",
    call: () => {
      server.answer = (_, response) =>
        void response.writeHead(200, { "content-encoding": "gzip" }).end("not gzip");
      return byGot({});
    },
    counts: "error",
  },
  {
    what: "axios, a body that broke off, by its own code",
    call: () => async () => {
      throw Object.assign(new Error("stream has been aborted"), {
        name: "AxiosError",
        code: "ERR_BAD_RESPONSE",
        response: { status: 200 },
      });
    },
    counts: "error",
  },
  {
    what: "got, redirects without an end",
    call: () => {
      server.answer = status(302, { location: server.url });
      return byGot({});
    },
    counts: "error",
  },
  {
    what: "axios, a redirect that is not followed",
    call: () => {
      server.answer = status(302, { location: server.url });
      return byAxios({ maxRedirects: 0 });
    },
    counts: "success",
  },
] as const)("classifyHttp counts what a client ended or failed by itself: $what", async (row) => {
  server.answer = hang;
  const breaker = new CircuitBreaker("client", { classify: classifyHttp });
  const call = row.call();
  await expect(breaker.call<unknown>(call)).rejects.toThrow();
  expect(breaker.stats.calls).toMatchObject({ [row.counts]: 1 });
});

test("classifyHttp takes a connection that timed out for an error, as its code alone says no more", () => {
  const error = Object.assign(new Error("connect ETIMEDOUT 192.0.2.1:80"), {
    name: "AxiosError",
    code: "ETIMEDOUT",
    syscall: "connect",
  });
  expect(classifyHttp({ ok: false, error, latencyMs })).toBeUndefined();
});
