import type { Given } from "../command-line.ts";
import { durationMs } from "../duration.ts";
import { textOf } from "../text-option.ts";
import { UsageError } from "../usage-error.ts";
import { type AlertOverride, type AlertSettings, DEFAULT_SETTINGS } from "./alert-settings.ts";
import { alertLabelsOf, groupByOf, instanceLabelOf, matchersOf } from "./given-labels.ts";
import { metaOf } from "./given-meta.ts";
import { durationOf, inWords, knownName, listOf, pairsOf, refuse, wordOf } from "./given-values.ts";
import { UNPRINTABLE } from "./matcher.ts";
import { ALERT_SEVERITIES, isAlert, type RuleGroup } from "./rule.ts";
import { lokiGroups, ruleGroups } from "./rule-groups.ts";
import type { ObjectMeta } from "./rules-file.ts";
import { ALLOWED, isAllowed, THRESHOLD_NAMES, THRESHOLDS, type Thresholds } from "./thresholds.ts";
import { burnLimit } from "./traffic-alerts.ts";

/** What the rules are written as. */
const FORMATS = ["prometheus", "kubernetes", "loki"] as const;

/** The options that one format alone, or all but one, has a use for. */
const ONLY_KUBERNETES = ["name", "namespace", "object-label"];
const NOT_LOKI = [
  "instance-label",
  "keep-firing-for",
  "skip-ratio",
  "skip-minimum-rate",
  "objective",
  "burn-rate",
  "burn-minimum-rate",
  "budget-high",
  "budget-end",
  "depletion-days",
];

/** What the command line asked for, checked. */
interface GivenSettings {
  readonly settings: AlertSettings;
  readonly format: (typeof FORMATS)[number];
  readonly meta: ObjectMeta;
  readonly out: string | undefined;
}

/** @throws {UsageError} when an option has a value that it cannot have, or no use in this format */
export function givenSettings(given: Given): GivenSettings {
  const format = wordOf(given, "format", FORMATS) ?? "prometheus";
  const useless = [
    ...(format === "kubernetes" ? [] : ONLY_KUBERNETES),
    ...(format === "loki" ? NOT_LOKI : []),
  ].find((option) => given[option] !== undefined);
  if (useless !== undefined) {
    throw new UsageError(`Cannot write alerts: --${useless} has no use with --format ${format}`);
  }
  for (const [option, value] of Object.entries(given)) {
    if (String(value).search(UNPRINTABLE) >= 0) refuse(option, "be printable text", String(value));
  }
  const matchers = matchersOf(given, format === "loki");
  const groupBy = groupByOf(given);
  const usual = alertsOf(
    format === "loki" ? lokiGroups(DEFAULT_SETTINGS) : ruleGroups(DEFAULT_SETTINGS),
  );
  const names = usual.map(({ alert }) => alert);
  const settings: AlertSettings = {
    matchers,
    groupBy,
    instanceLabel: instanceLabelOf(given, groupBy),
    thresholds: thresholdsOf(given),
    overrides: overridesOf(given, names),
    without: new Set(listOf(given, "without")?.map((name) => knownName("without", name, names))),
    labels: alertLabelsOf(given, groupBy),
    runbookBase: runbookBaseOf(given),
    runbookEnding: runbookEndingOf(given),
    interval: intervalOf(given),
  };
  checkTogether(settings, format === "loki" ? lokiGroups(settings) : ruleGroups(settings));
  return { settings, format, meta: metaOf(given), out: textOf(given, "out") };
}

const alertsOf = (groups: readonly RuleGroup[]) =>
  groups.flatMap(({ rules }) => rules).filter(isAlert);

function thresholdsOf(given: Given): Thresholds {
  const entries = THRESHOLD_NAMES.map((name) => {
    const { kind, usual } = THRESHOLDS[name];
    const text = textOf(given, name);
    if (text === undefined) return [name, usual] as const;
    const value = /^[\d.eE+-]+$/.test(text) ? Number(text) : Number.NaN;
    return isAllowed(kind, value)
      ? ([name, value] as const)
      : refuse(name, `be ${ALLOWED[kind]}`, text);
  });
  // Every threshold has its value, which is what the type says.
  return Object.fromEntries(entries) as Thresholds;
}

