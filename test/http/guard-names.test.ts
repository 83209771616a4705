import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { expect, test } from "vitest";
import { guardFetch } from "../../src/http/index.ts";
import { createEventBus } from "../../src/index.ts";

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

test("guardFetch() has a breaker for each host, and shows them", async () => {
  const guarded = guardFetch(async (_: string, __?: RequestInit) => new Response(null));
  await guarded("http://a.example/1");
  await guarded("http://a.example/2");
  await guarded("https://b.example:8443/1");
  expect([...guarded.breakers].map(({ name }) => name)).toEqual(["a.example", "b.example:8443"]);
});

const hostless = ["data:text/plain,hi", "blob:nodedata:1", "about:blank", "file:///etc/hosts"];

test.each(hostless)("guardFetch() lets %s pass, which asks no host", async (address) => {
  for (const options of [{}, { routes: ["/*"] }]) {
    const guarded = guardFetch(async (_: string, __?: RequestInit) => new Response("hi"), options);
    await expect((await guarded(address)).text()).resolves.toBe("hi");
    expect([...guarded.breakers]).toEqual([]);
  }
});

test("guardFetch() names its breakers as URL reads their hosts", async () => {
  const part = fc.constantFrom(
    ...[
      "a",
      "B",
      "example",
      ".",
      "..",
      "1",
      "127",
      "0x7f",
      ":",
      ":80",
      ":443",
      ":08",
      "[::1]",
      "@",
      "u:p@",
    ],
    ...[
      "/",
      "//",
      "\\",
      "?",
      "#",
      " ",
      "%41",
      "\n",
      "_",
      "-",
      "xn--a",
      "é",
      "｡",
      ":99999",
      "/x:1@y/z",
    ],
  );
  const scheme = fc.constantFrom(
    "http://",
    "https://",
    "HTTP://",
    "http:",
    "https:\\",
    "ftp://",
    "",
  );
  const parts = fc.array(part, { maxLength: 6 }).map((all) => all.join(""));
  await fc.assert(
    fc.asyncProperty(scheme, parts, async (start, rest) => {
      const guarded = guardFetch(async (_: string, __?: RequestInit) => new Response(null));
      const address = start + rest;
      for (const _ of [1, 2]) await guarded(address);
      const { host } = URL.parse(address) ?? { host: "" };
      expect([...guarded.breakers].map(({ name }) => name)).toEqual(host === "" ? [] : [host]);
    }),
    { numRuns: 2_000 },
  );
});

test("option routes: a breaker per host and template, others share one", async () => {
  const routes = ["GET /users/:id", "/files/*"];
  const guarded = guardFetch(async (_: string, __?: RequestInit) => new Response(null), { routes });
  for (const path of ["/users/7?x=1", "/users/8", "/users/8/posts", "/files/a/b", "/etc/passwd"]) {
    await guarded(`http://a.example${path}`);
  }
  await guarded("http://a.example/users/9", { method: "DELETE" });
  expect([...guarded.breakers].map(({ name }) => name)).toEqual([
    "a.example GET /users/:id",
    "a.example (other)",
    "a.example /files/*",
  ]);
});

test("option nameOf: undefined leaves the name to the routes, a failure is told", async () => {
  const bus = createEventBus();
  const told: string[] = [];
  bus.on("circuit.*", ({ type }) => told.push(type));
  const answers: unknown[] = ["mine", undefined, ""];
  const guarded = guardFetch(async (_: string, __?: RequestInit) => new Response(null), {
    defaults: { bus },
    // Wrong on purpose the third time.
    nameOf: () => answers.shift() as string,
  });
  for (const _ of [1, 2, 3]) await guarded("http://a.example/");
  expect([...guarded.breakers].map(({ name }) => name)).toEqual(["mine", "a.example"]);
  expect(told).toContain("circuit.callback_failed");
});

test("guardFetch() matches its routes with paths as URL reads them", async () => {
  const part = fc.constantFrom(
    ...[
      "/",
      "//",
      "users",
      "7",
      ".",
      "..",
      "a.b",
      "~",
      "-",
      "_",
      "%2e",
      "%41",
      "é",
      " ",
      "\\",
      "\t",
    ],
    ...["?", "#", "?x=/users/7", "#/users/7", "@", ":", ";", "+", "A"],
  );
  const guarded = (routes: readonly string[]) =>
    guardFetch(async (_: string, __?: RequestInit) => new Response(null), { routes });
  await fc.assert(
    fc.asyncProperty(fc.array(part, { maxLength: 6 }), async (parts) => {
      const address = `http://a.example/${parts.join("")}`;
      const { pathname } = new URL(address);
      // A template of exactly this path, where a template can say it.
      fc.pre(!/[\s:*]/.test(pathname));
      const exact = guarded([pathname]);
      await exact(address);
      expect([...exact.breakers].map(({ name }) => name)).toEqual([
        `a.example ${pathname}`.slice(-256),
      ]);
    }),
    { numRuns: 1_000 },
  );
});

