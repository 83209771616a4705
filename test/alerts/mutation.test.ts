import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { describeWith } from "../support/programs.ts";
import { listedEquivalents } from "./equivalents.ts";
import { failing, unreadable } from "./kill.ts";
import { mutantsOf } from "./mutants.ts";
import { committedRules, nameOf, rulesOf, unchangedSlices } from "./rules-document.ts";
import { SCENARIOS } from "./scenarios/all.ts";
import { seedOf } from "./seed.ts";

/** Of more than a thousand; `npm run nightly` takes all of them. */
const SAMPLE = 25;
const UNCHANGED_SAMPLE = 2;

const document = committedRules();
const mutants = mutantsOf(document);
const equivalents = new Set(listedEquivalents().flatMap((each) => each.mutants));

describe("the mutants of the rules", () => {
  test("are told apart by their names", () => {
    const ids = mutants.map(({ id }) => id);
    expect(ids.filter((id, n) => ids.indexOf(id) !== n)).toEqual([]);
  });

  test.each([
    "CircuitBreakerOpen: for: 1m -> 45s",
    "CircuitBreakerOpen: keep_firing_for: 2m -> none",
    "CircuitBreakerOpen: severity: warning -> critical",
    "CircuitBreakerTripImminent: for: none -> 15s",
    "CircuitBreakerOpenTooLong: description: another",
  ])("change %s", (id) => {
    expect(mutants.map((mutant) => mutant.id)).toContain(id);
  });

  test.each([
    ["a threshold", "CircuitBreakerFlapping", ">= 3", ">= 4"],
    ["a comparison", "CircuitBreakerFlapping", ">= 3", "> 3"],
    ["a range", "CircuitBreakerFlapping", "[30m]", "[1440s]"],
    ["a matcher", "CircuitBreakerFlapping", 'from="closed",to="open"', 'to="open"'],
    ["a grouping", "CircuitBreakerFlapping", "max by (job, circuit_breaker_name)", "max by (job)"],
    ["a grouping to exclusion", "CircuitBreakerFlapping", "max by (", "max without ("],
    ["an aggregation", "CircuitBreakerFlapping", "max by (", "min by ("],
    ["a function", "CircuitBreakerFlapping", "increase(", "rate("],
    ["a set operator", "CircuitBreakerNoProbeTraffic", "and on", "unless on"],
    ["an arithmetic operator", "CircuitBreakerRecoveryRegression", "2 *", "2 /"],
    [
      "an offset",
      "breaker:circuit_breaker_recovery_duration_seconds:mean7d_offset1d",
      " offset 1d",
      "",
    ],
  ])("change %s of %s", (_, name, from, to) => {
    const rule = rulesOf(document).find((each) => nameOf(each) === name);
    const wanted = rule?.expr.replace(from, to);
    expect(wanted).not.toBe(rule?.expr);
    const changed = mutants
      .filter(({ id }) => id.startsWith(`${name}: `))
      .map((mutant) => mutant.rules.find((each) => nameOf(each) === name)?.expr);
    expect(changed).toContain(wanted);
  });

  test("that are listed as equivalent exist, once, each with its reason", () => {
    const listed = listedEquivalents().flatMap((each) => each.mutants);
    expect(listed.filter((id, n) => listed.indexOf(id) !== n)).toEqual([]);
    const known = new Set(mutants.map(({ id }) => id));
    expect(listed.filter((id) => !known.has(id))).toEqual([]);
    for (const { reason } of listedEquivalents()) expect(reason).toMatch(/^[A-Z].{20,}\.$/s);
  });

  test("that are listed as equivalent change no time and no severity", () => {
    expect(
      [...equivalents].filter((id) => /: (?:for|keep_firing_for|severity)\b/.test(id)),
    ).toEqual([]);
  });
});

describeWith("promtool")("a random sample of the mutants", () => {
  const seed = seedOf("TELLTALE_ALERTS_SEED");
  const some = <T>(all: readonly T[], length: number): readonly T[] => {
    const picks = fc.uniqueArray(fc.constantFrom(...all), { minLength: length, maxLength: length });
    return fc.sample(picks, { seed, numRuns: 1 })[0] ?? [];
  };

  test("can be read by promtool, and fails a scenario", { timeout: 600_000 }, async () => {
    const sample = some(
      mutants.filter(({ id }) => !equivalents.has(id)),
      SAMPLE,
    );
    expect(await unreadable(sample)).toEqual([]);
    const killed = await failing(sample, SCENARIOS);
    expect(sample.filter((mutant) => !killed.has(mutant)).map(({ id }) => id)).toEqual([]);
  });

  test("fails for what is changed: unchanged, the same part of the rules passes", {
    timeout: 600_000,
  }, async () => {
    const slices = some(unchangedSlices(document), UNCHANGED_SAMPLE);
    const failed = await failing(slices, SCENARIOS);
    expect([...failed].flatMap(({ alerts }) => [...alerts])).toEqual([]);
  });
});
