import { expect, test } from "vitest";
import { fallback, permanent } from "../../src/index.ts";
import { networkError, surroundings } from "../support/policies.ts";

const reset = networkError("ECONNRESET");
const untrusted = (code: string) => new TypeError("fetch failed", { cause: networkError(code) });

test.each(["CERT_HAS_EXPIRED", "DEPTH_ZERO_SELF_SIGNED_CERT", "ERR_TLS_CERT_ALTNAME_INVALID"])(
  "a certificate that nobody trusts is served for: %s",
  async (code) => {
    const { options, last } = surroundings();
    const policy = fallback("rates", { ...options, fail: "open", value: "none" });
    await expect(policy.call(() => Promise.reject(untrusted(code)))).resolves.toBe("none");
    expect(last("fallback.served")).toMatchObject({ reason: "error" });
  },
);

test("serveOn.error decides about certificates, too, and a mark holds for them as for all errors", async () => {
  const { options } = surroundings();
  const expired = untrusted("CERT_HAS_EXPIRED");
  const off = fallback("rates", {
    ...options,
    fail: "open",
    value: "none",
    serveOn: { error: false },
  });
  await expect(off.call(() => Promise.reject(expired))).rejects.toBe(expired);
  const policy = fallback("rates", { ...options, fail: "open", value: "none" });
  const marked = permanent(untrusted("CERT_HAS_EXPIRED"));
  await expect(policy.call(() => Promise.reject(marked))).rejects.toBe(marked);
});

test("an expired certificate takes no last good result away: it is an outage, and denies nothing", async () => {
  const { options } = surroundings();
  const cache = { maxAgeMs: 1_000, key: "all" };
  const policy = fallback<string>("rates", { ...options, fail: "closed", cache });
  await policy.call(async () => "one");
  for (const error of [untrusted("CERT_HAS_EXPIRED"), reset]) {
    await expect(policy.call(() => Promise.reject(error))).resolves.toBe("one");
  }
});
