import { expect, test } from "vitest";
import {
  CircuitBreaker,
  errorKind,
  isPermanent,
  isTransient,
  permanent,
  refusalOf,
  TimeoutError,
} from "../../src/index.ts";
import { BOOM, succeed } from "../support/breaker.ts";
import { httpError, networkError } from "../support/policies.ts";

async function refusal(): Promise<unknown> {
  const breaker = new CircuitBreaker("inner");
  breaker.forceOpen();
  return breaker.call(succeed).catch((thrown: unknown) => thrown);
}

const named = (name: string): Error => Object.assign(new Error(name), { name });

/** An error of the network that came after the head of a response. */
const broken = (code: string, statusCode = 200): Error =>
  Object.assign(networkError(code), { response: { statusCode } });

test.each([
  ["an error without a sign", BOOM, "unknown"],
  ["a string", "boom", "unknown"],
  ["undefined", undefined, "unknown"],
  ["a programming error", new TypeError("x is not a function"), "unknown"],
  ["a TimeoutError", named("TimeoutError"), "timeout"],
  ["the reason of AbortSignal.timeout", new DOMException("late", "TimeoutError"), "timeout"],
  ["an AbortError", new DOMException("gone", "AbortError"), "cancelled"],
  ["a cancelled request of axios", networkError("ERR_CANCELED"), "cancelled"],
  ["a connection that was refused", networkError("ECONNREFUSED", "connect"), "unsent"],
  ["a name that was not found", networkError("ENOTFOUND", "getaddrinfo"), "unsent"],
  ["a connect that timed out", networkError("ETIMEDOUT", "connect"), "unsent"],
  ["an unreachable host at connect", networkError("EHOSTUNREACH", "connect"), "unsent"],
  ["an unreachable host later", networkError("EHOSTUNREACH"), "transient"],
  ["a reset connection", networkError("ECONNRESET"), "transient"],
  ["a closed socket of undici", networkError("UND_ERR_SOCKET"), "transient"],
  ["a connect timeout of undici", networkError("UND_ERR_CONNECT_TIMEOUT"), "unsent"],
  ["an expired certificate", networkError("CERT_HAS_EXPIRED"), "permanent"],
  ["a wrong address", networkError("ERR_INVALID_URL"), "permanent"],
  [
    "a wrong address that fetch was given",
    new TypeError("Failed to parse URL from x", { cause: networkError("ERR_INVALID_URL") }),
    "permanent",
  ],
  [
    "a wrong address that a server redirected to",
    new TypeError("fetch failed", { cause: networkError("ERR_INVALID_URL") }),
    "transient",
  ],
  ["an unknown code", networkError("ERR_ASSERTION"), "unknown"],
  [
    "a failed fetch",
    new TypeError("fetch failed", { cause: networkError("ECONNREFUSED", "connect") }),
    "unsent",
  ],
  [
    "a fetch that failed for every address",
    new TypeError("fetch failed", {
      cause: new AggregateError([networkError("ECONNREFUSED", "connect")]),
    }),
    "unsent",
  ],
  ["HTTP 404 as status", httpError(404), "permanent"],
  ["HTTP 503 as statusCode", Object.assign(new Error("x"), { statusCode: 503 }), "transient"],
  [
    "HTTP 429 in a response",
    Object.assign(new Error("x"), { response: { status: 429 } }),
    "unsent",
  ],
  [
    "HTTP 500 in a response of got",
    Object.assign(new Error("x"), { response: { statusCode: 500 } }),
    "transient",
  ],
  ["HTTP 302", httpError(302), "unknown"],
  ["a status that is none", httpError(7), "unknown"],
  ["a body of got that broke off", broken("ECONNRESET"), "transient"],
  [
    "a body of got that was shorter than announced",
    broken("ERR_HTTP_CONTENT_LENGTH_MISMATCH"),
    "transient",
  ],
  [
    "a body of undici that was shorter than announced",
    networkError("UND_ERR_RES_CONTENT_LENGTH_MISMATCH"),
    "transient",
  ],
  [
    "a redirect to a host that refuses: the request was sent",
    broken("ECONNREFUSED", 302),
    "transient",
  ],
  [
    "a response that axios finds bad: broken off, or too long",
    broken("ERR_BAD_RESPONSE"),
    "unknown",
  ],
  ["HTTP 404 with a body that broke off", broken("ECONNRESET", 404), "permanent"],
])("errorKind(): %s is %s", (_, error, kind) => {
  expect(errorKind(error)).toBe(kind);
  const passes = ["unsent", "timeout", "transient", "refused"].includes(kind);
  expect(isTransient(error)).toBe(passes);
});

