import Anthropic from "@anthropic-ai/sdk";
import { guardFetch } from "../src/http/index.ts";
import { CircuitBreaker, isCircuitOpenError } from "../src/index.ts";
import { fakeServer } from "./fake-server.ts";

// As with OpenAI's SDK. 529 says that the provider is overloaded; a slow stream is no slow provider, because only the
// time to the head is measured.

type Mood = "well" | "slow stream" | "overloaded";
let mood: Mood = "well";
const send = (event: { readonly type: string } & Record<string, unknown>): string =>
  `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
const begin = send({
  type: "message_start",
  message: {
    id: "m",
    type: "message",
    role: "assistant",
    model: "claude",
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { input_tokens: 1, output_tokens: 1 },
  },
});
const block = send({
  type: "content_block_start",
  index: 0,
  content_block: { type: "text", text: "" },
});
const delta = (text: string): string =>
  send({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text } });
const end = [
  send({ type: "content_block_stop", index: 0 }),
  send({
    type: "message_delta",
    delta: { stop_reason: "end_turn", stop_sequence: null },
    usage: { output_tokens: 2 },
  }),
  send({ type: "message_stop" }),
].join("");
const server = await fakeServer((_, response) => {
  if (mood === "overloaded") {
    response.writeHead(529, { "content-type": "application/json", "retry-after": "7" });
    response.end(
      JSON.stringify({ type: "error", error: { type: "overloaded_error", message: "Overloaded" } }),
    );
    return;
  }
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(begin + block + delta("Hello"));
  const rest = delta(", world") + end;
  if (mood === "well") response.end(rest);
  else setTimeout(() => response.end(rest), 800);
});

const breaker = new CircuitBreaker("anthropic", { failureThreshold: 2, latencyTripMs: 700 });
const client = new Anthropic({
  apiKey: "none",
  baseURL: server.url,
  maxRetries: 0,
  fetch: guardFetch(fetch, { breaker }),
});

async function say(): Promise<void> {
  try {
    const message = await client.messages
      .stream({
        model: "claude",
        max_tokens: 9,
        messages: [{ role: "user", content: "Say hello" }],
      })
      .finalText();
    console.log(`${message} (${breaker.stats.calls.latency} slow)`);
  } catch (error) {
    const about = error instanceof Error ? (error.cause ?? error) : error;
    if (isCircuitOpenError(about)) {
      console.log(`refused: again in ${Math.ceil((about.retryAfterMs ?? 0) / 1000)} s`);
    } else if (error instanceof Anthropic.APIError) console.log(`answered ${error.status}`);
    else throw error;
  }
}

const moods: readonly Mood[] = ["well", "slow stream", "overloaded", "overloaded", "well"];
for (mood of moods) await say();
server.stop();
