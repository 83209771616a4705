import { mkdirSync } from "node:fs";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Miniflare } from "miniflare";
import { endWithReader } from "../end-with-reader.ts";
import { bundleGateway } from "./bundle.ts";
import { fakeProviders } from "./fake-providers.ts";
import { localOptions } from "./local-options.ts";

// The gateway in the real workerd, with two providers on this machine: `npm run gateway`.
// With `-- --exit` it tells a short story and ends; otherwise it serves until it is stopped.

endWithReader();
const { host, port, isStory } = await localOptions();
const providers = await fakeProviders();
const folder = fileURLToPath(new URL(".state/", import.meta.url));
if (!isStory) mkdirSync(folder, { recursive: true });

const gateway = new Miniflare({
  modules: true,
  script: await bundleGateway(),
  compatibilityDate: "2026-07-01",
  bindings: providers.settings,
  durableObjects: { PROVIDERS: { className: "ProviderObject", useSQLite: true } },
  kvNamespaces: ["STATE"],
  // What the providers' objects know is kept from one start to the next.
  ...(isStory ? {} : { durableObjectsPersist: folder, kvPersist: folder }),
  cf: false,
  host,
  port,
  // The story is told here; a gateway that serves logs what its breakers do.
  handleRuntimeStdio: (stdout: Readable, stderr: Readable) => {
    if (isStory) stdout.resume();
    else stdout.pipe(process.stdout);
    stderr.pipe(process.stderr);
  },
});
const url = await gateway.ready;

async function ask(prompt: string): Promise<string> {
  const body = JSON.stringify({ prompt });
  const response = await fetch(new URL("/chat", url), { method: "POST", body });
  return `${response.status} ${await response.text()}`;
}

async function spent(): Promise<string> {
  const headers = { authorization: `Bearer ${providers.settings.ADMIN_TOKEN}` };
  const response = await fetch(new URL("/status", url), { headers });
  const status: Record<string, { usd: string; breakers: { chat: { state: string } } }> = JSON.parse(
    await response.text(),
  );
  return Object.entries(status)
    .map(([name, { usd, breakers }]) => `${name}: $${usd}, ${breakers.chat.state}`)
    .join("; ");
}

if (isStory) {
  console.log(await ask("hello"));
  providers.moods.openai = "broken";
  for (let n = 0; n < 5; n++) await ask("hello");
  console.log("openai is broken:", await ask("hello"));
  // Reports are sent after the response: what the last call cost may be under way.
  const told = "openai: $0.00625, open; anthropic: $0.063, closed";
  for (let n = 0; n < 500 && (await spent()) !== told; n++) await sleep(10);
  console.log(await spent());
  await gateway.dispose();
  providers.stop();
} else {
  console.log(`The gateway listens at ${url}`);
  console.log(`  curl ${new URL("/chat", url)} -d '{"prompt":"hello"}'`);
  console.log(`  curl ${new URL("/status", url)} -H 'authorization: Bearer local'`);
}
