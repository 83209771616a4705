import OpenAI from "openai";
import { guardFetch } from "../src/http/index.ts";
import { CircuitBreaker, isCircuitOpenError } from "../src/index.ts";
import { fakeServer } from "./fake-server.ts";

// The SDK takes a `fetch` of your own. Its retries are turned off, or each call would be three for the breaker, and
// refusals would be tried again.

type Mood = "well" | "limited" | "broken stream";
let mood: Mood = "well";
const chunk = (text: string): string =>
  `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", choices: [{ index: 0, delta: { content: text } }] })}\n\n`;
const server = await fakeServer((_, response) => {
  if (mood === "limited") {
    response.writeHead(429, { "content-type": "application/json", "retry-after": "12" });
    response.end(JSON.stringify({ error: { message: "rate limit", type: "rate_limit" } }));
    return;
  }
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(chunk("Hello"));
  if (mood === "well") response.end(`${chunk(", world")}data: [DONE]\n\n`);
  else setTimeout(() => response.destroy(), 20);
});

const breaker = new CircuitBreaker("openai", { failureThreshold: 2, latencyTripMs: 30_000 });
breaker.on("circuit.failure", ({ error }) => console.log(`  failure: ${error?.message}`));
const client = new OpenAI({
  apiKey: "none",
  baseURL: server.url,
  maxRetries: 0,
  fetch: guardFetch(fetch, { breaker }),
});

async function say(): Promise<void> {
  let text = "";
  try {
    const stream = await client.chat.completions.create({
      model: "gpt",
      messages: [{ role: "user", content: "Say hello" }],
      stream: true,
    });
    for await (const part of stream) text += part.choices[0]?.delta.content ?? "";
    console.log(text);
  } catch (error) {
    const about = error instanceof Error ? (error.cause ?? error) : error;
    if (isCircuitOpenError(about)) {
      console.log(`refused: again in ${Math.ceil((about.retryAfterMs ?? 0) / 1000)} s`);
    } else if (error instanceof OpenAI.APIError) console.log(`answered ${error.status}`);
    else console.log(`broke after "${text}"`);
  }
}

const moods: readonly Mood[] = ["well", "broken stream", "limited", "well"];
for (mood of moods) await say();
server.stop();
