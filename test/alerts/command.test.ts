import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { telltale } from "../support/telltale-process.ts";
import { alerts } from "./command-run.ts";
import { nameOf, RULES_PATH, type Rule, type RulesDocument, rulesOf } from "./rules-document.ts";
import { SEVERITY } from "./scenario.ts";

const folder = mkdtempSync(join(tmpdir(), "telltale-alerts-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** The rules that a command line makes. */
async function made(...args: readonly string[]): Promise<RulesDocument> {
  const { code, text, errors } = await alerts(...args);
  expect(errors).toBe("");
  expect(code).toBe(0);
  return parse(text) as RulesDocument;
}

function ruleOf(document: RulesDocument, name: string): Rule {
  const rule = rulesOf(document).find((each) => nameOf(each) === name);
  if (rule === undefined) throw new Error(`No rule is called ${name}`);
  return rule;
}

const exprOf = async (name: string, ...args: readonly string[]): Promise<string> =>
  ruleOf(await made(...args), name).expr;

describe("telltale alerts", () => {
  test("is a command of the program", async () => {
    const { stdout } = await telltale(["alerts"]);
    expect(stdout).toBe(readFileSync(RULES_PATH, "utf8"));
    const help = await telltale(["alerts", "--help"]);
    expect(help.stdout).toContain("--objective N");
  });

  test("writes the committed rules when nothing is said", async () => {
    const { text } = await alerts();
    expect(text).toBe(readFileSync(RULES_PATH, "utf8"));
  });

  test("--format loki writes the committed rules over log lines", async () => {
    const { text } = await alerts("--format", "loki");
    const path = new URL("../../docs/alerts/telltale.loki.yaml", import.meta.url);
    expect(text).toBe(readFileSync(path, "utf8"));
  });

  test("--out writes a file, and nothing to stdout", async () => {
    const out = join(folder, "out.yaml");
    const { code, text } = await alerts("--out", out, "--skip-ratio", "0.5");
    expect([code, text]).toEqual([0, ""]);
    expect(readFileSync(out, "utf8")).toMatch(
      /^# Made by: telltale alerts --skip-ratio 0.5\ngroups:/,
    );
  });

  test("--out fails with the reason when the file cannot be written", async () => {
    const { code, text, errors } = await alerts("--out", folder);
    expect([code, text]).toEqual([1, ""]);
    expect(errors).toMatch(/^Cannot write alerts to .*: EISDIR/);
  });

  test("tells how it was called, so that it can be called again", async () => {
    const { text } = await alerts("--selector", `env="it's"`, "--label", "team=pay");
    expect(text.split("\n")[0]).toBe(
      `# Made by: telltale alerts --selector 'env="it'\\''s"' --label team=pay`,
    );
  });

  test("--format kubernetes wraps the same groups in a PrometheusRule", async () => {
    const { text } = await alerts(
      ...["--format", "kubernetes", "--name", "breakers", "--namespace", "monitoring"],
      ...["--object-label", "release=prometheus,app.kubernetes.io/part-of=shop"],
    );
    expect(parse(text)).toEqual({
      apiVersion: "monitoring.coreos.com/v1",
      kind: "PrometheusRule",
      metadata: {
        name: "breakers",
        namespace: "monitoring",
        labels: { release: "prometheus", "app.kubernetes.io/part-of": "shop" },
      },
      spec: await made(),
    });
    const { text: plain } = await alerts("--format", "kubernetes");
    expect(parse(plain).metadata).toEqual({ name: "telltale" });
  });

  test("--selector narrows every series, and the breaker's name only where there is one", async () => {
    const document = await made(
      "--selector",
      `{env=~"prod|staging", circuit_breaker_name!='noisy'}`,
    );
    const name = 'circuit_breaker_name!="noisy"';
    for (const { expr } of rulesOf(document)) {
      const series = expr.match(/(?<![\w:])circuit_breaker_\w+(?:\{[^}]*\})?/g) ?? [];
      for (const each of series.filter((one) => !/^circuit_breaker_name/.test(one))) {
        expect(each).toContain('{env=~"prod|staging"');
        const isOfProcess = /_(?:dropped|overflow)_total/.test(each);
        expect(each.includes(name)).toBe(!isOfProcess);
      }
    }
  });

  test("--selector narrows the streams of Loki", async () => {
    const document = await made("--format", "loki", "--selector", 'app="checkout"');
    for (const { expr } of rulesOf(document)) {
      expect(expr.match(/\{[^}]*\}/g)).toEqual(expr.match(/\{app="checkout"\}/g));
    }
  });

  test("--group-by and --instance-label say how services and their instances are told apart", async () => {
    const document = await made("--group-by", "namespace,service", "--instance-label", "pod");
    const open = ruleOf(document, "CircuitBreakerOpen");
    expect(open.expr).toBe(
      "count by (namespace, service, circuit_breaker_name) (group by (namespace, service, pod, circuit_breaker_name) (breaker_instance:circuit_breaker_refusing:max))",
    );
    expect(open.annotations?.["summary"]).toBe(
      "Circuit breaker {{ $labels.circuit_breaker_name }} is open (namespace {{ $labels.namespace }}, service {{ $labels.service }})",
    );
    expect(open.annotations?.["description"]).toContain(
      '{namespace=%q,service=%q,circuit_breaker_name=%q}" $labels.namespace $labels.service $labels.circuit_breaker_name',
    );
    for (const { expr } of rulesOf(document)) expect(expr).not.toMatch(/\bjob\b|\binstance,/);
    const loki = await made("--format", "loki", "--group-by", "app");
    expect(ruleOf(loki, "CircuitBreakerOpen").expr).toMatch(
      /^sum by \(app, circuit_breaker_name\) .*\{app=~"\.\+"\}/,
    );
  });

  test("--for, --keep-firing-for and --severity change one alert, or all", async () => {
    const document = await made(
      ...["--for", "CircuitBreakerOpen=2m30s,CircuitBreakerOpenTooLong=1h"],
      ...["--keep-firing-for", "all=0s,CircuitBreakerFlapping=10m"],
      ...["--severity", "all=info,CircuitBreakerOpen=critical"],
    );
    expect(ruleOf(document, "CircuitBreakerOpen").for).toBe("2m30s");
    expect(ruleOf(document, "CircuitBreakerOpenTooLong").for).toBe("1h");
    expect(ruleOf(document, "CircuitBreakerForcedOpenStuck").for).toBe("30m");
    const kept = rulesOf(document).filter((rule) => rule.keep_firing_for !== undefined);
    expect(kept.map((rule) => [nameOf(rule), rule.keep_firing_for])).toEqual([
      ["CircuitBreakerFlapping", "10m"],
    ]);
    const severities = rulesOf(document).flatMap(({ alert, labels }) =>
      alert === undefined ? [] : [labels?.["severity"]],
    );
    expect(severities.toSorted()).toEqual(["critical", ...severities.slice(1).map(() => "info")]);
    expect(ruleOf(document, "CircuitBreakerOpen").labels?.["severity"]).toBe("critical");
    const atOnce = ruleOf(await made("--for", "CircuitBreakerOpen=0"), "CircuitBreakerOpen");
    expect(atOnce.for).toBeUndefined();
  });

  test("--without leaves alerts out, and the recordings in", async () => {
    const document = await made("--without", "CircuitBreakerOpen,CircuitBreakerFlapping");
    const names = rulesOf(document).flatMap(({ alert }) => alert ?? []);
    const expected = Object.keys(SEVERITY).filter((name) => !/(?:Open|Flapping)$/.test(name));
    expect(names.toSorted()).toEqual(expected.toSorted());
    expect(rulesOf(document).filter(({ record }) => record !== undefined)).toHaveLength(
      rulesOf(await made()).filter(({ record }) => record !== undefined).length,
    );
  });

  test("--label, --runbook-base, --runbook-ending and --interval are in what they are about", async () => {
    const document = await made(
      ...["--label", "team=payments,tier=1", "--runbook-base", "https://wiki.example/breakers/"],
      ...["--runbook-ending", "none", "--interval", "30s"],
    );
    const open = ruleOf(document, "CircuitBreakerOpen");
    expect(open.labels).toEqual({ team: "payments", tier: "1", severity: "warning" });
    expect(open.annotations?.["runbook_url"]).toBe(
      "https://wiki.example/breakers/CircuitBreakerOpen",
    );
    for (const group of document.groups) expect(group).toMatchObject({ interval: "30s" });
    const html = await made("--runbook-ending", ".html");
    expect(ruleOf(html, "CircuitBreakerOpen").annotations?.["runbook_url"]).toMatch(
      /CircuitBreakerOpen\.html$/,
    );
  });

  test.each([
    ["imminent-failures", "4", "CircuitBreakerTripImminent", "<= 4"],
    ["imminent-progress", "0.9", "CircuitBreakerTripImminent", ">= 0.9"],
    ["flapping-trips", "7", "CircuitBreakerFlapping", ">= 7"],
    ["skip-ratio", "0.6", "CircuitBreakerSkipRatioHigh", "> 0.6"],
    ["skip-minimum-rate", "2", "CircuitBreakerSkipRatioHigh", ">= 2"],
    ["objective", "0.999", "CircuitBreakerErrorBudgetBurn", "> 0.0144"],
    ["burn-rate", "6", "CircuitBreakerErrorBudgetBurn", "> 0.06"],
    ["burn-minimum-rate", "7", "CircuitBreakerErrorBudgetBurn", ">= 7"],
    ["recovery-factor", "1.5", "CircuitBreakerRecoveryRegression", "> 1.5 *"],
    ["recovery-incidents", "5", "breaker:circuit_breaker_recovery_duration_seconds:mean1d", ">= 5"],
  ])("--%s %s is in %s", async (option, value, rule, text) => {
    const usual = await exprOf(rule);
    expect(usual).not.toContain(text);
    expect(await exprOf(rule, `--${option}`, value)).toContain(text);
  });
});

