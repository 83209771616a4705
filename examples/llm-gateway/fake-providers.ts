import { fakeServer } from "../fake-server.ts";

/** How a provider behaves. */
export type Mood = "well" | "broken" | "out of quota";

const USAGE = {
  openai: { prompt_tokens: 1_000, completion_tokens: 500 },
  anthropic: { input_tokens: 1_000, output_tokens: 500 },
};

/** Both providers on this machine, answering as the real ones do, with 1 000 tokens in and 500 out each time. */
export async function fakeProviders() {
  const moods = { openai: "well", anthropic: "well" } as Record<"openai" | "anthropic", Mood>;
  const calls = { openai: 0, anthropic: 0 };
  const server = await fakeServer((request, response) => {
    const name = request.url === "/openai" ? "openai" : "anthropic";
    calls[name]++;
    request.resume();
    const mood = moods[name];
    if (mood === "broken") {
      response.writeHead(500).end("internal error");
      return;
    }
    if (mood === "out of quota") {
      response.writeHead(429, { "retry-after": "300" }).end("{}");
      return;
    }
    const text = `an answer of ${name}`;
    const answer =
      name === "openai" ? { choices: [{ message: { content: text } }] } : { content: [{ text }] };
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ ...answer, usage: USAGE[name] }));
  });
  /** The bindings that lead the gateway here. */
  const settings = {
    OPENAI_URL: `${server.url}/openai`,
    OPENAI_KEY: "key",
    ANTHROPIC_URL: `${server.url}/anthropic`,
    ANTHROPIC_KEY: "key",
    ADMIN_TOKEN: "local",
  };
  return { moods, calls, settings, stop: () => server.stop() };
}
