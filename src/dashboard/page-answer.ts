import { pageAsset } from "./page-asset.ts";
import type { PageConfig } from "./page-config.ts";

/** A whole answer. */
export interface TextAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What holds for everything that the page is made of. */
const GUARDS = {
  "cache-control": "no-cache",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
} as const;

/** The page itself, or what it is told when it begins: `config`. */
export async function pageAnswer(
  asked: string,
  method: string,
  config: PageConfig,
): Promise<TextAnswer> {
  if (method !== "GET" && method !== "HEAD") {
    return plain(405, "Use GET\n", { allow: "GET, HEAD" });
  }
  if (asked === "config") {
    const headers = { ...GUARDS, "content-type": "application/json" };
    return { status: 200, headers, body: method === "HEAD" ? "" : JSON.stringify(config) };
  }
  if (asked !== "") return plain(404, "There is nothing of that name here\n");
  const { html, scriptHash, styleHash } = await pageAsset();
  const policy = [
    "default-src 'none'",
    `script-src ${scriptHash}`,
    `style-src ${styleHash}`,
    "connect-src 'self'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join("; ");
  return {
    status: 200,
    headers: {
      ...GUARDS,
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": policy,
      "cross-origin-opener-policy": "same-origin",
      "x-frame-options": "DENY",
    },
    body: method === "HEAD" ? "" : html,
  };
}

/** An answer of one line of text. */
export const plain = (
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): TextAnswer => ({
  status,
  headers: { ...GUARDS, "content-type": "text/plain; charset=utf-8", ...headers },
  body,
});
