import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { serveDashboard } from "../../src/http/index.ts";
import { BreakerRegistry, CircuitBreaker, createEventBus } from "../../src/index.ts";
import { wrong } from "../support/wrong-values.ts";
import { listen, service } from "./dashboard-server.ts";

const TOKEN = "0123456789abcdef";

test("the page is one document that allows its own script and style and nothing else", async () => {
  const { url } = await service();
  const response = await fetch(url);
  expect(response.status).toBe(200);
  const html = await response.text();
  const policy = response.headers.get("content-security-policy") ?? "";
  for (const [kind, tag] of [
    ["script-src", "script"],
    ["style-src", "style"],
  ]) {
    const [, text = ""] = new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`).exec(html) ?? [];
    expect(text.length).toBeGreaterThan(1_000);
    const hash = createHash("sha256").update(text).digest("base64");
    expect(policy).toContain(`${kind} 'sha256-${hash}'`);
  }
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toContain("unsafe");
  expect(html.match(/<script>/g)).toHaveLength(1);
  expect(html).not.toMatch(/\b(?:src|href)="(?!data:,")/);
  expect(Object.fromEntries(response.headers)).toMatchObject({
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cache-control": "no-cache",
  });
});

test("page, configuration and stream are at the one path that it is put at", async () => {
  const { port, registry } = await service();
  registry.get("payments").forceOpen("maintenance");
  for (const path of ["/", "/deep/down", "/deep/down/"]) {
    const base = `http://127.0.0.1:${port}${path}`;
    expect((await fetch(base)).headers.get("content-type")).toContain("text/html");
    expect(await (await fetch(`${base}?config`)).json()).toEqual({
      title: "checkout-1",
      sources: [{ name: "checkout-1", url: "?events", isRecord: false }],
      hasOperators: false,
    });
    const stream = await fetch(`${base}?events`, { headers: { prefer: "history" } });
    const reader = stream.body?.getReader();
    let text = "";
    while (!text.includes("event: snapshot")) {
      text += new TextDecoder().decode((await reader?.read())?.value);
    }
    expect(text).toContain('"note":"maintenance"');
    await reader?.cancel();
  }
});

test("title is what the page is called, else the instance of the bus, else telltale", async () => {
  const titleOf = async (source: CircuitBreaker, options = {}) => {
    const { respond, detach } = serveDashboard(source, options);
    const told: unknown = await (await respond(new Request("http://127.0.0.1/?config"))).json();
    detach();
    return Reflect.get(Object(told), "title");
  };
  const named = new CircuitBreaker("a", { bus: createEventBus({ instance: "api-7" }) });
  expect(await titleOf(named, { title: "Shop" })).toBe("Shop");
  expect(await titleOf(named)).toBe("api-7");
  expect(await titleOf(new CircuitBreaker("a"))).toBe("telltale");
});

test("respond() answers as handle() does, on a host that has fetch", async () => {
  const breaker = new CircuitBreaker("payments");
  const { respond, detach } = serveDashboard(breaker);
  const page = await respond(new Request("https://example.com/breakers"));
  expect(await page.text()).toContain("<!doctype html>");
  const head = await respond(new Request("https://example.com/breakers", { method: "HEAD" }));
  expect([head.status, await head.text()]).toEqual([200, ""]);
  const stream = await respond(new Request("https://example.com/breakers?events"));
  expect(stream.headers.get("content-type")).toContain("text/event-stream");
  const snapshot = stream.body?.getReader();
  await snapshot?.read();
  await snapshot?.cancel();
  detach();
});

test.each([
  ["POST", "", 405],
  ["DELETE", "?config", 405],
  ["GET", "?secret", 404],
  ["HEAD", "", 200],
  ["POST", "?events", 405],
])("%s %s is answered %i", async (method, query, status) => {
  const { url } = await service();
  expect((await fetch(url + query, { method })).status).toBe(status);
});

test("options of the stream reach it", async () => {
  const { url } = await service({ stream: { maxClients: 1 } });
  const first = await fetch(`${url}?events`);
  expect((await fetch(`${url}?events`)).status).toBe(503);
  await first.body?.cancel();
});

test("detach() ends the stream and lets go of the bus", async () => {
  const { bus, dashboard, url } = await service();
  expect(bus.has("circuit.open")).toBe(true);
  dashboard.detach();
  expect(bus.has("circuit.open")).toBe(false);
  expect((await fetch(`${url}?events`)).status).toBe(503);
});

test("breakers of a registry that come later are on the page", async () => {
  const { registry, url } = await service();
  const stream = await fetch(`${url}?events`, { headers: { prefer: "readings" } });
  const reader = stream.body?.getReader();
  registry.get("late");
  let text = "";
  while (!text.includes('"breaker":"late"')) {
    text += new TextDecoder().decode((await reader?.read())?.value);
  }
  await reader?.cancel();
});

