import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { describeWith } from "../support/programs.ts";
import { alerts } from "./command-run.ts";
import { promtool } from "./promtool.ts";
import { SEVERITY } from "./scenario.ts";
import { seedOf } from "./seed.ts";

const folder = mkdtempSync(join(tmpdir(), "telltale-alerts-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Checks what some command lines write, in one process: the output, part by part. */
async function checked(lines: readonly (readonly string[])[]): Promise<readonly string[]> {
  const files: string[] = [];
  for (const [n, args] of lines.entries()) {
    const { code, text, errors } = await alerts(...args);
    expect(errors, args.join(" ")).toBe("");
    expect(code).toBe(0);
    const file = join(folder, `${n}.yaml`);
    writeFileSync(file, text);
    files.push(file);
  }
  const { output } = await promtool(["check", "rules", "--lint=all", "--lint-fatal", ...files]);
  return output.split(/^Checking /m).slice(1);
}

describeWith("promtool")("promtool takes what telltale alerts writes", () => {
  test.each([
    [[]],
    [["--selector", 'env=~"prod|staging",cluster!="x"']],
    [["--selector", `path=~"/v[0-9]+/\\\\w+\\\\.\\\\d{1,3}",name=~'it\\'s "x"',raw=~\`a\\d+\``]],
    [["--selector", 'circuit_breaker_name=~"(?i)pay.*|(?P<x>search)"']],
    [["--selector", String.raw`a="\x7f\u2028\ufffd\n\t\"",b='\'',c="\x41"`]],
    [["--group-by", "job,namespace,cluster,region"]],
    [["--group-by", "service_name", "--instance-label", "service_instance_id"]],
    [["--for", "all=20m,CircuitBreakerOpen=10s"]],
    [["--keep-firing-for", "all=0s"]],
    [["--keep-firing-for", "all=1w2d3h4m5s6ms"]],
    [["--severity", "all=critical", "--label", "team=payments,env=prod"]],
    [["--without", "CircuitBreakerTelemetryAbsent,CircuitBreakerTripImminent"]],
    [["--runbook-base", "https://wiki.example/a?b=c&page=", "--runbook-ending", "none"]],
    [["--interval", "10s", "--objective", "0.9999", "--burn-rate", "2"]],
    [["--imminent-failures", "1", "--imminent-progress", "0.99", "--flapping-trips", "100"]],
    [
      [
        "--skip-ratio",
        "1e-9",
        "--skip-minimum-rate",
        "0",
        "--recovery-factor",
        "1",
        "--recovery-incidents",
        "1",
      ],
    ],
  ])("%j", async (args) => {
    const [output] = await checked([args]);
    expect(output).toContain("SUCCESS");
  });

  test("any combination of options", async () => {
    const seed = seedOf("TELLTALE_ALERTS_SEED");
    const lines = fc.sample(commandLine, { seed, numRuns: 80 });
    const outputs = await checked(lines);
    const failed = lines.filter((_, n) => !outputs[n]?.includes("SUCCESS"));
    expect(failed).toEqual([]);
    expect(outputs).toHaveLength(lines.length);
  });

  // Regular expressions on which JavaScript and RE2, the syntax of Prometheus, might disagree.
  test.each([
    ...[
      "a|b",
      "a{2,3}",
      "a{1000}",
      "a{",
      "[]a]",
      "(?i)a",
      "(?i:a)",
      "(?P<n>a)",
      String.raw`\Qa(b\E`,
    ],
    ...[
      String.raw`\pL+`,
      String.raw`\p{Greek}`,
      "[[:alpha:]]+",
      String.raw`\Aa\z`,
      String.raw`a\.b`,
      "a}",
    ],
    ...["a(", "a)", "[a", "*a", "a**", "a{2,1}", "a{1001}", "a{99999}", "(?=a)", "(?<!a)b"],
    ...[String.raw`(a)\1`, String.raw`\y`, String.raw`\cA`, "[z-a]", "(?<n", "+"],
  ])("--selector takes %j as a regular expression exactly when promtool does", async (text) => {
    const rule = { record: "a:b:c", expr: `up{a=~${JSON.stringify(text)}}` };
    const file = join(folder, "regex.yaml");
    writeFileSync(file, JSON.stringify({ groups: [{ name: "g", rules: [rule] }] }));
    const { code } = await promtool(["check", "rules", file]);
    const ran = await alerts("--selector", `a=~${JSON.stringify(text)}`);
    expect(ran.code === 0, ran.errors).toBe(code === 0);
  });
});

const names = fc.constantFrom(...Object.keys(SEVERITY), "all");
const durations = fc.constantFrom("10m", "20m", "1h30m", "2d", "15m30s");
const label = fc.stringMatching(/^[a-z]{2,8}_x$/);

/** `--option a=x,b=y`, with names that stand once. */
const pairs = (option: string, values: fc.Arbitrary<string>) =>
  fc
    .uniqueArray(fc.tuple(names, values), {
      selector: ([name]) => name,
      minLength: 1,
      maxLength: 4,
    })
    // All alerts as slow as CircuitBreakerOpenTooLong would be refused.
    .map((all) => all.filter(([name]) => option !== "for" || !/all|Open$|TooLong/.test(name)))
    .map((all) =>
      all.length === 0 ? [] : [`--${option}`, all.map((pair) => pair.join("=")).join(",")],
    );

const number = (option: string, values: fc.Arbitrary<number>) =>
  values.map((value) => [`--${option}`, String(value)]);
const share = fc.double({ min: 0.001, max: 0.99, noNaN: true });

const option = fc.oneof(
  pairs("for", durations),
  pairs("keep-firing-for", durations),
  pairs("severity", fc.constantFrom("critical", "warning", "info")),
  fc.uniqueArray(label, { minLength: 1, maxLength: 4 }).map((all) => ["--group-by", all.join(",")]),
  label.map((one) => ["--instance-label", `${one}y`]),
  fc
    .tuple(label, fc.string({ unit: "grapheme" }))
    .map(([name, value]) => ["--selector", `${name}!=${JSON.stringify(value)}`]),
  fc
    .subarray(Object.keys(SEVERITY), { minLength: 1, maxLength: 10 })
    .map((all) => ["--without", all.join(",")]),
  fc
    .tuple(label, fc.stringMatching(/^[\w .é}"'-]{1,12}$/))
    .map(([name, value]) => ["--label", `${name}z=x${value}x`]),
  fc.webUrl().map((url) => ["--runbook-base", url.replaceAll(/[{}]/g, "")]),
  durations.map((text) => ["--interval", text]),
  number("imminent-failures", fc.integer({ min: 1, max: 1000 })),
  number("imminent-progress", share),
  number("skip-ratio", share),
  number("skip-minimum-rate", fc.double({ min: 0, max: 1e6, noNaN: true })),
  number("objective", fc.double({ min: 0.99, max: 0.99999, noNaN: true })),
  number("burn-rate", fc.double({ min: 1, max: 50, noNaN: true })),
  number("recovery-factor", fc.double({ min: 1, max: 1e3, noNaN: true })),
  number("recovery-incidents", fc.integer({ min: 1, max: 1000 })),
);

/** Some options, each once. */
const commandLine = fc
  .uniqueArray(option, { selector: ([name]) => name, maxLength: 8 })
  .map((all) => all.flat());
