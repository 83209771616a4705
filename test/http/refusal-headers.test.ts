import type { Server } from "node:http";
import { serve } from "@hono/node-server";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import Koa from "koa";
import { describe, expect, test } from "vitest";
import {
  expressRefusals,
  fastifyRefusals,
  honoRefusals,
  koaRefusals,
} from "../../src/http/index.ts";
import { CircuitBreaker } from "../../src/index.ts";
import { afterTest, listening } from "../support/listening.ts";

const breaker = new CircuitBreaker("orders-db");
breaker.forceOpen("test", { forMs: 60_000 });
const refused = (): Promise<string> => breaker.call(async () => "never");

/** What middleware sets for every answer, and stays. */
const OUTER = { "access-control-allow-origin": "https://shop.example", "x-request-id": "r-1" };
/** What a route says of the body that it is about to send. */
const OF_BODY = {
  "content-disposition": "attachment",
  "content-encoding": "gzip",
  "content-language": "de",
  "content-location": "/orders/7",
  "content-range": "bytes 0-9/100",
  "content-digest": "sha-256=:AA==:",
  "repr-digest": "sha-256=:AA==:",
  "last-modified": "Wed, 21 Oct 2015 07:28:00 GMT",
  etag: '"orders"',
  "accept-ranges": "bytes",
  "content-md5": "AA==",
  digest: "sha-256=AA==",
};
const BODIES: Record<string, Record<string, string>> = {
  "of another kind": OF_BODY,
  "that is longer": { ...OF_BODY, "content-length": "5000" },
  "that is shorter": { ...OF_BODY, "content-length": "5" },
  "in chunks": { ...OF_BODY, "transfer-encoding": "chunked" },
  "with trailers": { ...OF_BODY, trailer: "x-sum" },
  "in chunks with trailers": { ...OF_BODY, "transfer-encoding": "chunked", trailer: "x-sum" },
};

/** Servers whose only route says what it will send, and then is refused. */
const FRAMEWORKS = {
  async express(headers: Record<string, string>) {
    const app = express();
    app.use((_, response, next) => {
      response.set(OUTER);
      next();
    });
    app.get("/", async (_, response) => {
      response.set(headers);
      response.send(await refused());
    });
    app.use(expressRefusals());
    return await listening(app.listen(0, "127.0.0.1"));
  },
  async fastify(headers: Record<string, string>) {
    const app = fastify();
    app.addHook("onRequest", async (_, reply) => void reply.headers(OUTER));
    app.setErrorHandler(fastifyRefusals());
    app.get("/", async (_, reply) => {
      reply.headers(headers);
      return await refused();
    });
    const url = await app.listen({ port: 0, host: "127.0.0.1" });
    afterTest(() => app.close());
    return url;
  },
  async hono(headers: Record<string, string>) {
    const app = new Hono();
    app.use(async (context, next) => {
      for (const [name, value] of Object.entries(OUTER)) context.header(name, value);
      await next();
    });
    app.use(honoRefusals());
    app.onError((_, context) => context.text("another body", 500, headers));
    app.get("/", async (context) => context.text(await refused()));
    const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }) as Server;
    return await listening(server);
  },
  async koa(headers: Record<string, string>) {
    const app = new Koa();
    app.silent = true;
    app.use(async (context, next) => {
      context.set(OUTER);
      await next();
    });
    app.use(koaRefusals());
    app.use(async (context) => {
      context.set(headers);
      context.body = await refused();
    });
    return await listening(app.listen(0, "127.0.0.1"));
  },
};

describe.each(Object.entries(FRAMEWORKS))("%s", (_, start) => {
  test.each(Object.keys(BODIES))("a refusal says nothing of a body %s", async (which) => {
    const headers = BODIES[which] ?? {};
    const response = await fetch(await start(headers), { signal: AbortSignal.timeout(10_000) });
    expect(response.status).toBe(503);
    await expect(response.json()).resolves.toMatchObject({ status: 503 });
    const told = Object.fromEntries(response.headers);
    expect(told).toMatchObject({
      ...OUTER,
      "content-type": expect.stringMatching(/^application\/problem\+json/),
    });
    expect(Object.keys(told).filter((name) => name in OF_BODY || name === "trailer")).toEqual([]);
  });
});