test("a failure of the page is an answer, and ends nobody", async () => {
  const breaker = new CircuitBreaker("payments");
  const broken = {
    ...{ bus: breaker.bus, get: () => breaker },
    [Symbol.iterator]: () => {
      throw new Error("the registry is gone");
    },
  };
  const { respond, detach } = serveDashboard(wrong(broken), {
    ...{ operators: { alice: TOKEN }, operatorsFrom: "anywhere" },
  });
  const headers = {
    "content-type": "application/json",
    "x-telltale-token": TOKEN,
    origin: "https://example.com",
    host: "example.com",
  };
  const body = '{"action":"reset","breaker":"payments","reason":"x"}';
  const answer = await respond({
    ...{ method: "POST", url: "https://example.com/?action", text: async () => body },
    headers: { get: (name: string) => Reflect.get(headers, name) ?? null },
  });
  detach();
  expect(answer.status).toBe(500);
  expect(await answer.json()).toEqual({ message: "Error: the registry is gone" });
});

test("it works behind Express, at a path that is cut off", async () => {
  const { default: express } = await import("express");
  const app = express();
  app.use("/ops/breakers", serveDashboard(new CircuitBreaker("payments")).handle);
  const { port } = await listen(app);
  const base = `http://127.0.0.1:${port}/ops/breakers`;
  expect(await (await fetch(base)).text()).toContain("<!doctype html>");
  expect((await fetch(`${base}?config`)).status).toBe(200);
});

const breaker = new CircuitBreaker("payments");
test.each([
  [
    () => serveDashboard(wrong(null)),
    "source must be a breaker, several that share a bus, or a registry, received null",
  ],
  [
    () => serveDashboard(wrong({})),
    "source must be a breaker, several that share a bus, or a registry, received an object",
  ],
  [
    () => serveDashboard([]),
    "source must be a breaker, several that share a bus, or a registry, not empty, received an array",
  ],
  [
    () => serveDashboard(wrong([breaker, 5])),
    "source must be a breaker, several that share a bus, or a registry, received 5",
  ],
  [
    () => serveDashboard([breaker, new CircuitBreaker("search")]),
    'breakers must share a bus, given to each as the option bus, but "search" has another than "payments"',
  ],
  [
    () => serveDashboard(breaker, wrong({ titel: "x" })),
    'unknown option "titel", did you mean "title"?',
  ],
  [
    () => serveDashboard(breaker, { title: "" }),
    'title must be a string of 1 to 128 characters, received ""',
  ],
  [
    () => serveDashboard(breaker, wrong({ operators: [] })),
    "operators must be an object, received an array",
  ],
  [
    () => serveDashboard(breaker, { operators: { alice: "short" } }),
    'the token of "alice" in operators must be a string of 16 to 512 characters, received one of 5',
  ],
  [
    () => serveDashboard(breaker, wrong({ operators: { alice: undefined } })),
    'the token of "alice" in operators must be a string of 16 to 512 characters, received undefined',
  ],
  [
    () => serveDashboard(breaker, { operators: { alice: TOKEN, bob: TOKEN } }),
    "operators must each have a token of their own, received one twice",
  ],
  [
    () => serveDashboard(breaker, { operators: { ["x".repeat(65)]: TOKEN } }),
    "a name in operators must be a string of 1 to 64 characters",
  ],
  [
    () => serveDashboard(breaker, wrong({ operatorsFrom: "home" })),
    'operatorsFrom must be "loopback" or "anywhere", received "home"',
  ],
  [
    () => serveDashboard(breaker, { origins: ["https://ops.example.com/path"] }),
    'origins must be an origin such as https://ops.example.com, received "https://ops.example.com/path"',
  ],
  [
    () => serveDashboard(breaker, wrong({ origins: "x" })),
    'origins must be an array of origins, received "x"',
  ],
  [
    () => serveDashboard(breaker, wrong({ stream: { breakers: [breaker] } })),
    "stream must be options without breakers, which the first argument names, received an object",
  ],
])("serveDashboard() refuses what it cannot use: %s", (make, message) => {
  expect(make).toThrow(`Cannot serve a dashboard: ${message}`);
});

test("serveDashboard() refuses bad options of the stream as serveEvents does", () => {
  const make = () => serveDashboard(new BreakerRegistry(), { stream: { readingsEveryMs: 0 } });
  expect(make).toThrow(
    "Cannot serve events: readingsEveryMs must be a positive number of milliseconds, received 0",
  );
});
