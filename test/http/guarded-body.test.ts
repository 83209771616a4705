import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { guardFetch } from "../../src/http/index.ts";
import { CircuitBreaker } from "../../src/index.ts";
import { begun, breaks, eachGuarded } from "../support/guarded-server.ts";
import { status } from "../support/loopback.ts";

const { given, guard, calls } = eachGuarded();

test("an error in the middle of a body counts as a failure, with the error that the reader sees", async () => {
  const { open } = begun(given.server);
  const response = await guard()(given.server.url);
  expect(calls()).toMatchObject({ success: 0, error: 0 });
  const reading = response.text();
  breaks(open);
  await expect(reading).rejects.toThrow("terminated");
  expect(given.events).toMatchObject([
    { type: "circuit.failure", reason: "error", error: { message: "terminated" } },
    { type: "circuit.progress" },
  ]);
});

test("an error in the middle of a stream counts as a failure", async () => {
  const { open } = begun(given.server);
  const { body } = await guard()(given.server.url);
  const reader = body?.getReader();
  await expect(reader?.read()).resolves.toMatchObject({ done: false });
  breaks(open);
  await expect(reader?.read()).rejects.toThrow("terminated");
  expect(calls()).toMatchObject({ error: 1, success: 0 });
});

test("bodies that break one after the other trip the breaker, though each head was well", async () => {
  const { open } = begun(given.server);
  const guarded = guard();
  for (const _ of [1, 2]) {
    const reading = (await guarded(given.server.url)).text();
    breaks(open);
    await expect(reading).rejects.toThrow();
  }
  expect(given.breaker.state).toBe("open");
});

test("a stream that is read to its end is a success, once", async () => {
  const { body } = await guard()(given.server.url);
  const chunks: Uint8Array[] = [];
  for await (const chunk of body ?? []) chunks.push(chunk);
  expect(Buffer.concat(chunks).toString()).toBe("answer to /");
  expect(calls()).toMatchObject({ success: 1 });
});

test("a stream may be read into the reader's own buffer", async () => {
  const { body } = await guard()(given.server.url);
  const reader = body?.getReader({ mode: "byob" });
  const first = await reader?.read(new Uint8Array(64));
  expect(Buffer.from(first?.value ?? []).toString()).toBe("answer to /");
  await expect(reader?.read(new Uint8Array(64))).resolves.toMatchObject({ done: true });
  expect(calls()).toMatchObject({ success: 1 });
});

test("a body that is cancelled in the middle gives no verdict, frees a probe, and reaches the server", async () => {
  const { server, breaker, clock } = given;
  breaker.forceOpen("test", { forMs: 100 });
  clock.advance(100);
  begun(given.server);
  const { body } = await guard()(server.url);
  expect(breaker.probesInFlight).toBe(1);
  const reader = body?.getReader();
  await reader?.read();
  await reader?.cancel();
  expect(breaker.probesInFlight).toBe(0);
  expect(breaker.state).toBe("half_open");
  expect(calls()).toMatchObject({ cancelled: 1, success: 0, error: 0 });
  while (server.given === 0) await turn();
});

test("leaving a loop over the body is a cancelled body", async () => {
  begun(given.server);
  const { body } = await guard()(given.server.url);
  for await (const _ of body ?? []) break;
  expect(calls()).toMatchObject({ cancelled: 1, success: 0, error: 0 });
});

test("a body that breaks after longer than latencyTripMs is an error, its length that of its head", async () => {
  const { server, breaker, clock } = given;
  const { open } = begun(server);
  const told: unknown[] = [];
  breaker.on("circuit.failure", ({ reason, latencyMs }) => void told.push([reason, latencyMs]));
  const reading = (await guard()(server.url)).text();
  clock.advance(30_000);
  breaks(open);
  await expect(reading).rejects.toThrow("terminated");
  expect(told).toEqual([["error", 0]]);
});

