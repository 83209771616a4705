import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createEventBus } from "../../src/index.ts";
import { endWithReader } from "../end-with-reader.ts";
import { IdentityGone, IdentityProcess } from "./identity-process.ts";
import { tokenIntrospection } from "./introspection.ts";
import { resourceService } from "./resource-service.ts";

// A resource service that goes on working while its identity server is slow, wrong and dead. Exits with 1 when a request
// with a known token failed, or one with an unknown token passed.

const KNOWN = ["alice-1", "bob-2", "carol-3"];
const ROUNDS = 30;

/** Without its identity server the story cannot go on. */
function endWith(error: unknown): never {
  if (!(error instanceof IdentityGone)) throw error;
  console.error(error.message);
  process.exit(1);
}

endWithReader();
const bus = createEventBus();
const credentials = { id: "orders-service", secret: randomBytes(32).toString("base64url") };
const identity = new IdentityProcess(credentials);
await identity.start(...KNOWN).catch(endWith);
const { introspect } = tokenIntrospection({
  url: `http://127.0.0.1:${identity.port}`,
  credentials,
  bus,
  maxAgeMs: 30_000,
  staleWhileOpenMs: 30_000,
});
const service = await resourceService(introspect);

const say = (line: string): void => console.log(line);
let served = { count: 0, oldestMs: 0 };
bus.on("circuit.open", ({ reason, consecutiveFailures, error }) => {
  const code = error?.code === undefined ? "" : `, ${error.code}`;
  say(`  breaker opens: ${reason}, ${consecutiveFailures} in a row (${error?.message}${code})`);
});
bus.on("circuit.close", ({ mttrMs, skipsInIncident }) =>
  say(`  breaker closes after ${Math.round(mttrMs ?? 0)} ms, ${skipsInIncident} calls refused`),
);
bus.on("fallback.served", ({ ageMs }) => {
  served = { count: served.count + 1, oldestMs: Math.max(served.oldestMs, ageMs ?? 0) };
});

let failedKnown = 0;
let passedUnknown = 0;
const request = async (token: string): Promise<number> => {
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(`${service.url}/orders`, { headers });
  await response.arrayBuffer();
  return response.status;
};

/** Known and unknown tokens come in, and the phase says what became of them. */
async function phase(title: string, known: readonly string[], unknown: string): Promise<void> {
  say(title);
  served = { count: 0, oldestMs: 0 };
  const statuses = new Map<string, number>();
  const count = (who: string, status: number): void => {
    const key = `${who} ${status}`;
    statuses.set(key, (statuses.get(key) ?? 0) + 1);
  };
  for (let round = 0; round < ROUNDS; round++) {
    await Promise.all([
      ...known.map(async (token) => {
        const status = await request(token);
        count("known", status);
        if (status !== 200) failedKnown++;
      }),
      request(unknown).then((status) => {
        count("unknown", status);
        if (status === 200) passedUnknown++;
      }),
    ]);
    await sleep(10);
  }
  const summary = [...statuses]
    .sort()
    .map(([key, times]) => `${key}: ${times}`)
    .join(", ");
  say(`  ${summary}; from the cache: ${served.count}, oldest ${Math.round(served.oldestMs)} ms`);
}

async function story(): Promise<boolean> {
  // A token is known once the identity server has called it good.
  for (const token of KNOWN) while ((await request(token)) !== 200) await sleep(50);
  await phase("The identity server is well", KNOWN, "mallory-1");
  await identity.tell({ kind: "mood", mood: "slow" });
  await phase("It goes slow", KNOWN, "mallory-2");
  await identity.tell({ kind: "mood", mood: "wrong" });
  await phase("It answers with error pages of status 200", KNOWN, "mallory-3");
  await identity.kill();
  await phase("It is dead", KNOWN, "mallory-4");
  await identity.start(...KNOWN);
  // The breaker finds out by a probe.
  while ((await introspect("alice-1")).ageMs > 0) await sleep(50);
  await phase("It is back", KNOWN, "mallory-5");

  await identity.tell({ kind: "revoke", token: "bob-2" });
  const whileWell = await request("bob-2");
  await identity.tell({ kind: "issue", token: "dave-4", lifetimeS: 3 });
  const fresh = await introspect("dave-4");
  await identity.kill();
  const [alice, bob] = [await request("alice-1"), await request("bob-2")];
  say(
    `bob's token is revoked: ${whileWell}; the identity server dies again: alice ${alice}, bob ${bob}`,
  );
  while (Date.now() < (fresh.token.exp ?? 0) * 1_000) await sleep(50);
  const [still, dave] = [await request("alice-1"), await request("dave-4")];
  say(`dave's token expires meanwhile: alice ${still}, dave ${dave}`);

  say(
    `failed requests of known tokens: ${failedKnown}; passed requests of unknown ones: ${passedUnknown}`,
  );
  const kept = failedKnown === 0 && passedUnknown === 0 && alice === 200 && still === 200;
  return kept && whileWell === 401 && bob !== 200 && dave === 401;
}

process.exitCode = (await story().catch(endWith)) ? 0 : 1;
await identity.kill();
await service.stop();
