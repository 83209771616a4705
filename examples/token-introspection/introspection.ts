import { createHash } from "node:crypto";
import {
  CircuitBreaker,
  type Clock,
  type EventBus,
  fallback,
  permanent,
  pipeline,
  ratioBudget,
  retry,
  timeout,
} from "../../src/index.ts";

/** What the identity server says of a token that is good. RFC 7662, section 2.2. */
export interface ActiveToken {
  readonly active: true;
  readonly sub: string;
  readonly scope: string;
  /** When it ends, in seconds since 1970; null when its issuer does not say, NaN when that cannot be read. */
  readonly exp: number | null;
}

/** What a resource service learns of a token, and how old that is. */
export interface Introspected {
  readonly token: ActiveToken;
  /** 0 when the identity server said so just now. */
  readonly ageMs: number;
}

/** The token is not, or no longer, good: the identity server says so, or said until when it would be. */
export class InactiveToken extends Error {
  override readonly name = "InactiveToken";
}

export interface IntrospectionOptions {
  /** The identity server: `https:` wherever it is not on this machine, because tokens and credentials go there. */
  readonly url: string;
  /** What this service shows the identity server, which must not tell strangers about tokens. RFC 7662, section 2.1. */
  readonly credentials: ClientCredentials;
  readonly bus: EventBus;
  /** How old a result may be that is served while the identity server fails. */
  readonly maxAgeMs: number;
  /** How much older from when the breaker opens until one is answered, because the outage is known then. */
  readonly staleWhileOpenMs: number;
  readonly clock?: Clock;
}

/** Who this service is to the identity server. */
export interface ClientCredentials {
  readonly id: string;
  readonly secret: string;
}

/**
 * Asks the identity server about each token, and lives on what it said last while it fails.
 *
 * The bound on revoked tokens: while the identity server answers, a revoked token is refused at once, and its last
 * result is forgotten, so that no later outage brings it back. A token that is revoked during an outage, which nobody
 * can know of, is served at most `maxAgeMs + staleWhileOpenMs` after the identity server last called it good; and never
 * beyond the `exp` that the identity server gave it.
 */
export function tokenIntrospection(options: IntrospectionOptions) {
  const { bus, maxAgeMs, staleWhileOpenMs, clock } = options;
  const ask = inquiry(options);
  const nowMs = (): number => clock?.epochMs() ?? Date.now();
  const shared = clock === undefined ? { bus } : { bus, clock };
  const breaker = new CircuitBreaker("identity", {
    ...shared,
    failureThreshold: 3,
    cooldownMs: 250,
    // That a token is not good is an answer.
    classify: (call) => (!call.ok && call.error instanceof InactiveToken ? "success" : undefined),
  });
  const policy = pipeline(
    fallback<ActiveToken>("identity", {
      ...shared,
      fail: "closed", // a token that nobody vouches for is not let in
      cache: { maxAgeMs, staleWhileOpenMs, maxEntries: 10_000 },
      serveOn: { error: (error) => !(error instanceof InactiveToken) },
    }),
    retry("identity", {
      ...shared,
      attempts: 2,
      backoff: { initialMs: 10, maxMs: 50 },
      maxRetryAfterMs: 0, // nobody waits for an open breaker: the last result is at hand
      budget: ratioBudget({ ratio: 0.1 }),
    }),
    breaker,
    timeout("identity", { ...shared, limitMs: 750 }),
  );
  return {
    breaker,
    async introspect(token: string): Promise<Introspected> {
      // Of the token itself only a hash is kept.
      const key = createHash("sha256").update(token).digest("base64url");
      const result = await policy.execute((signal) => ask(token, signal), { key });
      switch (result.outcome) {
        case "ok":
          return { token: result.value, ageMs: 0 };
        case "fallback":
          // RFC 7662, section 4: an answer must not be used from a cache beyond the time that it names.
          refuseExpired(result.value, nowMs());
          return { token: result.value, ageMs: result.ageMs ?? 0 };
        case "circuit-open":
        case "error":
          throw result.error;
      }
    },
  };
}

/** Makes the function that asks the identity server about one token. */
function inquiry({ url, credentials: { id, secret } }: IntrospectionOptions) {
  // RFC 6749, section 2.3.1: both are encoded as in a form before they are joined.
  const pair = `${encodeURIComponent(id)}:${encodeURIComponent(secret)}`;
  const headers = { accept: "application/json", authorization: `Basic ${btoa(pair)}` };
  return async (token: string, signal: AbortSignal): Promise<ActiveToken> => {
    const response = await fetch(`${url}/introspect`, {
      method: "POST",
      body: new URLSearchParams({ token, token_type_hint: "access_token" }),
      headers,
      signal,
      // No answer, and not followed: it could hand the token to another host, or lead to an address that is none, which
      // would count as permanent.
      redirect: "manual",
    });
    return tokenIn(await response.text(), response);
  };
}

function tokenIn(text: string, { ok, status, headers }: Response): ActiveToken {
  if (!ok) {
    // Whatever it says is not about the token: 401 is about this service's own credentials, 404 comes from a proxy. As
    // the `status` of an error they would count as permanent, and the last result of the token would be forgotten.
    throw Object.assign(new Error(`The identity server answered ${status}`), { headers });
  }
  const answer = parsed(text);
  if (answer.active !== true) throw permanent(new InactiveToken("The token is not active"));
  const { sub, scope, exp } = answer;
  return { active: true, sub: String(sub ?? ""), scope: String(scope ?? ""), exp: endOf(exp) };
}

function endOf(exp: unknown): number | null {
  if (exp === undefined || exp === null) return null;
  return Number.isFinite(exp) ? Number(exp) : Number.NaN;
}

/** Refuses a result that is served from the cache, unless its token is known to be good for longer. */
function refuseExpired({ exp }: ActiveToken, nowMs: number): void {
  if (exp === null || nowMs < exp * 1_000) return;
  throw new InactiveToken(
    Number.isNaN(exp)
      ? "The token was good, and its exp does not say for how long"
      : "The token has expired",
  );
}

interface Answer {
  readonly active: boolean;
  readonly sub?: unknown;
  readonly scope?: unknown;
  readonly exp?: unknown;
}

/** An answer without `active` is none: were it taken for "not active", a broken proxy would lock everybody out. */
function parsed(text: string): Answer {
  const answer: unknown = JSON.parse(text);
  if (typeof answer === "object" && answer !== null && "active" in answer) {
    const { active } = answer;
    if (typeof active === "boolean") return { ...answer, active };
  }
  throw new SyntaxError("The identity server gave no answer to the question");
}
