import { once } from "node:events";
import { createServer } from "node:http";
import { afterEach, expect, test } from "vitest";
import { guardFetch, type HealthSource, healthChecks, serveEvents } from "../../src/http/index.ts";
import { BreakerRegistry, CircuitBreaker } from "../../src/index.ts";
import { FakeClock } from "../support/fake-clock.ts";

let stop: (() => Promise<unknown>) | undefined;
afterEach(() => stop?.());

const registry = () => new BreakerRegistry();

test("readiness reports breakers and stays 200", async () => {
  const breakers = registry();
  breakers.get("search");
  breakers.get("payments").forceOpen();
  const { readiness } = healthChecks(breakers);
  const response = readiness.respond();
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("application/json");
  expect(response.headers.get("cache-control")).toBe("no-store");
  await expect(response.json()).resolves.toEqual({
    status: "degraded",
    breakers: [
      { name: "payments", state: "forced_open", trafficShare: 0, openedAtMs: expect.any(Number) },
      { name: "search", state: "closed", trafficShare: 1, openedAtMs: null },
    ],
  });
});

test("readiness says since when a breaker is open that calls that hang have opened", () => {
  const clock = new FakeClock();
  const sidecar = new CircuitBreaker("sidecar", {
    clock,
    inFlight: true,
    latencyTripMs: 100,
    failureThreshold: 2,
  });
  const told: string[] = [];
  sidecar.on("circuit.open", ({ reason }) => void told.push(reason));
  sidecar.admit();
  sidecar.admit();
  clock.advance(500);
  const { readiness } = healthChecks(sidecar, { required: ["sidecar"] });
  expect(readiness.report()).toEqual({
    status: "unavailable",
    breakers: [{ name: "sidecar", state: "open", trafficShare: 0, openedAtMs: clock.epochMs() }],
  });
  expect(told).toEqual(["latency"]);
});

test("readiness refuses an iterator, which it could go through once", () => {
  const breakers = new Map([["search", new CircuitBreaker("search")]]);
  expect(() => healthChecks(breakers.values())).toThrow(
    "source must be what can be gone through again, such as [...source]",
  );
  const { readiness } = healthChecks([...breakers.values()]);
  expect([readiness.report(), readiness.report()].map((report) => report.breakers.length)).toEqual([
    1, 1,
  ]);
});

test("liveness asks no breaker", () => {
  const source: HealthSource = {
    [Symbol.iterator]: () => {
      throw new Error("asked");
    },
  };
  const { liveness } = healthChecks(source);
  expect(liveness.respond().status).toBe(200);
  expect(liveness.report()).toEqual({ status: "ok" });
});

test("option required: readiness is 503 while one of them is open, and only then", () => {
  const breakers = registry();
  breakers.get("search").forceOpen();
  const sidecar = breakers.get("sidecar");
  const { readiness, liveness } = healthChecks(breakers, { required: ["sidecar"] });
  expect(readiness.respond().status).toBe(200);
  sidecar.forceOpen();
  expect(readiness.respond().status).toBe(503);
  expect(readiness.report().status).toBe("unavailable");
  expect(liveness.respond().status).toBe(200);
  sidecar.reset();
  expect(readiness.report().status).toBe("degraded");
});

test("the checks follow what comes and goes, and take one breaker or those of a guarded fetch", async () => {
  const guarded = guardFetch(async (_: string, __?: RequestInit) => new Response(null));
  const { readiness } = healthChecks(guarded.breakers);
  expect(readiness.report()).toEqual({ status: "ok", breakers: [] });
  await guarded("http://a.example/");
  expect(readiness.report().breakers).toMatchObject([{ name: "a.example" }]);
  const one = new CircuitBreaker("one");
  one.disable();
  expect(healthChecks(one).readiness.report()).toMatchObject({
    status: "ok",
    breakers: [{ name: "one", state: "disabled" }],
  });
});

test("the checks and the event endpoint answer a server of Node", async () => {
  const breakers = registry();
  breakers.get("payments");
  const { liveness, readiness } = healthChecks(breakers);
  const events = serveEvents(breakers.bus, { breakers });
  const server = createServer((request, response) => {
    if (request.url === "/events") events.handle(request, response);
    else (request.url === "/livez" ? liveness : readiness).handle(request, response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  stop = async () => {
    events.detach();
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  };
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("A port was expected");
  const url = `http://127.0.0.1:${address.port}`;
  await expect((await fetch(`${url}/livez`)).json()).resolves.toEqual({ status: "ok" });
  await expect((await fetch(`${url}/readyz`)).json()).resolves.toMatchObject({ status: "ok" });
  const stream = await fetch(`${url}/events`);
  const reader = stream.body?.getReader();
  let text = "";
  while (!text.includes("payments")) text += Buffer.from((await reader?.read())?.value ?? []);
  expect(text).toContain("event: snapshot");
  await reader?.cancel();
});

test.each([
  { source: null, options: {}, message: "source must be an object" },
  { source: {}, options: {}, message: "source.name must be a string" },
  { source: [], options: { require: [] }, message: 'unknown option "require"' },
  { source: [], options: { required: "db" }, message: "required must be an array of names" },
  { source: [], options: { required: [1] }, message: "required must be a string" },
])("healthChecks() refuses $message", ({ source, options, message }) => {
  expect(() => healthChecks(source as never, options as never)).toThrow(message);
});
