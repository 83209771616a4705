import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { guardFetch } from "../../src/http/index.ts";
import { CircuitBreaker, consecutive } from "../../src/index.ts";
import { begun, breaks, eachGuarded } from "../support/guarded-server.ts";
import { ok, status } from "../support/loopback.ts";

const { given, guard, calls } = eachGuarded();

test("a body that is cancelled unread counts by its head, at once, and so does a probe", async () => {
  const { server, breaker, clock } = given;
  breaker.forceOpen("test", { forMs: 100 });
  clock.advance(100);
  begun(given.server);
  const { body } = await guard()(server.url);
  await body?.cancel();
  expect(breaker.state).toBe("closed");
  expect(calls()).toMatchObject({ success: 1, cancelled: 0, error: 0 });
  while (server.given === 0) await turn();
});

test("bodies that are cancelled unread end the failures in a row before them", async () => {
  const { server, breaker } = given;
  const guarded = guard();
  for (let round = 0; round < 5; round++) {
    server.answer = status(503);
    await guarded(server.url);
    server.answer = ok;
    await (await guarded(server.url)).body?.cancel();
  }
  expect(breaker.state).toBe("closed");
  expect(calls()).toMatchObject({ error: 5, success: 5 });
});

test("a body that nobody begins to read counts by its head at the first call after a second", async () => {
  const { server, clock } = given;
  const guarded = guard();
  const kept = [await guarded(server.url)];
  clock.advance(999);
  kept.push(await guarded(server.url));
  expect(calls()).toMatchObject({ success: 0 });
  clock.advance(1);
  kept.push(await guarded(server.url));
  expect(calls()).toMatchObject({ success: 1, latency: 0 });
  expect(kept).toHaveLength(3);
});

test.each([200, 3_000])(
  "option bodyLeaseMs: a body that is being read is waited for %d ms",
  async (bodyLeaseMs) => {
    const { server, clock } = given;
    const { open } = begun(server);
    const guarded = guard({ bodyLeaseMs });
    const reading = [(await guarded(server.url)).text()];
    const { body } = await guarded(server.url);
    await body?.getReader().read();
    const unread = Math.min(1_000, bodyLeaseMs - 1);
    for (const spanMs of [unread, bodyLeaseMs - 1 - unread]) {
      clock.advance(spanMs);
      reading.push((await guarded(server.url)).text());
      expect(calls()).toMatchObject({ success: 0 });
    }
    clock.advance(1);
    reading.push((await guarded(server.url)).text());
    expect(calls()).toMatchObject({ success: 2, latency: 0 });
    for (const response of open) response.end();
    await Promise.all(reading);
  },
);

test("a body that is read through two guards is being read for both", async () => {
  const { server, breaker, clock } = given;
  const outer = new CircuitBreaker("outer", { clock });
  const inside = guard();
  const guarded = guardFetch(inside, { breaker: outer, clock });
  const { open } = begun(server);
  const reading = [(await guarded(server.url)).text()];
  clock.advance(5_000);
  reading.push((await guarded(server.url)).text());
  expect([breaker, outer].map(({ stats }) => stats.calls.success)).toEqual([0, 0]);
  for (const response of open) response.end();
  await Promise.all(reading);
  expect([breaker, outer].map(({ stats }) => stats.calls.success)).toEqual([2, 2]);
});

test("a probe whose body nobody reads closes the breaker, and the next call passes", async () => {
  const { server, breaker, clock } = given;
  breaker.forceOpen("test", { forMs: 100 });
  clock.advance(100);
  const guarded = guard({ bodyLeaseMs: 3_000 });
  await guarded(server.url);
  await expect(guarded(server.url)).rejects.toMatchObject({ reason: "half_open" });
  clock.advance(1_000);
  const told: unknown[] = [];
  breaker.on("circuit.success", (event) => void told.push(event.consecutiveFailures));
  await expect(guarded(server.url)).resolves.toMatchObject({ status: 200 });
  expect(breaker.state).toBe("closed");
  expect(told).toEqual([undefined]);
});

/** Answers that nobody reads, one for each word, 100 ms apart. */
async function unread(guarded: ReturnType<typeof guard>, words: readonly ("well" | "bad")[]) {
  const { server, clock } = given;
  const kept: Response[] = [];
  for (const word of words) {
    server.answer = word === "well" ? ok : status(503);
    kept.push(await guarded(server.url));
    clock.advance(100);
  }
  return kept;
}

test("a dependency that dies is found at once, however many bodies nobody has read", async () => {
  const { breaker } = given;
  const guarded = guard({ bodyLeaseMs: 1_000 });
  const well = Array.from({ length: 30 }, () => "well" as const);
  const kept = await unread(guarded, well);
  expect(calls().success).toBe(20);
  kept.push(...(await unread(guarded, ["bad", "bad"])));
  expect(breaker.state).toBe("open");
  expect(kept).toHaveLength(32);
});

