import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { fakeProviders } from "../../examples/llm-gateway/fake-providers.ts";
import { gatewayScript, until, WorkerdRun } from "./gateway-run.ts";

// The example gateway in the real workerd, several isolates of it, with two providers on this machine.

/** 1 000 tokens in and 500 out, at the example's prices. */
const COST = 6_250_000;

/** Processes are started and killed, on machines that may be busy. */
const SLOW = { timeout: 240_000 };

interface Held {
  readonly breakers: { readonly chat: { readonly state: string; readonly incidentId?: string } };
  readonly exhausted: readonly { readonly provider: string; readonly forMs: number }[];
  readonly spent: { readonly nano: number; readonly requests: number } | null;
  readonly isolate: { readonly admissions: number; readonly waited: number };
}
type Status = Readonly<Record<"openai" | "anthropic", Held>>;

let folder: string;
let providers: Awaited<ReturnType<typeof fakeProviders>>;
let run: WorkerdRun;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "telltale-gateway-"));
  providers = await fakeProviders();
});
afterEach(async () => {
  await run.stop();
  providers.stop();
  await rm(folder, { recursive: true, force: true });
});

async function start(script: string, isolates = 2): Promise<void> {
  const className = "ProviderObject";
  run = await WorkerdRun.start({
    script,
    isolates,
    folder,
    className,
    bindings: providers.settings,
  });
}

async function chat(isolate = 0): Promise<string> {
  const { status, text } = await run.fetch(isolate, "/chat", { prompt: "hello" });
  return status === 200 ? JSON.parse(text).provider : `${status}`;
}

async function status(isolate = 0): Promise<Status> {
  return JSON.parse((await run.fetch(isolate, "/status")).text);
}

/** Each with what stands in its way switched on, and off: there the loss has to show. */
const VARIANTS = [
  { owner: "with owner", isKept: true },
  { owner: "without", isKept: false },
] as const;

describe.each(VARIANTS)("the three losses, $owner", SLOW, ({ owner, isKept }) => {
  let script: string;
  beforeAll(async () => {
    script = await gatewayScript(owner);
  });

  /** How often openai was asked by what comes. */
  async function askedOpenai(calls: () => Promise<unknown>): Promise<number> {
    const before = providers.calls.openai;
    await calls();
    return providers.calls.openai - before;
  }

  test("a provider that was open looks open to a new isolate, and after a restart", async () => {
    await start(script);
    providers.moods.openai = "broken";
    for (let n = 0; n < 5; n++) expect(await chat()).toBe("anthropic");
    await until(async () => (await status()).openai.breakers.chat.state === "open");
    expect(await askedOpenai(() => chat(0))).toBe(0);
    expect(await askedOpenai(() => chat(1))).toBe(isKept ? 0 : 1);
    const { incidentId } = (await status()).openai.breakers.chat;
    await run.kill();
    await start(script);
    expect(await askedOpenai(() => chat(0))).toBe(isKept ? 0 : 1);
    const after = (await status()).openai.breakers.chat;
    expect(after).toMatchObject(isKept ? { state: "open", incidentId } : { state: "closed" });
  });

  test("a quota mark lasts its five minutes in every isolate, and over a restart", async () => {
    await start(script);
    providers.moods.openai = "out of quota";
    expect(await chat()).toBe("anthropic");
    await until(async () => (await status()).openai.exhausted.length === 1);
    expect(await askedOpenai(() => chat(0))).toBe(0);
    expect(await askedOpenai(() => chat(1))).toBe(isKept ? 0 : 1);
    await run.stop();
    await start(script);
    expect(await askedOpenai(() => chat(0))).toBe(isKept ? 0 : 1);
    if (!isKept) return;
    const [mark] = (await status()).openai.exhausted;
    expect(mark?.provider).toBe("openai");
    expect(mark?.forMs).toBeGreaterThan(240_000);
    expect(mark?.forMs).toBeLessThanOrEqual(300_000);
  });

  test("the month's spend never returns to zero", async () => {
    await start(script);
    for (let n = 0; n < 3; n++) await chat();
    await until(async () => (await status()).openai.spent?.nano === 3 * COST);
    await run.kill();
    await start(script);
    expect((await status()).openai.spent?.nano).toBe(isKept ? 3 * COST : 0);
    await run.stop();
    await start(script);
    expect((await status()).openai.spent?.nano).toBe(isKept ? 3 * COST : 0);
  });
});

