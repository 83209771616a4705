import { createServer, type Server } from "node:http";
import { serve } from "@hono/node-server";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import { cors } from "hono/cors";
import { HTTPException } from "hono/http-exception";
import Koa from "koa";
import { describe, expect, test, vi } from "vitest";
import {
  expressRefusals,
  fastifyRefusals,
  honoRefusals,
  koaRefusals,
  refusalResponse,
} from "../../src/http/index.ts";
import { CircuitBreaker, retry } from "../../src/index.ts";
import { afterTest, listening } from "../support/listening.ts";

const breaker = new CircuitBreaker("orders-db");
breaker.forceOpen("test", { forMs: 60_000 });
const refused = (): Promise<string> => breaker.call(async () => "never");
const failing = (): never => {
  throw new Error("a bug");
};

/** The frameworks, each with the same two routes. */
const FRAMEWORKS = {
  async express() {
    const app = express();
    app.get("/refused", async (_, response) => void response.send(await refused()));
    app.get("/failing", failing);
    app.use(expressRefusals());
    app.use(((_error, _request, response, _next) => {
      response.status(500).send("other handler");
    }) satisfies express.ErrorRequestHandler);
    return await listening(app.listen(0, "127.0.0.1"));
  },
  async fastify() {
    const app = fastify();
    app.setErrorHandler((_error, _request, reply) => reply.code(500).send("other handler"));
    await app.register(async (inner) => {
      inner.setErrorHandler(fastifyRefusals());
      inner.get("/refused", refused);
      inner.get("/failing", async () => failing());
    });
    const url = await app.listen({ port: 0, host: "127.0.0.1" });
    afterTest(() => app.close());
    return url;
  },
  async hono() {
    const app = new Hono();
    app.use(honoRefusals());
    app.onError((_, context) => context.text("other handler", 500));
    app.get("/refused", async (context) => context.text(await refused()));
    app.get("/failing", failing);
    // Node's server, by the adapter's default.
    const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }) as Server;
    return await listening(server);
  },
  async "hono's onError"() {
    const app = new Hono();
    app.onError((error, context) => refusalResponse(error) ?? context.text("other handler", 500));
    app.get("/refused", async (context) => context.text(await refused()));
    app.get("/failing", failing);
    const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }) as Server;
    return await listening(server);
  },
  async koa() {
    const app = new Koa();
    app.silent = true;
    app.use(async (context, next) => {
      try {
        await next();
      } catch {
        context.status = 500;
        context.body = "other handler";
      }
    });
    app.use(koaRefusals());
    app.use(async (context) => {
      context.body = context.path === "/refused" ? await refused() : failing();
    });
    return await listening(app.listen(0, "127.0.0.1"));
  },
  async "fetch-style"() {
    const handler = async (path: string): Promise<Response> => {
      try {
        return new Response(path === "/refused" ? await refused() : failing());
      } catch (error) {
        return refusalResponse(error) ?? new Response("other handler", { status: 500 });
      }
    };
    const server = createServer(async (request, response) => {
      const answer = await handler(request.url ?? "");
      response.writeHead(answer.status, Object.fromEntries(answer.headers));
      response.end(await answer.text());
    });
    return await listening(server.listen(0, "127.0.0.1"));
  },
};

describe.each(Object.entries(FRAMEWORKS))("%s", (_, start) => {
  test("a refusal becomes 503 with Retry-After and problem+json", async () => {
    const response = await fetch(`${await start()}/refused`);
    expect(response.status).toBe(503);
    const retryAfter = Number(response.headers.get("retry-after"));
    expect(retryAfter).toBeGreaterThanOrEqual(1);
    expect(retryAfter).toBeLessThanOrEqual(60);
    expect(response.headers.get("content-type")).toMatch(/^application\/problem\+json/);
    expect(response.headers.get("cache-control")).toBe("no-store");
    const problem: unknown = await response.json();
    expect(problem).toMatchObject({
      type: "about:blank",
      title: "Service Unavailable",
      status: 503,
    });
    expect(JSON.stringify(problem)).not.toContain("orders-db");
  });

  test("every other error goes where it went before", async () => {
    const response = await fetch(`${await start()}/failing`);
    expect([response.status, await response.text()]).toEqual([500, "other handler"]);
  });
});