test("answers whose bodies nobody reads end the failures in a row before them, though they count later", async () => {
  const { breaker } = given;
  const guarded = guard({ bodyLeaseMs: 3_000 });
  await unread(guarded, ["bad", "well", "bad", "well", "bad", "well"]);
  expect(breaker.state).toBe("closed");
  expect(breaker.stats).toMatchObject({ consecutiveFailures: 0, calls: { error: 3, success: 0 } });
  await unread(guarded, ["bad"]);
  expect(breaker.stats.consecutiveFailures).toBe(1);
  given.clock.advance(3_000);
  given.events.length = 0;
  const off = breaker.on("circuit.success", (event) => void heard.push(event.consecutiveFailures));
  const heard: (number | undefined)[] = [];
  given.server.answer = ok;
  await guarded(given.server.url);
  off();
  // They were known before the last failure, which they do not end; the answer that is here now does.
  expect(heard).toEqual([1, 1, 1]);
  expect(breaker.stats).toMatchObject({ consecutiveFailures: 0, calls: { error: 4, success: 3 } });
});

test("lastSuccessAtMs of a body that nobody read is when its head came", async () => {
  const { server, breaker, clock } = given;
  const guarded = guard({ bodyLeaseMs: 3_000 });
  const headAtMs = clock.epochMs();
  await guarded(server.url);
  clock.advance(5_000);
  server.answer = status(503);
  await guarded(server.url);
  expect(breaker.stats).toMatchObject({ lastSuccessAtMs: headAtMs, calls: { success: 1 } });
});

test("a body that breaks takes up the failures that its head had ended, with those since", async () => {
  const { server, breaker } = given;
  breaker.reconfigure({ failureThreshold: 4 });
  const guarded = guard();
  await unread(guarded, ["bad", "bad"]);
  const { open } = begun(given.server);
  const reading = (await guarded(server.url)).text();
  expect(breaker.stats.consecutiveFailures).toBe(0);
  await unread(guarded, ["bad"]);
  expect(breaker.stats.consecutiveFailures).toBe(1);
  breaks(open);
  await expect(reading).rejects.toThrow("terminated");
  expect(breaker.state).toBe("open");
  expect(given.events.at(-1)).toMatchObject({ type: "circuit.open", consecutiveFailures: 4 });
});

test("streams that break after their leases trip the breaker, whatever other heads were well meanwhile", async () => {
  const { server, breaker, clock } = given;
  breaker.reconfigure({ failureThreshold: 3 });
  const guarded = guard({ bodyLeaseMs: 1_000 });
  const kept: Response[] = [];
  for (let round = 1; round <= 3; round++) {
    const { open } = begun(server);
    const reading = (await guarded(server.url)).text();
    clock.advance(2_000);
    // The request that finds the lease over is one that nobody reads.
    server.answer = ok;
    kept.push(await guarded(server.url));
    clock.advance(2_000);
    const { success } = calls();
    expect(success).toBeGreaterThanOrEqual(round);
    breaks(open);
    await expect(reading).rejects.toThrow("terminated");
    if (round < 3) expect(breaker.stats.consecutiveFailures).toBe(round);
  }
  expect(breaker.state).toBe("open");
  expect(kept).toHaveLength(3);
});

test("calls that hang have counted without the failures that a body takes up when it breaks", async () => {
  const { server, clock } = given;
  const breaker = new CircuitBreaker("upstream", {
    clock,
    failureThreshold: 5,
    cooldownMs: 1_000,
    latencyTripMs: 500,
    inFlight: true,
  });
  const guarded = guardFetch(fetch, { breaker, clock });
  server.answer = status(503);
  for (const _ of [1, 2, 3]) await guarded(server.url);
  const { open } = begun(server);
  const reading = (await guarded(server.url)).text();
  for (const _ of [1, 2]) breaker.admit();
  clock.advance(2_000);
  expect(breaker.state).toBe("closed");
  breaks(open);
  await expect(reading).rejects.toThrow("terminated");
  expect(breaker.stats.calls).toMatchObject({ error: 4, late: 0 });
  // It opens now, not when the two became overdue.
  expect(breaker).toMatchObject({ state: "open", retryAfterMs: 1_000 });
});

test("a body that breaks takes up no failures that another success has ended", async () => {
  const { server, breaker } = given;
  breaker.reconfigure({ failureThreshold: 4 });
  const guarded = guard();
  await unread(guarded, ["bad", "bad", "bad"]);
  const { open } = begun(given.server);
  const reading = (await guarded(server.url)).text();
  server.answer = ok;
  await (await guarded(server.url)).text();
  breaks(open);
  await expect(reading).rejects.toThrow("terminated");
  expect(breaker.state).toBe("closed");
  expect(breaker.stats.consecutiveFailures).toBe(1);
});

