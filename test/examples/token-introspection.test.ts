import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  InactiveToken,
  tokenIntrospection,
} from "../../examples/token-introspection/introspection.ts";
import { createEventBus, type TelltaleEvent } from "../../src/index.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { type Loopback, loopback, status } from "../support/loopback.ts";

test("the example survives its identity server's death with no failed request of a known token", async () => {
  // The command that README gives, which must not depend on the Node that happens to be installed.
  const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
  expect(readme).toContain("    npm ci && npm run introspection\n");
  const run = promisify(execFile)("npm", ["run", "-s", "introspection"], { timeout: 50_000 });
  const { stdout: story } = await run;
  expect(story).toContain("failed requests of known tokens: 0; passed requests of unknown ones: 0");
  expect(story).toMatch(/It goes slow\n {2}breaker opens: latency/);
  expect(story).toMatch(
    /It is dead\n(?: {2}breaker opens: error.*\n)*.*known 200: 90, unknown 503: 30/,
  );
  expect(story).toMatch(/breaker closes after \d+ ms, \d+ calls refused\nIt is back/);
  expect(story).toMatch(/bob's token is revoked: 401;.*alice 200, bob 503/);
});

let server: Loopback;
let clock: FakeClock;
let events: TelltaleEvent[];
let active: Set<string>;

beforeEach(async () => {
  server = await loopback();
  clock = new FakeClock();
  events = [];
  active = new Set(["good"]);
  server.answer = well;
});
afterEach(() => server.stop());

const well: Loopback["answer"] = async (request, response) => {
  let form = "";
  for await (const chunk of request) form += chunk;
  const token = new URLSearchParams(form).get("token") ?? "";
  response.end(JSON.stringify({ active: active.has(token), sub: token }));
};

const introspection = () => {
  const bus = createEventBus();
  bus.on("fallback.served", (event) => events.push(event));
  bus.on("circuit.*", (event) => events.push(event));
  return tokenIntrospection({
    url: server.url,
    bus,
    maxAgeMs: 10_000,
    staleWhileOpenMs: 5_000,
    clock,
  });
};

test("the bound: a token revoked in an outage is served for maxAgeMs + staleWhileOpenMs, and not longer", async () => {
  const { introspect, breaker } = introspection();
  await introspect("good");
  active.delete("good");
  server.answer = status(500);
  clock.advance(10_000);
  await expect(introspect("good")).resolves.toMatchObject({ ageMs: 10_000 });
  clock.advance(1);
  breaker.forceOpen("the outage is known");
  await expect(introspect("good")).resolves.toMatchObject({ ageMs: 10_001 });
  clock.advance(4_999);
  await expect(introspect("good")).resolves.toMatchObject({ ageMs: 15_000 });
  clock.advance(1);
  await expect(introspect("good")).rejects.toThrow("forced open");
});

test("an outage longer than maxAgeMs, with its probes, fails no request of a known token", async () => {
  const { introspect, breaker } = introspection();
  await introspect("good");
  server.answer = status(500);
  let oldestMs = 0;
  for (let passedMs = 500; passedMs <= 15_000; passedMs += 500) {
    clock.advance(500);
    const { token, ageMs } = await introspect("good");
    expect(token.sub).toBe("good");
    oldestMs = Math.max(oldestMs, ageMs);
  }
  expect(oldestMs).toBe(15_000);
  expect(breaker.stats.probes.error).toBeGreaterThan(10);
});

test("a token that was called inactive is not served from the cache in the next outage", async () => {
  const { introspect } = introspection();
  await introspect("good");
  active.delete("good");
  await expect(introspect("good")).rejects.toThrow(InactiveToken);
  server.answer = status(500);
  await expect(introspect("good")).rejects.toThrow("500");
  expect(events.filter(({ type }) => type === "fallback.served")).toEqual([]);
});

test("unknown tokens are refused while the identity server is down", async () => {
  const { introspect } = introspection();
  await introspect("good");
  await server.stop();
  await expect(introspect("good")).resolves.toMatchObject({ token: { sub: "good" } });
  await expect(introspect("stranger")).rejects.toThrow();
});

test("inactive tokens are successes of the identity server", async () => {
  const { introspect, breaker } = introspection();
  for (const token of ["a", "b", "c", "d"]) await expect(introspect(token)).rejects.toThrow();
  expect(breaker.stats.calls).toMatchObject({ success: 4, error: 0 });
});

test("an answer to another question is an error, and locks nobody out", async () => {
  const { introspect, breaker } = introspection();
  await introspect("good");
  for (const answer of ["<html>", "{}", '{"active":"yes"}', "null"]) {
    server.answer = (_, response) => void response.end(answer);
    await expect(introspect("good")).resolves.toMatchObject({ ageMs: 0 });
  }
  expect(breaker.state).toBe("open");
});

test.each([401, 403, 404, 429, 501, 503])(
  "an answer %d of the identity server is not about the token: an error, and locks nobody out",
  async (code) => {
    const { introspect, breaker } = introspection();
    await introspect("good");
    server.answer = status(code);
    for (const _ of [1, 2, 3]) {
      await expect(introspect("good")).resolves.toMatchObject({ ageMs: 0 });
      await expect(introspect("mallory")).rejects.not.toBeInstanceOf(InactiveToken);
    }
    expect(breaker.state).toBe("open");
  },
);

test("many requests with one token make one introspection", async () => {
  const { introspect } = introspection();
  await Promise.all(Array.from({ length: 50 }, () => introspect("good")));
  expect(server.requests).toBe(1);
});
