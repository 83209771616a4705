import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WorkerdRun } from "./gateway-run.ts";
import { bundleWorker } from "./worker.ts";

const SCRIPT = `
  import { DurableObject } from "cloudflare:workers";
  import { connectOwner, ownerClass } from "./src/workers/index.ts";

  export class Owner extends ownerClass(DurableObject, () => ({
    breakers: { chat: {} },
    ledger: { prices: {} },
  })) {}

  const owner = connectOwner("money");
  export default {
    async fetch(request, env, ctx) {
      const provider = owner.within({ namespace: env.PROVIDERS, lifetime: ctx });
      if (request.method === "GET") return Response.json(await provider.status());
      const { id } = await request.json();
      const spend = { provider: "openai", model: "gpt-5", usd: "0.000001", id };
      return Response.json(await provider.spend(spend));
    },
  };
`;
const ISOLATES = 3;
const ROUNDS = 4;
const NANO = 1_000;

let script: string;
let folder: string;

beforeAll(async () => {
  script = await bundleWorker(SCRIPT);
  folder = await mkdtemp(join(tmpdir(), "telltale-spends-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const start = () => WorkerdRun.start({ script, isolates: ISOLATES, folder, className: "Owner" });

async function spentOf(run: WorkerdRun): Promise<{ nano: number; requests: number }> {
  return JSON.parse((await run.fetch(0, "/")).text).spent;
}

describe("spends of several isolates in the real workerd", { timeout: 240_000 }, () => {
  test("trap 56: kill -9 loses none that was acknowledged, and none that is sent again counts twice", async () => {
    const sent = new Set<string>();
    const acknowledged = new Set<string>();
    for (let round = 0; round < ROUNDS; round++) {
      const run = await start();
      // What nobody acknowledged is sent again, and so is some of what somebody did.
      const again = [...sent].filter((id) => !acknowledged.has(id) || id.endsWith("7"));
      const fresh = Array.from({ length: 60 }, (_, n) => `${round}-${n}`);
      const killAt = acknowledged.size + 5 + round * 13;
      let killed: Promise<void> | null = null;
      const send = async (id: string, n: number): Promise<void> => {
        sent.add(id);
        try {
          const { text } = await run.fetch(n % ISOLATES, "/", { id });
          if (text === "true") acknowledged.add(id);
        } catch {
          // It was killed before it could answer: whether the spend was recorded is what nobody knows.
        }
        if (acknowledged.size >= killAt) killed ??= run.kill();
      };
      for (const [n, id] of again.entries()) await send(id, n);
      await Promise.all(fresh.map(send));
      await (killed ?? run.stop());
    }
    const run = await start();
    const stored = await spentOf(run);
    expect(stored.requests).toBeGreaterThanOrEqual(acknowledged.size);
    expect(stored.requests).toBeLessThanOrEqual(sent.size);
    // Each one that was acknowledged is there: sent again, it adds nothing.
    await Promise.all([...acknowledged].map((id, n) => run.fetch(n % ISOLATES, "/", { id })));
    expect(await spentOf(run)).toEqual(stored);
    await Promise.all([...sent].map((id, n) => run.fetch(n % ISOLATES, "/", { id })));
    expect(await spentOf(run)).toMatchObject({ nano: sent.size * NANO, requests: sent.size });
    expect(acknowledged.size).toBeGreaterThan(20);
    await run.stop();
  });
});
