import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

// The process of the identity server: token introspection as in RFC 7662, and moods that the story puts it in.

/** What the story tells this process. */
export type ToIdentity =
  | { readonly kind: "mood"; readonly mood: "well" | "slow" | "wrong" }
  | { readonly kind: "revoke"; readonly token: string };
/** What it answers. */
export type FromIdentity =
  | { readonly kind: "listening"; readonly port: number }
  | { readonly kind: "done" };

const SLOW_MS = 3_000;
const [port = "0", ...active] = process.argv.slice(2);
const tokens = new Set(active);
let mood: Extract<ToIdentity, { kind: "mood" }>["mood"] = "well";

async function tokenOf(request: IncomingMessage): Promise<string> {
  let form = "";
  for await (const chunk of request) form += chunk;
  return new URLSearchParams(form).get("token") ?? "";
}

async function introspect(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const token = await tokenOf(request);
  if (mood === "slow") await sleep(SLOW_MS);
  // A proxy's error page, with status 200: an answer, but not to the question.
  const text = tokens.has(token)
    ? JSON.stringify({ active: true, sub: token.replace(/-.*/, ""), scope: "orders:read" })
    : JSON.stringify({ active: false });
  response.setHeader("content-type", "application/json");
  response.end(mood === "wrong" ? "<html>Service temporarily unavailable</html>" : text);
}

const server = createServer((request, response) => {
  introspect(request, response).catch(() => response.destroy());
});
const tell = (message: FromIdentity): void => void process.send?.(message);
server.listen(Number(port), "127.0.0.1", () => {
  const address = server.address();
  if (typeof address === "object" && address !== null) {
    tell({ kind: "listening", port: address.port });
  }
});
process.on("message", (message: ToIdentity) => {
  if (message.kind === "mood") ({ mood } = message);
  else tokens.delete(message.token);
  tell({ kind: "done" });
});
process.on("disconnect", () => process.exit());