function overridesOf(given: Given, names: readonly string[]): ReadonlyMap<string, AlertOverride> {
  const overrides = new Map<string, AlertOverride>();
  const put = (option: string, read: (text: string) => AlertOverride): void => {
    const pairs = pairsOf(given, option);
    // What is said of one alert outweighs what is said of all.
    const all = pairs.filter(([name]) => name === "all");
    const single = pairs.filter(([name]) => name !== "all");
    const each = all.flatMap(([, text]) => names.map((name) => [name, text] as const));
    for (const [name, text] of [...each, ...single]) {
      knownName(option, name, [...names, "all"]);
      overrides.set(name, { ...overrides.get(name), ...read(text) });
    }
  };
  put("for", (text) => ({ for: durationOf("for", text) }));
  put("keep-firing-for", (text) => ({ keepFiringFor: durationOf("keep-firing-for", text) }));
  put("severity", (text) => {
    const severity = ALERT_SEVERITIES.find((level) => level === text);
    return severity === undefined
      ? refuse("severity", `be ${inWords(ALERT_SEVERITIES)}`, text)
      : { severity };
  });
  return overrides;
}

function runbookBaseOf(given: Given): string {
  const text = textOf(given, "runbook-base");
  if (text === undefined) return DEFAULT_SETTINGS.runbookBase;
  const url = URL.canParse(text) ? new URL(text) : null;
  // In an alert, braces begin a template.
  if (url === null || !/^https?:$/.test(url.protocol) || /[\s{}]/.test(text)) {
    return refuse("runbook-base", "be an http or https URL", text);
  }
  return text.replace(/\/+$/, "");
}

function runbookEndingOf(given: Given): string {
  const text = textOf(given, "runbook-ending");
  if (text === undefined) return DEFAULT_SETTINGS.runbookEnding;
  if (text === "none") return "";
  if (!/^[\w.~/?#=&-]{1,64}$/.test(text)) {
    return refuse("runbook-ending", "be the ending of a URL, or none", text);
  }
  return text;
}

function intervalOf(given: Given): string | undefined {
  const text = textOf(given, "interval");
  if (text === undefined) return undefined;
  const interval = durationOf("interval", text);
  return durationMs(interval) === 0 ? refuse("interval", "be longer than 0", text) : interval;
}

/** The time in which an idle breaker is told from one that goes on failing. */
const IDLE_MS = 300_000;

/** Refuses what each option allows and all together make impossible. */
function checkTogether(settings: AlertSettings, groups: readonly RuleGroup[]): void {
  const alerts = alertsOf(groups);
  if (alerts.length === 0) {
    throw new UsageError("Cannot write alerts: --without leaves none");
  }
  const limit = burnLimit(settings.thresholds);
  if (limit >= 1) {
    const { objective, "burn-rate": rate } = settings.thresholds;
    throw new UsageError(
      `Cannot write alerts: --burn-rate ${rate} with --objective ${objective} would need a share of failures above ${limit}, which cannot be`,
    );
  }
  const msOf = (name: string): number =>
    durationMs(alerts.find(({ alert }) => alert === name)?.for ?? "") ?? Number.NaN;
  const tooLong = msOf("CircuitBreakerOpenTooLong");
  if (tooLong <= IDLE_MS) {
    throw new UsageError(
      "Cannot write alerts: --for CircuitBreakerOpenTooLong must be longer than 5m, or a breaker that nobody calls would count as one that does not recover",
    );
  }
  if (tooLong <= msOf("CircuitBreakerOpen")) {
    throw new UsageError(
      "Cannot write alerts: --for CircuitBreakerOpenTooLong must be longer than that of CircuitBreakerOpen",
    );
  }
}
