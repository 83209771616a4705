import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { guardFetch } from "../../src/http/index.ts";
import { begun, breaks, eachGuarded } from "../support/guarded-server.ts";

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

const { given, guard, calls } = eachGuarded();

/** Turns of the loop with collections, in which finalizers run, too. */
async function collect(): Promise<void> {
  for (let times = 0; times < 20; times++) {
    collectGarbage();
    await turn();
  }
}

test.each([
  {
    way: "its stream",
    open: async (body: ReadableStream<Uint8Array>) => async () => new Response(body).text(),
  },
  {
    way: "a reader",
    open: async (body: ReadableStream<Uint8Array>) => {
      const reader = body.getReader();
      return async () => {
        let text = "";
        for (let step = await reader.read(); !step.done; step = await reader.read()) {
          text += Buffer.from(step.value).toString();
        }
        return text;
      };
    },
  },
  {
    way: "a pipe",
    open: async (body: ReadableStream<Uint8Array>) => {
      const piped = body.pipeThrough(new TextDecoderStream());
      return async () => {
        let text = "";
        for await (const chunk of piped) text += chunk;
        return text;
      };
    },
  },
])("a body outlives its response, for one who holds $way", async ({ open }) => {
  const { server } = given;
  const { open: answers } = begun(server);
  const opened = async () => {
    const { body } = await guard()(server.url);
    if (body === null) throw new Error("A body was expected");
    return open(body);
  };
  const read = await opened();
  await collect();
  const text = read();
  for (const answer of answers) answer.end("and ended");
  await expect(text).resolves.toBe("begun and ended");
  expect(calls()).toMatchObject({ success: 1 });
});

test("a response whose body was looked at can be collected", async () => {
  const look = async () => {
    const response = await guard()(given.server.url);
    expect(response.body?.locked).toBe(false);
    return new WeakRef(response);
  };
  const held = [await look(), await look(), await look()];
  // The stack may hold the last of them for a while.
  for (let times = 0; times < 50 && held[0]?.deref() !== undefined; times++) await collect();
  expect(held[0]?.deref()).toBeUndefined();
});

/** What SvelteKit's `load` is given for a `fetch`: its responses stand behind a proxy. */
async function proxied(input: string, _?: RequestInit): Promise<Response> {
  const response = await fetch(input);
  return new Proxy(response, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

test.each([
  { name: "text", read: (response: Response) => response.text() },
  {
    name: "arrayBuffer",
    read: async (r: Response) => Buffer.from(await r.arrayBuffer()).toString(),
  },
  { name: "clone", read: (response: Response) => response.clone().text() },
  { name: "body", read: (response: Response) => new Response(response.body).text() },
])(
  "a response behind a proxy is read as ever, by $name, and counts by its head",
  async ({ read }) => {
    const { breaker, clock, server } = given;
    const guarded = guardFetch(proxied, { breaker, clock });
    await expect(guarded(server.url).then(read)).resolves.toBe("answer to /");
    clock.advance(1_000);
    await guarded(server.url);
    expect(calls()).toMatchObject({ success: 1, error: 0 });
  },
);

test.each(["ended", "broken"] as const)(
  "a copy that is cancelled in the middle of a read decides nothing for the other: %s",
  async (end) => {
    const { open } = begun(given.server);
    const response = await guard()(given.server.url);
    const copy = response.clone();
    const reader = response.body?.getReader();
    await reader?.read();
    const other = copy.text().catch(() => "");
    const pending = reader?.read();
    await turn();
    const cancelled = reader?.cancel();
    await expect(pending).resolves.toMatchObject({ done: true });
    await turn();
    expect(calls()).toMatchObject({ success: 0, cancelled: 0 });
    if (end === "ended") open[0]?.end();
    else breaks(open);
    await Promise.all([other, cancelled]);
    expect(calls()).toMatchObject(end === "ended" ? { success: 1 } : { error: 1, success: 0 });
  },
);
