import { expect, test } from "vitest";
import {
  CircuitBreaker,
  errorKind,
  isPermanent,
  isTransient,
  permanent,
  refusalOf,
} from "../../src/index.ts";
import { BOOM, succeed } from "../support/breaker.ts";
import { httpError, networkError } from "../support/policies.ts";

async function refusal(): Promise<unknown> {
  const breaker = new CircuitBreaker("inner");
  breaker.forceOpen();
  return breaker.call(succeed).catch((thrown: unknown) => thrown);
}

const named = (name: string): Error => Object.assign(new Error(name), { name });

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