test("errorKind() of a refusal is refused, also below a RetryError", async () => {
  const refused = await refusal();
  expect(errorKind(refused)).toBe("refused");
  expect(refusalOf(refused)).toBe(refused);
  expect(refusalOf(BOOM)).toBeUndefined();
});

/** The end of a limit that waited for its function, which threw `cause`. */
const afterLimit = (cause: unknown): TimeoutError =>
  new TimeoutError({
    policy: "search",
    limitMs: 100,
    abandoned: false,
    thrown: { value: cause },
  });

test.each([
  ["an error that was marked", "permanent", () => permanent(new Error("revoked"))],
  ["HTTP 404", "permanent", () => httpError(404)],
  ["a limit of its own", "permanent", () => afterLimit(permanent(new Error("revoked")))],
  ["HTTP 503", "timeout", () => httpError(503)],
  ["an error without a sign", "timeout", () => BOOM],
  ["an AbortError", "timeout", () => new DOMException("gone", "AbortError")],
  ["undefined", "timeout", () => undefined],
])("errorKind() of a limit after which %s was thrown is %s", (_, kind, cause) => {
  expect(errorKind(afterLimit(cause()))).toBe(kind);
});

test("errorKind() of a limit that waited for nobody is timeout, whatever was thrown before", () => {
  const thrown = { value: httpError(404) };
  const late = new TimeoutError({ policy: "search", limitMs: 100, abandoned: true, thrown });
  expect(errorKind(late)).toBe("timeout");
  expect(late.cause).toBe(thrown.value);
});

test("errorKind() of a limit that is its own cause is timeout", () => {
  const late = afterLimit(BOOM);
  Object.defineProperty(late, "cause", { value: late });
  expect(errorKind(late)).toBe("timeout");
});

test("errorKind() of another's TimeoutError is timeout, whatever its cause", () => {
  const late = Object.assign(new Error("late", { cause: httpError(404) }), {
    name: "TimeoutError",
  });
  expect(errorKind(late)).toBe("timeout");
});

test("errorKind() does not fail for what cannot be read", () => {
  const unreadable = new Proxy(new Error("x"), {
    get() {
      throw BOOM;
    },
  });
  expect(errorKind(unreadable)).toBe("unknown");
  const circular: { cause?: unknown } = {};
  circular.cause = circular;
  expect(errorKind(circular)).toBe("unknown");
});

test("permanent() marks an error and returns it as it was", () => {
  const error = Object.freeze(new Error("gone"));
  expect(isPermanent(error)).toBe(false);
  expect(permanent(error)).toBe(error);
  expect(isPermanent(error)).toBe(true);
  expect(Object.getOwnPropertyNames(error)).not.toContain("permanent");
  expect(errorKind(error)).toBe("permanent");
  const reset = permanent(networkError("ECONNRESET"));
  expect(errorKind(reset)).toBe("permanent");
});

test("permanent() wraps a value that is no object", () => {
  const error = permanent("gone");
  expect(error).toBeInstanceOf(Error);
  expect(error).toMatchObject({ message: "gone", cause: "gone" });
  expect(isPermanent(error)).toBe(true);
  expect(isPermanent("gone")).toBe(false);
  expect(isPermanent(undefined)).toBe(false);
});