describe("Hono's log", () => {
  /** An app with three routes that throw, after `prepare`. */
  function routed(prepare: (app: Hono) => void): Hono {
    const app = new Hono();
    prepare(app);
    app.get("/refused", async (context) => context.text(await refused()));
    app.get("/failing", failing);
    app.get("/teapot", () => {
      throw new HTTPException(418);
    });
    return app;
  }

  /** How the app answers, and how much it logs by the console. */
  async function asked(app: Hono, path: string, times: number) {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    const statuses = new Set<number>();
    for (let n = 0; n < times; n++) statuses.add((await app.request(path)).status);
    const logged = log.mock.calls.length;
    log.mockRestore();
    return { statuses: [...statuses], logged };
  }

  test("refusalResponse() in app.onError keeps 100 refusals out of it; other errors reach it", async () => {
    const app = routed((made) =>
      made.onError((error, context) => {
        const refusal = refusalResponse(error);
        if (refusal !== undefined) return refusal;
        if (error instanceof HTTPException) return error.getResponse();
        console.error(error);
        return context.text("Internal Server Error", 500);
      }),
    );
    expect(await asked(app, "/refused", 100)).toEqual({ statuses: [503], logged: 0 });
    expect(await asked(app, "/failing", 2)).toEqual({ statuses: [500], logged: 2 });
    expect(await asked(app, "/teapot", 1)).toEqual({ statuses: [418], logged: 0 });
  });

  test("honoRefusals() comes after Hono's own error handler, which logs each refusal", async () => {
    const app = routed((made) => made.use(honoRefusals()));
    expect(await asked(app, "/refused", 3)).toEqual({ statuses: [503], logged: 3 });
  });
});

test("honoRefusals() keeps the headers that middleware set, and none that are about another body", async () => {
  const app = new Hono();
  app.use(cors({ origin: "https://shop.example" }), honoRefusals());
  app.onError((_, context) =>
    context.text("another body", 500, {
      "content-length": "12",
      "retry-after": "9999",
      "set-cookie": "a=1",
      etag: '"another"',
    }),
  );
  app.get("/refused", async (context) => {
    context.header("x-request-id", "r-1");
    return context.text(await refused());
  });
  const response = await app.request("/refused", { headers: { origin: "https://shop.example" } });
  expect(response.status).toBe(503);
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  expect(response.headers.get("access-control-allow-origin")).toBe("https://shop.example");
  expect(response.headers.get("x-request-id")).toBe("r-1");
  expect(response.headers.getSetCookie()).toEqual(["a=1"]);
  expect(response.headers.get("content-length")).toBeNull();
  expect(response.headers.get("etag")).toBeNull();
  expect(Number(response.headers.get("retry-after"))).toBeLessThanOrEqual(60);
  await expect(response.json()).resolves.toMatchObject({ status: 503 });
});

const refusal = async (): Promise<unknown> => await refused().catch((error: unknown) => error);

test("option expose: names the breaker, the reason and the incident", async () => {
  const response = refusalResponse(await refusal(), { expose: true });
  await expect(response?.json()).resolves.toMatchObject({
    breaker: "orders-db",
    reason: "forced_open",
    incidentId: expect.any(String),
    detail: expect.stringContaining("orders-db"),
  });
});

test("option type: the problem has it", async () => {
  const type = "https://docs.example/problems/dependency";
  const response = refusalResponse(await refusal(), { type });
  await expect(response?.json()).resolves.toMatchObject({ type });
});

test("option unknownRetryMs: what Retry-After says when nobody knows", async () => {
  const forced = new CircuitBreaker("forced");
  forced.forceOpen();
  const error: unknown = await forced.call(() => 1).catch((thrown: unknown) => thrown);
  expect(refusalResponse(error)?.headers.get("retry-after")).toBe("10");
  const response = refusalResponse(error, { unknownRetryMs: 2_100 });
  expect(response?.headers.get("retry-after")).toBe("3");
});

test("Retry-After is never 0", async () => {
  const breakerFull = new CircuitBreaker("short");
  breakerFull.forceOpen("test", { forMs: 5 });
  const error: unknown = await breakerFull.call(() => 1).catch((thrown: unknown) => thrown);
  expect(refusalResponse(error)?.headers.get("retry-after")).toBe("1");
});

test("a retry that gave up on a refusal is a refusal; anything else is none", async () => {
  const policy = retry("orders", { attempts: 2, maxRetryAfterMs: 0 });
  const error: unknown = await policy.call(refused).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ name: "RetryError" });
  expect(refusalResponse(error)?.status).toBe(503);
  expect(refusalResponse(new Error("other"))).toBeUndefined();
});

test.each([
  { options: { exposed: true }, message: 'unknown option "exposed"' },
  { options: { expose: 1 }, message: "expose must be true or false" },
  { options: { unknownRetryMs: 0 }, message: "unknownRetryMs must be a positive number" },
  { options: { type: "" }, message: "type must be a string" },
])("expressRefusals() refuses $message", ({ options, message }) => {
  expect(() => expressRefusals(options as object)).toThrow(message);
});