/** The same by lists of segments, as `URL` writes them. */
function fits(template: string, path: string): boolean {
  const wanted = new URL(`http://a.example${template}`).pathname.split("/").slice(1);
  const given = path.split("/").slice(1);
  const open = wanted.at(-1) === "*";
  if (open) wanted.pop();
  if (open ? given.length < wanted.length : given.length !== wanted.length) return false;
  return wanted.every((segment, at) =>
    segment.startsWith(":") ? given[at] : segment === given[at],
  );
}

test("guardFetch() finds the first route that fits, segment by segment", async () => {
  const segment = fc.constantFrom("", "a", "ab", "b", "7", "%2e", "é");
  const path = fc.array(segment, { minLength: 1, maxLength: 4 });
  // A template with dots is refused.
  const written = segment.filter((each) => each !== "%2e");
  const wanted = fc.array(fc.oneof(written, fc.constant(":id")), { maxLength: 3 });
  const end = fc.constantFrom("", "/*", "/");
  const template = fc.tuple(wanted, end).map(([all, last]) => `/${all.join("/")}${last}`);
  const query = fc.constantFrom("", "?to=/a/b", "#/a/b");
  await fc.assert(
    fc.asyncProperty(
      fc.array(template, { maxLength: 3 }),
      path,
      query,
      async (routes, to, rest) => {
        const guarded = guardFetch(async (_: string, __?: RequestInit) => new Response(null), {
          routes: [...routes, "/none"],
        });
        const address = `http://a.example/${to.join("/")}${rest}`;
        await guarded(address);
        const route = routes.find((each) => fits(each, new URL(address).pathname)) ?? "(other)";
        expect([...guarded.breakers].map(({ name }) => name)).toEqual([`a.example ${route}`]);
      },
    ),
    { numRuns: 2_000 },
  );
});

test("option routes: letters beyond those of addresses fit as URL writes them", async () => {
  const routes = ["/größe/:id", "/a%20b/*", "/v1/models:list", "/a*b"];
  const guarded = guardFetch(async (_: string, __?: RequestInit) => new Response(null), { routes });
  for (const path of ["/größe/7", "/gr%C3%B6%C3%9Fe/8", "/a b/c", "/v1/models:list", "/a*b"]) {
    await guarded(`http://a.example${path}`);
  }
  expect([...guarded.breakers].map(({ name }) => name)).toEqual(
    routes.map((route) => `a.example ${route}`),
  );
});

test.each([
  { route: "/a/*/b", message: '"*" as nothing but its last segment' },
  { route: "/files/a*", message: '"*" as nothing but its last segment' },
  { route: "/users/{id}", message: '":id" for "{id}"' },
  { route: "/users/:id.json", message: 'parameters are whole segments, such as ":id"' },
  { route: "/@:user", message: 'parameters are whole segments, such as ":id"' },
  { route: "/users/~:id", message: 'parameters are whole segments, such as ":id"' },
  { route: "/files/*.js", message: '"*" as nothing but its last segment' },
  { route: "/users/:", message: "parameters are whole segments" },
  { route: "/a/./b", message: 'without "." and ".." as segments' },
  { route: "/a/%2E%2e", message: 'without "." and ".." as segments' },
  { route: "/a\\b", message: "without backslashes" },
])(
  "option routes: $route, which could never fit what it means, is refused",
  ({ route, message }) => {
    expect(() => guardFetch(fetch, { routes: [route] })).toThrow(message);
  },
);

test("guardFetch() has one breaker for http and https of a host, whose ports are those of their schemes", async () => {
  const guarded = guardFetch(async (_: string, __?: RequestInit) => new Response(null));
  for (const start of ["http://a.example", "https://a.example", "https://a.example:443"]) {
    await guarded(`${start}/`);
  }
  await guarded("https://a.example:80/");
  expect([...guarded.breakers].map(({ name }) => name)).toEqual(["a.example", "a.example:80"]);
});

test("guardFetch() asks for a host whose name is too long for a breaker, by the end of it", async () => {
  const asked: string[] = [];
  const guarded = guardFetch(async (address: string, _?: RequestInit) => {
    asked.push(address);
    return new Response(null);
  });
  const address = `http://${"a".repeat(200)}.${"b".repeat(200)}.example/`;
  for (const _ of [1, 2]) await guarded(address);
  expect(asked).toEqual([address, address]);
  expect([...guarded.breakers].map(({ name }) => name)).toEqual([address.slice(7, -1).slice(-256)]);
});

test.each([
  { form: "plain", address: (host: string, rest: string) => `http://${host}/${rest}` },
  { form: "with capitals", address: (host: string, rest: string) => `http://A${host}/${rest}` },
  { form: "as a URL", address: (host: string, rest: string) => new URL(`http://${host}/${rest}`) },
])("guardFetch() keeps no long address alive for its host: $form", async ({ address }) => {
  const guarded = guardFetch(async (_: string | URL, __?: RequestInit) => new Response(null));
  const heap = (): number => {
    collectGarbage();
    return process.memoryUsage().heapUsed;
  };
  const before = heap();
  const rest = "x".repeat(1_000_000);
  for (let tenant = 0; tenant < 100; tenant++) {
    const whole = address(`tenant-number-${tenant}.example`, rest);
    // A string of its own, and not the parts that it was made of.
    await guarded(typeof whole === "string" ? Buffer.from(whole).toString("latin1") : whole);
  }
  expect(heap() - before).toBeLessThan(30_000_000);
});