test("what is no response is given to the caller, and counts as an answer", async () => {
  const { breaker, clock } = given;
  // Wrong on purpose: a stub in somebody's test.
  const stub = async () => undefined as unknown as Response;
  const guarded = guardFetch(stub, { breaker, clock });
  await expect(guarded("http://127.0.0.1/")).resolves.toBeUndefined();
  expect(calls()).toMatchObject({ success: 1, error: 0 });
});

test("a stream that breaks after its lease is a failure of its own", async () => {
  const { server, clock } = given;
  const { open } = begun(given.server);
  const guarded = guard({ bodyLeaseMs: 3_000 });
  const reading = (await guarded(server.url)).text();
  clock.advance(3_000);
  server.answer = ok;
  await (await guarded(server.url)).text();
  expect(calls()).toMatchObject({ success: 2, error: 0 });
  breaks(open);
  await expect(reading).rejects.toThrow("terminated");
  expect(calls()).toMatchObject({ success: 2, error: 1 });
});

test("trap 2: a stream of the closed period that breaks after its lease reopens no half-open breaker", async () => {
  const { server, breaker, clock } = given;
  const { open } = begun(given.server);
  const guarded = guard({ bodyLeaseMs: 3_000 });
  const reading = (await guarded(server.url)).text();
  clock.advance(3_000);
  server.answer = status(503);
  await guarded(server.url);
  await guarded(server.url);
  expect(breaker.state).toBe("open");
  clock.advance(1_000);
  server.answer = ok;
  const probe = await guarded(server.url);
  breaks(open);
  await expect(reading).rejects.toThrow();
  expect(calls().late).toBe(1);
  await probe.text();
  expect(breaker.state).toBe("closed");
});

test("a disabled breaker counts late answers as its rules do: no failure since is ended, but each before", async () => {
  const { breaker } = given;
  breaker.disable();
  const guarded = guard({ bodyLeaseMs: 200 });
  await unread(guarded, ["well", "well", "bad", "bad"]);
  expect(breaker.stats).toMatchObject({ consecutiveFailures: 2, calls: { success: 2, error: 2 } });
  await unread(guarded, ["well", "bad"]);
  expect(breaker.stats).toMatchObject({ consecutiveFailures: 1, calls: { success: 2, error: 3 } });
});

test("what only reports tells no open that answers which nobody read have averted", async () => {
  const { breaker } = given;
  breaker.reconfigure({ failureThreshold: 100, shadow: consecutive(2) });
  const guarded = guard({ bodyLeaseMs: 200 });
  await unread(guarded, ["bad", "well", "bad", "well", "bad", "well"]);
  breaker.disable();
  breaker.reconfigure({ failureThreshold: 2 });
  await unread(guarded, ["bad", "well", "bad", "well", "bad", "well"]);
  expect(given.told()).not.toContain("circuit.would_open");
});

test("a body that is cancelled in the middle leaves the failures in a row alone, as no verdict does", async () => {
  const { server, breaker } = given;
  const guarded = guard();
  server.answer = status(503);
  await guarded(server.url);
  begun(server);
  const { body } = await guarded(server.url);
  const reader = body?.getReader();
  await reader?.read();
  expect(breaker.stats.consecutiveFailures).toBe(0);
  await reader?.cancel();
  expect(breaker.stats.consecutiveFailures).toBe(1);
  server.answer = status(503);
  await guarded(server.url);
  expect(breaker.state).toBe("open");
});

test("candidate rules count late answers as the rules in force do", async () => {
  const { breaker } = given;
  breaker.reconfigure({ failureThreshold: 100, shadow: consecutive(3) });
  const guarded = guard({ bodyLeaseMs: 200 });
  await unread(guarded, ["well", "well", "bad", "bad", "bad"]);
  expect(given.told()).toContain("circuit.would_open");
});

test("with degradation each answer that nobody read forgives one failure, when it counts", async () => {
  const { breaker } = given;
  breaker.reconfigure({ failureThreshold: 9, degradation: [1, 1, 1, 1] });
  const guarded = guard({ bodyLeaseMs: 300 });
  await unread(guarded, ["bad", "bad", "bad", "well"]);
  expect(breaker.stats.consecutiveFailures).toBe(3);
  given.clock.advance(300);
  await unread(guarded, ["well"]);
  expect(breaker.stats).toMatchObject({ consecutiveFailures: 2, calls: { success: 1, error: 3 } });
});
