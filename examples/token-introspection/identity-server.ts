import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

// The process of the identity server: token introspection as in RFC 7662, and moods that the story puts it in.

/** What the story tells this process. */
export type ToIdentity =
  | { readonly kind: "mood"; readonly mood: "well" | "slow" | "wrong" }
  | { readonly kind: "issue"; readonly token: string; readonly lifetimeS: number }
  | { readonly kind: "revoke"; readonly token: string };
/** What it answers. */
export type FromIdentity =
  | { readonly kind: "listening"; readonly port: number }
  | { readonly kind: "failed"; readonly why: string }
  | { readonly kind: "done" };

const SLOW_MS = 3_000;
const LIFETIME_S = 3_600;
const [port = "0", ...active] = process.argv.slice(2);
const { IDENTITY_CLIENT_ID: id = "", IDENTITY_CLIENT_SECRET: secret = "" } = process.env;
/** Every token that was issued, with the second in which it ends. */
const tokens = new Map<string, number>();
let mood: Extract<ToIdentity, { kind: "mood" }>["mood"] = "well";

const nowS = (): number => Math.floor(Date.now() / 1_000);
const issue = (token: string, lifetimeS: number): void =>
  void tokens.set(token, nowS() + lifetimeS);
for (const token of active) issue(token, LIFETIME_S);

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
/** RFC 6749, section 2.3.1. */
const expected = digest(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`);
/** Whoever could ask without would learn which tokens are good by trying them. RFC 7662, section 2.1. */
function isClient({ headers }: IncomingMessage): boolean {
  const [, pair] = /^Basic (\S+)$/i.exec(headers.authorization ?? "") ?? [];
  if (pair === undefined) return false;
  return timingSafeEqual(digest(Buffer.from(pair, "base64").toString()), expected);
}

async function tokenOf(request: IncomingMessage): Promise<string> {
  let form = "";
  for await (const chunk of request) form += chunk;
  return new URLSearchParams(form).get("token") ?? "";
}

async function introspect(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const token = await tokenOf(request);
  if (!isClient(request)) {
    response.writeHead(401, { "www-authenticate": 'Basic realm="introspection"' }).end();
    return;
  }
  if (mood === "slow") await sleep(SLOW_MS);
  const exp = tokens.get(token) ?? 0;
  const text =
    exp > nowS()
      ? JSON.stringify({ active: true, sub: token.replace(/-.*/, ""), scope: "orders:read", exp })
      : JSON.stringify({ active: false });
  response.setHeader("content-type", "application/json");
  // A proxy's error page, with status 200: an answer, but not to the question.
  response.end(mood === "wrong" ? "<html>Service temporarily unavailable</html>" : text);
}

const server = createServer((request, response) => {
  introspect(request, response).catch(() => response.destroy());
});
const tell = (message: FromIdentity): void => void process.send?.(message);
server.once("error", ({ message }) => tell({ kind: "failed", why: message }));
server.listen(Number(port), "127.0.0.1", () => {
  const address = server.address();
  if (typeof address === "object" && address !== null) {
    tell({ kind: "listening", port: address.port });
  }
});
process.on("message", (message: ToIdentity) => {
  switch (message.kind) {
    case "mood":
      ({ mood } = message);
      break;
    case "issue":
      issue(message.token, message.lifetimeS);
      break;
    case "revoke":
      tokens.delete(message.token);
  }
  tell({ kind: "done" });
});
process.on("disconnect", () => process.exit());