describe("the gateway", SLOW, () => {
  let script: string;
  beforeAll(async () => {
    script = await gatewayScript("with owner");
  });

  test("concurrent isolates lose no spend", async () => {
    await start(script, 4);
    const chats = Array.from({ length: 100 }, (_, n) => chat(n % 4));
    expect(new Set(await Promise.all(chats))).toEqual(new Set(["openai"]));
    await until(async () => ((await status()).openai.spent?.requests ?? 0) >= 100);
    expect((await status()).openai.spent).toMatchObject({ nano: 100 * COST, requests: 100 });
  });

  test("over 99 % of the requests are admitted without waiting for the owner", async () => {
    await start(script);
    // A new isolate knows nothing: its first request waits, and so does every other that comes meanwhile.
    for (const isolate of [0, 1]) await chat(isolate);
    for (let n = 0; n < 100; n++) {
      await Promise.all(Array.from({ length: 10 }, () => chat(n % 2)));
    }
    const isolates = [await status(0), await status(1)].map(({ openai }) => openai.isolate);
    const sum = (field: "admissions" | "waited") =>
      isolates.reduce((total, isolate) => total + isolate[field], 0);
    expect(sum("admissions")).toBe(1_002);
    expect(sum("waited") / sum("admissions")).toBeLessThan(0.01);
  });

  test("the owner writes the warm start of new isolates into KV", async () => {
    await start(script);
    const kv = await run.miniflare.getKVNamespace("STATE", "isolate-0");
    expect(await kv.get("telltale:=openai")).toBeNull();
    providers.moods.openai = "broken";
    for (let n = 0; n < 5; n++) await chat();
    await until(async () => {
      const [, text] = JSON.parse((await kv.get("telltale:=openai", "text")) ?? '["","{}"]');
      return JSON.parse(text).breakers?.chat.state === "open";
    });
  });

  test("both providers gone: a refusal that says when to come back", async () => {
    await start(script);
    providers.moods.openai = "broken";
    providers.moods.anthropic = "broken";
    for (let n = 0; n < 5; n++) expect(await chat()).toBe("503");
    await until(async () => {
      const { openai, anthropic } = await status();
      return [openai, anthropic].every(({ breakers }) => breakers.chat.state === "open");
    });
    const asked = { ...providers.calls };
    await run.fetch(1, "/chat", { prompt: "hello" });
    expect(providers.calls).toEqual(asked);
  });

  test("an operator holds a provider back, and who has no token sees nothing", async () => {
    await start(script);
    const act = (body: object) => run.fetch(0, "/control", { provider: "openai", ...body });
    const forced = { breaker: "chat", action: "forceOpen", reason: "maintenance" };
    expect((await act(forced)).status).toBe(200);
    expect(await chat(1)).toBe("anthropic");
    expect(await act({ breaker: "chat", action: "explode" })).toMatchObject({ status: 400 });
    expect((await act({ breaker: "chat", action: "reset" })).status).toBe(200);
    const worker = await run.miniflare.getWorker("isolate-0");
    expect((await worker.fetch("http://gateway/status")).status).toBe(404);
  });

  test("what was not deployed is not needed: no KV, and no token lets nobody in", async () => {
    const { ADMIN_TOKEN: _, ...bindings } = providers.settings;
    run = await WorkerdRun.start({
      script,
      isolates: 1,
      className: "ProviderObject",
      bindings,
      kvNamespaces: [],
    });
    expect(await chat()).toBe("openai");
    const worker = await run.miniflare.getWorker("isolate-0");
    for (const token of ["undefined", "", "null"]) {
      const headers = { authorization: `Bearer ${token}` };
      expect((await worker.fetch("http://gateway/status", { headers })).status).toBe(404);
    }
  });

  test("a request that is no JSON, or has no prompt, is refused and reaches no provider", async () => {
    await start(script, 1);
    const worker = await run.miniflare.getWorker("isolate-0");
    for (const body of ["{", "null", "{}", "[]"]) {
      const init = { method: "POST", body };
      expect((await worker.fetch("http://gateway/chat", init)).status).toBe(400);
    }
    expect(providers.calls).toEqual({ openai: 0, anthropic: 0 });
  });
});
