import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { IdentityProcess } from "../../examples/token-introspection/identity-process.ts";
import {
  InactiveToken,
  tokenIntrospection,
} from "../../examples/token-introspection/introspection.ts";
import { type Clock, createEventBus, type TelltaleEvent } from "../../src/index.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { type Loopback, loopback, status } from "../support/loopback.ts";
import { exampleFile, runExample } from "./run-example.ts";

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
  expect(story).toContain("dave's token expires meanwhile: alice 200, dave 401\n");
});

/** Options with which a Node runs some code before each of its processes. */
const before = (code: string) => ({
  NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}`,
});

test("the example says so when its identity server cannot come back, and ends", async () => {
  const taken = before(`
    import { createServer } from "node:net";
    const [, file, port] = process.argv;
    if (file.endsWith("identity-server.ts") && port !== "0") createServer().listen(+port, "127.0.0.1");
  `);
  await expect(runExample("token-introspection/main.ts", { env: taken })).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /^The identity server could not start on port (\d+): listen EADDRINUSE: .*:\1\n$/,
    ),
  });
});

test("the example says so when somebody kills its identity server, and ends", async () => {
  const killed = before(`
    if (process.argv[1].endsWith("identity-server.ts")) {
      process.on("message", ({ mood }) => mood === "slow" && process.kill(process.pid, "SIGKILL"));
    }
  `);
  await expect(runExample("token-introspection/main.ts", { env: killed })).rejects.toMatchObject({
    code: 1,
    stderr: "The identity server went: it ended by SIGKILL\n",
  });
});

test("the example ends without a word when its reader goes", async () => {
  const child = spawn(process.execPath, [exampleFile("token-introspection/main.ts")], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let errors = "";
  child.stderr.on("data", (chunk) => {
    errors += chunk;
  });
  child.stdout.once("data", () => child.stdout.destroy());
  const [code] = await once(child, "close");
  expect([code, errors]).toEqual([0, ""]);
});

const CREDENTIALS = { id: "a service", secret: "of: ünïcode" };
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

const introspection = ({ url = server.url, time = clock as Clock | null } = {}) => {
  const bus = createEventBus();
  bus.on("fallback.served", (event) => events.push(event));
  bus.on("circuit.*", (event) => events.push(event));
  return tokenIntrospection({
    url,
    credentials: CREDENTIALS,
    bus,
    maxAgeMs: 10_000,
    staleWhileOpenMs: 5_000,
    ...(time === null ? {} : { clock: time }),
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

/** Answers as if every token were good until some second. */
const goodUntil =
  (exp: unknown): Loopback["answer"] =>
  (_, response) =>
    void response.end(JSON.stringify({ active: true, sub: "good", exp }));

test("exp: a result is not served from the cache once its token has expired", async () => {
  const { introspect } = introspection();
  server.answer = goodUntil(clock.epochMs() / 1_000 + 5);
  await introspect("good");
  await server.stop();
  clock.advance(4_999);
  await expect(introspect("good")).resolves.toMatchObject({ ageMs: 4_999 });
  clock.advance(1);
  await expect(introspect("good")).rejects.toThrow(new InactiveToken("The token has expired"));
});

test("exp: that a token is good now is up to the identity server, whose clock may differ", async () => {
  const { introspect } = introspection();
  server.answer = goodUntil(clock.epochMs() / 1_000 - 1);
  await expect(introspect("good")).resolves.toMatchObject({ ageMs: 0 });
});

test.each(['"1767225700"', "{}", "true", "1e400"])(
  "exp: with %s, which cannot be read, nothing is served from the cache, and that is said",
  async (exp) => {
    const { introspect } = introspection();
    server.answer = (_, response) => void response.end(`{"active":true,"sub":"good","exp":${exp}}`);
    await expect(introspect("good")).resolves.toMatchObject({ ageMs: 0 });
    await server.stop();
    await expect(introspect("good")).rejects.toThrow(
      new InactiveToken("The token was good, and its exp does not say for how long"),
    );
  },
);

test.each([null, undefined])("exp: with %j the age of the result decides", async (exp) => {
  const { introspect } = introspection();
  server.answer = goodUntil(exp);
  await introspect("good");
  await server.stop();
  clock.advance(10_000);
  await expect(introspect("good")).resolves.toMatchObject({ ageMs: 10_000 });
});

test.each(["http://[bad", "ftp://elsewhere/", "/introspect", "//[", undefined])(
  "a redirect to %s is an answer that is none: an error, and locks nobody out",
  async (location) => {
    const { introspect, breaker } = introspection();
    await introspect("good");
    server.answer = status(302, location === undefined ? {} : { location });
    for (const _ of [1, 2, 3]) {
      await expect(introspect("good")).resolves.toMatchObject({ ageMs: 0 });
      await expect(introspect("mallory")).rejects.not.toBeInstanceOf(InactiveToken);
    }
    expect(breaker.state).toBe("open");
  },
);

test("a redirect does not hand the token to another host", async () => {
  const elsewhere = await loopback();
  try {
    elsewhere.answer = goodUntil(undefined);
    server.answer = status(307, { location: elsewhere.url });
    await expect(introspection().introspect("good")).rejects.toThrow("answered 307");
    expect(elsewhere.requests).toBe(0);
  } finally {
    await elsewhere.stop();
  }
});

test("credentials are sent as RFC 6749 wants them", async () => {
  let authorization = "";
  server.answer = (request, response) => {
    ({ authorization = "" } = request.headers);
    well(request, response);
  };
  await introspection().introspect("good");
  const pair = Buffer.from(authorization.replace("Basic ", ""), "base64").toString();
  expect(pair).toBe("a%20service:of%3A%20%C3%BCn%C3%AFcode");
});

/** The example's own identity server, for the time of one test. */
async function withIdentity(
  use: (identity: IdentityProcess, url: string) => Promise<void>,
): Promise<void> {
  const identity = new IdentityProcess(CREDENTIALS);
  try {
    await identity.start("good");
    await use(identity, `http://127.0.0.1:${identity.port}`);
  } finally {
    await identity.kill();
  }
}