test("an abort in the middle of a body is cancelled, a timeout is latency", async () => {
  begun(given.server);
  const guarded = guard();
  for (const [reason, countedAs] of [
    [new DOMException("left", "AbortError"), "cancelled"],
    [new DOMException("late", "TimeoutError"), "latency"],
  ] as const) {
    const leaving = new AbortController();
    const response = await guarded(given.server.url, { signal: leaving.signal });
    const reading = response.text();
    leaving.abort(reason);
    await expect(reading).rejects.toBe(reason);
    expect(calls()[countedAs]).toBe(1);
  }
  expect(calls().error).toBe(0);
});

test("a body of a failure is passed on unwatched: its verdict is there already", async () => {
  given.server.answer = status(500);
  const response = await guard()(given.server.url);
  expect(calls()).toMatchObject({ error: 1 });
  await expect(response.text()).resolves.toBe("no");
  expect(calls()).toMatchObject({ error: 1, success: 0 });
});

test.each(["arrayBuffer", "blob", "bytes", "text"] as const)("%s() ends the call", async (read) => {
  const response = await guard()(given.server.url);
  await response[read]();
  expect(calls()).toMatchObject({ success: 1 });
});

test("json() of what is no JSON rejects, and is no failure of the transport", async () => {
  const response = await guard()(given.server.url);
  await expect(response.json()).rejects.toThrow(SyntaxError);
  expect(calls()).toMatchObject({ success: 1, error: 0 });
});

test("reading a body twice rejects as ever, and counts once", async () => {
  const response = await guard()(given.server.url);
  await response.text();
  await expect(response.text()).rejects.toThrow(TypeError);
  expect(calls()).toMatchObject({ success: 1, error: 0 });
});

test("looking at the body takes nothing from its readers", async () => {
  const response = await guard()(given.server.url);
  expect(response.body).toBe(response.body);
  expect(response.body?.locked).toBe(false);
  await expect(response.text()).resolves.toBe("answer to /");
  expect(response.bodyUsed).toBe(true);
});

test("a copy is guarded, too: the first to end decides, and one that is cancelled does not", async () => {
  const response = await guard()(given.server.url);
  const copy = response.clone();
  const cancelled = copy.body?.cancel();
  expect(calls()).toMatchObject({ cancelled: 0 });
  await expect(response.text()).resolves.toBe("answer to /");
  await cancelled;
  expect(calls()).toMatchObject({ success: 1, cancelled: 0 });
});

test("a response that cannot be watched counts by its head", async () => {
  const frozen = Object.freeze({ status: 200, headers: new Headers(), body: {} });
  const guarded = guardFetch(async (_: string, __?: object) => frozen, { breaker: given.breaker });
  await expect(guarded("http://127.0.0.1/")).resolves.toBe(frozen);
  expect(calls()).toMatchObject({ success: 1 });
});

test("a guarded response can be sent on as the body of another", async () => {
  const { body, headers } = await guard()(given.server.url);
  await expect(new Response(body, { headers }).text()).resolves.toBe("answer to /");
  expect(calls()).toMatchObject({ success: 1 });
});

const streamed = (...chunks: unknown[]) =>
  new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
const answering = (body: ReadableStream) =>
  guardFetch(async (_: string, __?: object) => new Response(body), { breaker: given.breaker });
const read = async (body: ReadableStream<Uint8Array> | null): Promise<string> => {
  let text = "";
  for await (const chunk of body ?? []) text += Buffer.from(chunk).toString();
  return text;
};

test("the chunks of a body that is no byte stream stay those who made them", async () => {
  const kept = new TextEncoder().encode("kept");
  // The memory of a small Buffer is shared, and cannot be taken.
  const { body } = await answering(streamed(kept, Buffer.from(" small")))("http://127.0.0.1/");
  await expect(read(body)).resolves.toBe("kept small");
  expect(kept.byteLength).toBe(4);
  expect(calls()).toMatchObject({ success: 1, error: 0 });
});