describe("telltale alerts refuses", () => {
  test.each([
    [["--selctor", "a"], 'unknown option "--selctor", did you mean "--selector"?'],
    [["now"], 'unexpected argument "now"'],
    [["--format", "json"], '--format must be prometheus, kubernetes or loki, received "json"'],
    [["--name", "x"], "--name has no use with --format prometheus"],
    [["--format", "loki", "--skip-ratio", "0.5"], "--skip-ratio has no use with --format loki"],
    [
      ["--selector", "env="],
      '--selector must be matchers such as job="checkout",env=~"prod|staging", received "env="',
    ],
    [["--selector", 'up{env="a"}'], "--selector must be matchers such as"],
    [["--selector", '{env="a"}[5m]'], "--selector must be matchers such as"],
    [["--selector", '{env="a"} offset 5m'], "--selector must be matchers such as"],
    [["--selector", '{env="a"} or {env="b"}'], "--selector must be matchers such as"],
    [["--selector", "{}"], "--selector must be matchers such as"],
    [["--selector", 'env=~"a("'], "--selector must have regular expressions of RE2"],
    [["--selector", 'env=~"a(?=b)"'], "--selector must have regular expressions of RE2"],
    [
      ["--selector", String.raw`env=~"\d+"`],
      "--selector must have values with escapes that Prometheus knows",
    ],
    [["--selector", 'a="\u007f"'], "--selector must be printable text"],
    [["--label", "a=\u2028"], "--label must be printable text"],
    [["--selector", 'state="open"'], "--selector must leave state to the rules"],
    [["--selector", '__name__="up"'], "--selector must leave __name__ to the rules"],
    [
      ["--format", "loki", "--selector", 'circuit_breaker_name="payments"'],
      "--selector must name labels of streams",
    ],
    [
      ["--format", "loki", "--selector", 'app!="x",env=~".*"'],
      "--selector must have a matcher with = or =~ that chooses streams",
    ],
    [["--group-by", "type"], "--group-by must name labels other than those of the metrics"],
    [["--group-by", "job,,pod"], "--group-by must be a list separated by commas"],
    [["--group-by", "job,job"], "--group-by must name job once"],
    [["--group-by", "k8s-app"], "--group-by must name labels: letters, digits and _"],
    [
      ["--group-by", "__address__"],
      "--group-by must name labels: letters, digits and _, without __ in front",
    ],
    [
      ["--group-by", "circuit_breaker_name"],
      "--group-by must name labels other than those of the metrics themselves",
    ],
    [
      ["--group-by", "reason"],
      "--group-by must name labels other than those of the metrics themselves",
    ],
    [["--group-by", "severity"], "--group-by must name labels other than those of every alert"],
    [
      ["--group-by", "otel_scope_version"],
      "--group-by must name labels that no upgrade of the library changes",
    ],
    [["--group-by", "job,instance"], "--group-by must leave out the label of the instances"],
    [
      ["--instance-label", "le"],
      "--instance-label must name labels other than those of the metrics themselves",
    ],
    [
      ["--for", "CircuitBreakerOpn=2m"],
      '--for names "CircuitBreakerOpn", did you mean "CircuitBreakerOpen"',
    ],
    [["--for", "CircuitBreakerOpen"], "--for must be pairs such as a=b,c=d"],
    [["--for", "CircuitBreakerOpen="], "--for must be pairs such as a=b,c=d"],
    [["--for", "CircuitBreakerOpen=2"], "--for must have times such as 90s, 5m or 1h30m"],
    [["--for", "CircuitBreakerOpen=-2m"], "--for must have times such as"],
    [["--for", "CircuitBreakerOpen=1.5h"], "--for must have times such as"],
    [["--for", "CircuitBreakerOpen=5m1h"], "--for must have times such as"],
    [["--for", "CircuitBreakerOpen=2y"], "--for must have times such as"],
    [
      ["--for", "CircuitBreakerOpen=1m,CircuitBreakerOpen=2m"],
      "--for must name CircuitBreakerOpen once",
    ],
    [
      ["--for", "CircuitBreakerOpenTooLong=5m"],
      "--for CircuitBreakerOpenTooLong must be longer than 5m",
    ],
    [
      ["--for", "CircuitBreakerOpen=15m"],
      "--for CircuitBreakerOpenTooLong must be longer than that of CircuitBreakerOpen",
    ],
    [["--keep-firing-for", "all=x"], "--keep-firing-for must have times such as"],
    [["--severity", "CircuitBreakerOpen=page"], "--severity must be critical, warning or info"],
    [["--without", "Open"], '--without names "Open"'],
    [["--without", Object.keys(SEVERITY).join(",")], "--without leaves none"],
    [
      ["--format", "loki", "--without", "CircuitBreakerTelemetryAbsent"],
      '--without names "CircuitBreakerTelemetryAbsent"',
    ],
    [["--label", "severity=high"], "--label must name labels other than those of every alert"],
    [["--label", "job=x"], "--label must leave the labels of --group-by as they are"],
    [["--label", "team={{ $labels.x }}"], "--label must have values without {{"],
    [["--label", "9team=x"], "--label must name labels: letters"],
    [["--runbook-base", "wiki"], "--runbook-base must be an http or https URL"],
    [["--runbook-base", "javascript:alert(1)"], "--runbook-base must be an http or https URL"],
    [
      ["--runbook-base", "https://wiki/{{ $labels.x }}"],
      "--runbook-base must be an http or https URL",
    ],
    [["--runbook-ending", "{{x}}"], "--runbook-ending must be the ending of a URL, or none"],
    [["--interval", "0s"], "--interval must be longer than 0"],
    [["--interval", "often"], "--interval must have times such as"],
    [["--format", "kubernetes", "--name", "My_Rules"], "--name must be a name of Kubernetes"],
    [["--format", "kubernetes", "--namespace", "a.b"], "--namespace must be a namespace"],
    [
      ["--format", "kubernetes", "--object-label", "a b=c"],
      "--object-label must be labels of Kubernetes",
    ],
    [
      ["--format", "kubernetes", "--object-label", "a=c d"],
      "--object-label must be labels of Kubernetes",
    ],
    [
      ["--imminent-failures", "0"],
      '--imminent-failures must be a positive integer up to 1000, received "0"',
    ],
    [["--imminent-failures", "1.5"], "--imminent-failures must be a positive integer"],
    [["--imminent-failures", "1001"], "--imminent-failures must be a positive integer up to 1000"],
    [["--skip-ratio", "25%"], '--skip-ratio must be a number above 0 and below 1, received "25%"'],
    [["--skip-ratio", "1"], "--skip-ratio must be a number above 0 and below 1"],
    [["--skip-ratio", "NaN"], "--skip-ratio must be a number above 0 and below 1"],
    [["--skip-minimum-rate", "-1"], "--skip-minimum-rate must be"],
    [["--burn-rate", "0.5"], "--burn-rate must be a number of at least 1"],
    [["--burn-rate", "1e999"], "--burn-rate must be a number of at least 1"],
    [
      ["--objective", "0.9"],
      "--burn-rate 14.4 with --objective 0.9 would need a share of failures above 1.44, which cannot be",
    ],
  ])("%j", async (args, message) => {
    const { code, text, errors } = await alerts(...args);
    expect(errors).toContain(message);
    expect(errors).toMatch(/^Cannot (?:write|run) alerts: /);
    expect(code).toBe(2);
    expect(text).toBe("");
  });
});