test("the identity server tells nobody about tokens who does not show the right credentials", () =>
  withIdentity(async (_, url) => {
    const stranger = `Basic ${btoa("a%20service:guess")}`;
    for (const headers of [{}, { authorization: stranger }, { authorization: "Bearer good" }]) {
      const body = new URLSearchParams({ token: "good" });
      const response = await fetch(`${url}/introspect`, { method: "POST", body, headers });
      expect([response.status, await response.text()]).toEqual([401, ""]);
      expect(response.headers.get("www-authenticate")).toMatch(/^Basic /);
    }
    await expect(introspection({ url }).introspect("good")).resolves.toMatchObject({ ageMs: 0 });
  }));

test("exp: the identity server gives it, and a token that has expired is refused while it is dead", () =>
  withIdentity(async (identity, url) => {
    const time = null; // that of this machine, on which the identity server is
    const { introspect } = introspection({ url, time });
    await identity.tell({ kind: "issue", token: "short", lifetimeS: 4 });
    const { token } = await introspect("short");
    await introspect("good");
    await identity.kill();
    const end = (token.exp ?? 0) * 1_000;
    expect(end).toBeGreaterThan(Date.now() - 60_000);
    await expect.poll(() => Date.now(), { timeout: 30_000 }).toBeGreaterThanOrEqual(end);
    await expect(introspect("short")).rejects.toThrow(InactiveToken);
    await expect(introspect("good")).resolves.toMatchObject({ token: { sub: "good" } });
  }));

test("start() says when the port is taken, and tell() when the process is gone", () =>
  withIdentity(async (identity) => {
    const { pid, port } = identity;
    // It was started.
    process.kill(pid as number, "SIGKILL");
    await expect(identity.tell({ kind: "mood", mood: "slow" })).rejects.toThrow(
      "The identity server went: it ended by SIGKILL",
    );
    await expect(identity.tell({ kind: "mood", mood: "well" })).rejects.toThrow("SIGKILL");
    await identity.kill();
    await expect(identity.tell({ kind: "mood", mood: "well" })).rejects.toThrow("is not running");
    const other = createServer().listen(port, "127.0.0.1");
    await once(other, "listening");
    await expect(identity.start("good")).rejects.toThrow(
      `The identity server could not start on port ${port}: listen EADDRINUSE`,
    );
    other.close();
    await once(other, "close");
    await identity.start("good");
  }));
