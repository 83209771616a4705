import { DurableObject } from "cloudflare:workers";
import { classifyHttp } from "../../src/http/http-outcome.ts";
import { createEventBus } from "../../src/index.ts";
import { formatUsd } from "../../src/quota/index.ts";
import {
  connectOwner,
  createKvStore,
  type OwnedProvider,
  type OwnerConnection,
  type OwnerControl,
  ownerClass,
} from "../../src/workers/index.ts";
import { ownerOptions, PROVIDERS, type Provider, type Settings } from "./providers.ts";

// A gateway to two LLM providers, each behind a breaker, its quota and a budget. What is known of a provider is kept by
// its Durable Object, so that a new isolate, a deployment or a crash forgets neither an outage nor a dollar.

interface Env extends Settings {
  readonly PROVIDERS: DurableObjectNamespace<ProviderObject>;
  /** Only warms new isolates up: may be left out. */
  readonly STATE?: KVNamespace;
}

/** The Durable Object of a provider: `openai` and `anthropic` are one each. */
export class ProviderObject extends ownerClass(DurableObject<Env>, (env, name) => ({
  ...ownerOptions(name === "anthropic" ? "anthropic" : "openai"),
  ...warmStart(env),
  bus: told,
})) {}

// Everything below is made when the module is loaded, where Workers allow neither timers nor I/O.

/** What breakers and budgets do, as lines of the Worker's log. */
const told = createEventBus();
for (const family of ["circuit.*", "quota.*", "budget.*", "owner.*", "state.*"] as const) {
  told.on(family, (event) => {
    if (event.type !== "circuit.success") console.log(JSON.stringify(event));
  });
}

const connections = new Map<Provider["name"], OwnerConnection>(
  PROVIDERS.map(({ name }) => [name, connectOwner(name, { classify: classifyHttp, bus: told })]),
);

const warmStart = ({ STATE }: Env) =>
  STATE === undefined ? {} : { warmStart: createKvStore(STATE) };

function within(name: Provider["name"], env: Env, lifetime: ExecutionContext): OwnedProvider {
  const connection = connections.get(name);
  if (connection === undefined) throw new Error(`There is no provider ${name}`);
  return connection.within({
    namespace: env.PROVIDERS,
    lifetime,
    ...warmStart(env),
  });
}

/** Asks the providers in turn, until one answers. */
async function chat(request: Request, env: Env, lifetime: ExecutionContext): Promise<Response> {
  // What is no JSON has no prompt.
  const body = await request.json<{ prompt?: unknown } | null>().catch(() => null);
  const prompt = body?.prompt;
  if (typeof prompt !== "string") return new Response("prompt is missing", { status: 400 });
  const waits: number[] = [];
  for (const provider of PROVIDERS) {
    const { name, model, spend } = provider;
    const result = await within(name, env, lifetime).execute(
      "chat",
      () => provider.ask(env, prompt),
      { model, spend },
    );
    switch (result.outcome) {
      case "ok":
      case "latency": {
        const { value } = result;
        if (value.status === 200)
          return Response.json({ provider: name, text: provider.text(value) });
        // What a provider does not understand the next one would not either.
        if (value.status < 500 && value.status !== 429) {
          return new Response("the request was refused", { status: value.status });
        }
        break;
      }
      case "circuit-open":
        waits.push(result.retryAfterMs ?? 60_000);
        break;
      case "error":
        break;
    }
  }
  const seconds = Math.ceil(Math.min(10_000, ...waits) / 1_000);
  const headers = { "retry-after": `${Math.max(1, seconds)}` };
  return new Response("no provider answers", { status: 503, headers });
}

/** What the owners know, and what this isolate had to ask them. */
async function status(env: Env, lifetime: ExecutionContext): Promise<Response> {
  const providers = await Promise.all(
    PROVIDERS.map(async ({ name }) => {
      const held = await within(name, env, lifetime).status();
      const usd = held.spent === null ? "unknown" : formatUsd(held.spent.nano);
      return [name, { ...held, usd, isolate: connections.get(name)?.stats }];
    }),
  );
  return Response.json(Object.fromEntries(providers));
}

/** An operator: `{ "provider": "openai", "breaker": "chat", "action": "forceOpen", "reason": "maintenance" }`. */
async function control(request: Request, env: Env, lifetime: ExecutionContext): Promise<Response> {
  // The owner checks what it is asked for.
  type Asked = OwnerControl & { provider?: unknown };
  const body = await request.json<Asked | null>().catch(() => null);
  if (body === null) return new Response("no JSON", { status: 400 });
  const { provider, ...asked } = body;
  const known = PROVIDERS.find(({ name }) => name === provider);
  if (known === undefined) return new Response("no such provider", { status: 404 });
  try {
    return Response.json(await within(known.name, env, lifetime).control(asked));
  } catch (error) {
    return new Response(error instanceof Error ? error.message : "refused", { status: 400 });
  }
}

export default {
  async fetch(request: Request, env: Env, lifetime: ExecutionContext): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/chat" && request.method === "POST") return chat(request, env, lifetime);
    // A secret that was never put is undefined, and lets nobody in.
    const isOperator = request.headers.get("authorization") === `Bearer ${env.ADMIN_TOKEN}`;
    if (!env.ADMIN_TOKEN || !isOperator) {
      return new Response("not found", { status: 404 });
    }
    if (pathname === "/status") return status(env, lifetime);
    if (pathname === "/control" && request.method === "POST") {
      return control(request, env, lifetime);
    }
    return new Response("not found", { status: 404 });
  },
};
