import fc from "fast-check";
import { expect, test } from "vitest";
import { guardFetch } from "../../src/http/index.ts";
import { createEventBus } from "../../src/index.ts";

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

/** The same by lists of segments. */
function fits(template: string, path: string): boolean {
  const wanted = template.split("/").slice(1);
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
  const wanted = fc.array(fc.oneof(segment, fc.constant(":id")), { maxLength: 3 });
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
