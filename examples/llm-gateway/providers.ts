import type { Spend } from "../../src/quota/index.ts";
import type { OwnerOptions } from "../../src/workers/index.ts";

/** The bindings of the Worker, as wrangler.jsonc has them. */
export interface Settings {
  readonly OPENAI_URL: string;
  readonly OPENAI_KEY: string;
  readonly ANTHROPIC_URL: string;
  readonly ANTHROPIC_KEY: string;
  /** Who has it may look at `/status` and act by `/control`; without it nobody may. */
  readonly ADMIN_TOKEN?: string;
}

/** What a provider answered. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

/** One provider: how it is asked, and what its answer says. */
export interface Provider {
  readonly name: "openai" | "anthropic";
  readonly model: string;
  ask(settings: Settings, prompt: string): Promise<Answer>;
  text(answer: Answer): string;
  /** What an answer cost; null when it says nothing of tokens. */
  spend(answer: Answer): Spend | null;
}

const LIMIT_MS = 20_000;
const MOST_TOKENS = 1_024;

async function post(url: string, headers: Record<string, string>, body: object): Promise<Answer> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
    // Its TimeoutError counts as latency.
    signal: AbortSignal.timeout(LIMIT_MS),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: parsed(text) };
}

/** Gateways in between answer errors as HTML. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** What lies at a path of a value that came over the wire. */
function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  let held = value;
  for (const key of path) {
    if (typeof held !== "object" || held === null) return undefined;
    held = Reflect.get(held, key);
  }
  return held;
}

const count = (value: unknown): number => (Number.isSafeInteger(value) ? Number(value) : 0);

const openai: Provider = {
  name: "openai",
  model: "gpt-5",
  ask: ({ OPENAI_URL, OPENAI_KEY }, prompt) =>
    post(
      OPENAI_URL,
      { authorization: `Bearer ${OPENAI_KEY}` },
      {
        model: openai.model,
        max_completion_tokens: MOST_TOKENS,
        messages: [{ role: "user", content: prompt }],
      },
    ),
  text: ({ body }) => String(at(body, "choices", 0, "message", "content") ?? ""),
  spend({ body }) {
    const usage = at(body, "usage");
    if (usage === undefined) return null;
    const cachedInput = count(at(usage, "prompt_tokens_details", "cached_tokens"));
    const input = Math.max(0, count(at(usage, "prompt_tokens")) - cachedInput);
    const output = count(at(usage, "completion_tokens"));
    return { provider: "openai", model: openai.model, tokens: { input, cachedInput, output } };
  },
};

const anthropic: Provider = {
  name: "anthropic",
  model: "claude-sonnet-4-5",
  ask: ({ ANTHROPIC_URL, ANTHROPIC_KEY }, prompt) =>
    post(
      ANTHROPIC_URL,
      { "x-api-key": ANTHROPIC_KEY, "anthropic-version": "2023-06-01" },
      {
        model: anthropic.model,
        max_tokens: MOST_TOKENS,
        messages: [{ role: "user", content: prompt }],
      },
    ),
  text: ({ body }) => String(at(body, "content", 0, "text") ?? ""),
  spend({ body }) {
    const usage = at(body, "usage");
    if (usage === undefined) return null;
    const tokens = {
      input: count(at(usage, "input_tokens")),
      cachedInput: count(at(usage, "cache_read_input_tokens")),
      cacheWrite: count(at(usage, "cache_creation_input_tokens")),
      output: count(at(usage, "output_tokens")),
    };
    return { provider: "anthropic", model: anthropic.model, tokens };
  },
};

/** In the order in which they are asked. */
export const PROVIDERS: readonly Provider[] = [openai, anthropic];

/** USD per million tokens: look them up, and keep them up to date. */
const PRICES = {
  openai: { [openai.model]: { perMillion: { input: "1.25", cachedInput: "0.125", output: 10 } } },
  anthropic: {
    [anthropic.model]: {
      perMillion: { input: 3, cachedInput: "0.30", cacheWrite: "3.75", output: 15 },
    },
  },
} as const;

/** What the owner of a provider has. */
export function ownerOptions(provider: Provider["name"]): OwnerOptions {
  return {
    breakers: { chat: { failureThreshold: 5, latencyTripMs: 15_000, cooldownMs: 30_000 } },
    ledger: {
      prices: { [provider]: PRICES[provider] },
      budgets: [{ name: `${provider} a month`, provider, usdPerMonth: 500, hard: true }],
    },
  };
}
