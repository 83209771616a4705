import { BREAKER_LABEL, METRICS } from "../../events/metrics.ts";
import type { Given } from "../command-line.ts";
import { textOf } from "../text-option.ts";
import { DEFAULT_SETTINGS } from "./alert-settings.ts";
import { listOf, pairsOf, refuse } from "./given-values.ts";
import { type Matcher, parseMatchers, SelectorFault } from "./matcher.ts";

/** The matchers that `--selector` asks for; `streams` when they are for the log streams of Loki. */
export function matchersOf(given: Given, streams: boolean): readonly Matcher[] {
  const text = textOf(given, "selector");
  if (text === undefined) return DEFAULT_SETTINGS.matchers;
  try {
    const matchers = parseMatchers(text);
    const taken = matchers.find(({ label }) => OWN_LABELS.has(label) || label === "__name__");
    if (taken !== undefined) return refuse("selector", `leave ${taken.label} to the rules`, text);
    if (streams) checkStreams(matchers, text);
    return matchers;
  } catch (thrown) {
    if (!(thrown instanceof SelectorFault)) throw thrown;
    return refuse("selector", thrown.message, text);
  }
}

/** Refuses what Loki would refuse, or what no stream can have. */
function checkStreams(matchers: readonly Matcher[], text: string): void {
  if (matchers.some(({ label }) => label === BREAKER_LABEL.prometheus)) {
    refuse("selector", "name labels of streams: the breaker is a field of their lines", text);
  }
  const chooses = ({ operator, value }: Matcher): boolean =>
    value !== "" && (operator === "=" || (operator === "=~" && !/^[.][*]$/.test(value)));
  if (!matchers.some(chooses)) {
    refuse("selector", "have a matcher with = or =~ that chooses streams", text);
  }
}

/** Labels that the metrics have themselves, and the rules tell apart. */
const OWN_LABELS: ReadonlySet<string> = new Set([
  "le",
  // Fields of lines that become labels.
  "replica",
  "type",
  ...Object.values(METRICS).flatMap(({ labels }): readonly string[] => labels),
]);
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** Refuses a label that no series, or no alert, can be told apart by. */
function checkedLabel(option: string, label: string): string {
  if (!LABEL.test(label) || label.startsWith("__")) {
    return refuse(option, "name labels: letters, digits and _, without __ in front", label);
  }
  if (OWN_LABELS.has(label) || label === BREAKER_LABEL.prometheus) {
    return refuse(option, "name labels other than those of the metrics themselves", label);
  }
  if (label === "alertname" || label === "severity") {
    return refuse(option, "name labels other than those of every alert", label);
  }
  if (label.startsWith("otel_scope_")) {
    return refuse(option, "name labels that no upgrade of the library changes", label);
  }
  return label;
}

/** The labels that `--group-by` asks for. */
export function groupByOf(given: Given): readonly string[] {
  const labels = listOf(given, "group-by") ?? DEFAULT_SETTINGS.groupBy;
  return labels.map((label) => checkedLabel("group-by", label));
}

/** The label that `--instance-label` asks for. */
export function instanceLabelOf(given: Given, groupBy: readonly string[]): string {
  const label = textOf(given, "instance-label") ?? DEFAULT_SETTINGS.instanceLabel;
  if (groupBy.includes(label)) {
    return refuse("group-by", "leave out the label of the instances", groupBy.join(","));
  }
  return checkedLabel("instance-label", label);
}

/** The labels that `--label` gives to every alert. */
export function alertLabelsOf(
  given: Given,
  groupBy: readonly string[],
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    pairsOf(given, "label").map(([label, value]) => {
      if (groupBy.includes(label)) {
        return refuse("label", "leave the labels of --group-by as they are", label);
      }
      // Prometheus would read them as a template.
      if (value.includes("{{")) return refuse("label", "have values without {{", value);
      return [checkedLabel("label", label), value];
    }),
  );
}
