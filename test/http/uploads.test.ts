import { Readable } from "node:stream";
import { expect, test, vi } from "vitest";
import { guardFetch } from "../../src/http/index.ts";
import { isTransient, retry } from "../../src/index.ts";
import { eachGuarded } from "../support/guarded-server.ts";
import { status } from "../support/loopback.ts";

const { given, guard, calls } = eachGuarded();

/** A stream that sends something and then what the test wants. */
function source() {
  let controller: ReadableStreamDefaultController | undefined;
  const body = new ReadableStream({
    start(given) {
      controller = given;
      given.enqueue(new TextEncoder().encode("begun"));
    },
  });
  return { body, breaks: () => controller?.error(new Error("left")) };
}
const streamed = (body: NonNullable<RequestInit["body"]>) => ({
  method: "POST",
  body,
  duplex: "half" as const,
});

test.each([
  { form: "init", sent: (url: string, body: ReadableStream) => [url, streamed(body)] as const },
  {
    form: "Request",
    sent: (url: string, body: ReadableStream) => [new Request(url, streamed(body))] as const,
  },
  {
    form: "Request over another address",
    sent: (url: string, body: ReadableStream) =>
      [url, new Request("http://elsewhere.invalid/", streamed(body))] as const,
  },
])("an upload whose source breaks is cancelled: by $form", async ({ sent }) => {
  const { body, breaks } = source();
  given.server.answer = (request) => request.on("error", () => {}).once("data", breaks);
  const [input, init] = sent(given.server.url, body);
  await expect(guard()(input, init)).rejects.toMatchObject({ cause: { message: "left" } });
  expect(calls()).toMatchObject({ cancelled: 1, error: 0 });
});

test("an upload of a stream of Node that breaks is cancelled", async () => {
  const body = new Readable({ read() {} });
  body.push("begun");
  given.server.answer = (request) =>
    request.on("error", () => {}).once("data", () => body.destroy(new Error("left")));
  const init = streamed(body);
  await expect(guard()(given.server.url, init)).rejects.toThrow("fetch failed");
  expect(calls()).toMatchObject({ cancelled: 1, error: 0 });
});

test("a stream of Node that a client destroys because the server died is no reason to spare the server", async () => {
  const died = Object.assign(new Error("socket hang up"), { code: "ECONNRESET" });
  const piping = async (_: string, init?: RequestInit): Promise<Response> => {
    if (init?.body instanceof Readable) init.body.destroy(died);
    throw Object.assign(new Error(`request failed, reason: ${died.message}`), { code: died.code });
  };
  const body = new Readable({ read() {} });
  body.on("error", () => {});
  const guarded = guardFetch(piping, { breaker: given.breaker });
  await expect(guarded(given.server.url, streamed(body))).rejects.toThrow("socket hang up");
  expect(calls()).toMatchObject({ error: 1, cancelled: 0 });
});

test("an upload that breaks behind the head of the answer is cancelled", async () => {
  const { body, breaks } = source();
  given.server.answer = (request, response) => {
    request.on("error", () => {}).resume();
    response.write("begun");
  };
  const response = await guard()(given.server.url, streamed(body));
  const reading = response.text();
  breaks();
  await expect(reading).rejects.toThrow("terminated");
  expect(calls()).toMatchObject({ cancelled: 1, error: 0 });
});

test.each(["init", "Request"])(
  "an upload to a server that dies is an error: by %s",
  async (form) => {
    given.server.answer = (request) => request.once("data", () => request.socket.destroy());
    const init = streamed(source().body);
    const { url } = given.server;
    const sent = form === "init" ? guard()(url, init) : guard()(new Request(url, init));
    await expect(sent).rejects.toThrow("fetch failed");
    expect(calls()).toMatchObject({ error: 1, cancelled: 0 });
  },
);

test("the body of a Request that broke is no reason to spare a server that another body was sent to", async () => {
  given.server.answer = (request) => request.once("data", () => request.socket.destroy());
  const { body, breaks } = source();
  breaks();
  const request = new Request(given.server.url, streamed(body));
  await expect(guard()(request, { body: "other" })).rejects.toThrow("fetch failed");
  expect(calls()).toMatchObject({ error: 1, cancelled: 0 });
});

test.each([0, 1])(
  "an upload that the client gives up cancels its source, after %i chunks",
  async (chunks) => {
    const cancelled: unknown[] = [];
    const body = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(1)),
      cancel: (reason) => void cancelled.push(reason),
    });
    const leaving = async (_: string, init?: RequestInit): Promise<Response> => {
      if (!(init?.body instanceof ReadableStream)) throw new Error("A stream was expected");
      const reader = init.body.getReader();
      for (let read = 0; read < chunks; read++) await reader.read();
      await reader.cancel("left");
      return new Response(null);
    };
    await guardFetch(leaving, { breaker: given.breaker })(given.server.url, streamed(body));
    expect(cancelled).toEqual(["left"]);
  },
);

test("an upload is sent whole, chunk by chunk, and a request that is refused leaves its stream alone", async () => {
  given.server.answer = async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    response.end(text);
  };
  const body = new Blob(["a", "b"]).stream();
  given.breaker.forceOpen();
  await expect(guard()(given.server.url, streamed(body))).rejects.toThrow("open");
  given.breaker.reset();
  const wrong = { ...streamed(body), headers: { "x y": "1" } };
  await expect(guard()(given.server.url, wrong)).rejects.toThrow(TypeError);
  const response = await guard()(given.server.url, streamed(body));
  await expect(response.text()).resolves.toBe("ab");
});

test("on Workers a stream is sent as it is, which has its length there", async () => {
  vi.stubGlobal("FixedLengthStream", TransformStream);
  try {
    const seen: unknown[] = [];
    const sending = async (_: string, init?: RequestInit): Promise<Response> => {
      seen.push(init?.body);
      return new Response(null);
    };
    const body = new Blob(["x"]).stream();
    await guardFetch(sending, { breaker: given.breaker })(given.server.url, streamed(body));
    expect(seen[0]).toBe(body);
  } finally {
    vi.unstubAllGlobals();
  }
});

test.each([
  { shouldRetryResult: isTransient, by: "isTransient" },
  { shouldRetryResult: () => true, by: "a function of the user" },
])("option policy: the answer to an upload stands, and no attempt is told: $by", async (row) => {
  const told: string[] = [];
  const budget = {
    balance: 1,
    begin() {},
    succeed() {},
    withdraw: () => {
      told.push("withdraw");
      return 1;
    },
  };
  const { shouldRetryResult } = row;
  const policy = retry("upload", { bus: given.bus, budget, shouldRetryResult });
  given.bus.on("retry.attempt", ({ type }) => told.push(type));
  given.server.answer = status(429, { "retry-after": "1" });
  const guarded = guard({ policy });
  const response = await guarded(given.server.url, streamed(new Blob(["x"]).stream()));
  await expect(response.text()).resolves.toBe("no");
  expect([response.status, given.server.requests, told]).toEqual([429, 1, []]);
  // Outside of the request it is a response as any other.
  expect(isTransient(response)).toBe(true);
});