test("a copy whose stream is read leaves the chunks to the other", async () => {
  const response = await answering(streamed(new TextEncoder().encode("both")))("http://127.0.0.1/");
  await expect(read(response.clone().body)).resolves.toBe("both");
  await expect(response.text()).resolves.toBe("both");
});

test("a body that a reader has locked can neither be read nor copied otherwise", async () => {
  const response = await guard()(given.server.url);
  const reader = response.body?.getReader();
  await expect(response.text()).rejects.toThrow(TypeError);
  expect(() => response.clone()).toThrow(TypeError);
  await reader?.read();
  await reader?.read();
  expect(calls()).toMatchObject({ success: 1, error: 0 });
});

test("a copy of a response whose stream was looked at before can be read", async () => {
  const response = await guard()(given.server.url);
  const { body } = response;
  const copy = response.clone();
  expect(response.body).not.toBe(body);
  await expect(read(response.body)).resolves.toBe("answer to /");
  await expect(copy.text()).resolves.toBe("answer to /");
});

test("a reader of the stream that a copy took from a response does not lock the response", async () => {
  const response = await guard()(given.server.url);
  const { body } = response;
  const copy = response.clone();
  await expect(body?.getReader().read()).rejects.toThrow(TypeError);
  await expect(response.text()).resolves.toBe("answer to /");
  await expect(copy.text()).resolves.toBe("answer to /");
  expect(calls()).toMatchObject({ success: 1, error: 0 });
});

test("16 guards around another one learn of its body: further ones count by its head", async () => {
  const breakers = Array.from({ length: 19 }, (_, at) => new CircuitBreaker(`guard ${at}`));
  let guarded = (_: string, __?: object): Promise<Response> => Promise.resolve(new Response("x"));
  for (const breaker of breakers) guarded = guardFetch(guarded, { breaker });
  const response = await guarded("http://127.0.0.1/");
  const successes = () => breakers.map(({ stats }) => stats.calls.success);
  expect(successes()).toEqual([...Array(17).fill(0), 1, 1]);
  await response.text();
  expect(successes()).toEqual(Array(19).fill(1));
});

test("a listener that makes a request while the time of bodies ends finds no body twice", async () => {
  const { clock, breaker } = given;
  const guarded = guardFetch(async (_: string, __?: object) => new Response("x"), {
    breaker,
    clock,
    bodyLeaseMs: 3_000,
  });
  for (const _ of [1, 2, 3]) await guarded("http://127.0.0.1/");
  clock.advance(3_000);
  let more = 2;
  given.bus.on("circuit.success", () => {
    if (more-- > 0) void guarded("http://127.0.0.1/");
  });
  await guarded("http://127.0.0.1/");
  expect(calls()).toMatchObject({ success: 3 });
  clock.advance(3_000);
  await guarded("http://127.0.0.1/");
  expect(calls()).toMatchObject({ success: 6 });
});

test("bodies end in any order, and those that nobody reads still count when their time is over", async () => {
  const { clock, breaker } = given;
  const guarded = guardFetch(async (_: string, __?: object) => new Response("x"), {
    breaker,
    clock,
    bodyLeaseMs: 3_000,
  });
  const responses = [];
  for (const _ of [1, 2, 3, 4, 5]) responses.push(await guarded("http://127.0.0.1/"));
  for (const which of [2, 0, 4]) await responses[which]?.text();
  expect(calls()).toMatchObject({ success: 3 });
  clock.advance(3_000);
  await (await guarded("http://127.0.0.1/")).text();
  expect(calls()).toMatchObject({ success: 6 });
});

test("10 000 bodies are waited for at the same time: of more, the oldest counts by its head", async () => {
  const { breaker, clock } = given;
  const answer = async (_: string, __?: object) => new Response("x");
  const guarded = guardFetch(answer, { breaker, clock });
  for (let n = 0; n < 10_000; n++) await guarded("http://127.0.0.1/");
  expect(calls().success).toBe(0);
  await guarded("http://127.0.0.1/");
  expect(calls().success).toBe(1);
});
