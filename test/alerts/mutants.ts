import { otherDurations } from "./duration-text.ts";
import { expressionMutations } from "./expression-mutations.ts";
import { nameOf, type Rule, type RulesDocument, rulesOf, sliceAround } from "./rules-document.ts";
import { STEP_SECONDS } from "./timeline.ts";

/** The rules with one thing changed. */
export interface Mutant {
  /** The rule, and what is changed in it. */
  readonly id: string;
  /** The rules that the change can reach, changed. */
  readonly rules: readonly Rule[];
  /** The names of the alerts among them, unchanged. */
  readonly alerts: ReadonlySet<string>;
  /** The names of the recordings among them, unchanged. */
  readonly records: ReadonlySet<string>;
}

/** Every mutant of the rules. */
export function mutantsOf(document: RulesDocument): readonly Mutant[] {
  return rulesOf(document).flatMap((rule) => {
    const slice = sliceAround(rule, document);
    return changesOf(rule).map(
      ({ what, changed }): Mutant => ({
        id: `${nameOf(rule)}: ${what}`,
        rules: slice.rules.map((each) => (each === rule ? changed : each)),
        alerts: slice.alerts,
        records: slice.records,
      }),
    );
  });
}

interface Change {
  readonly what: string;
  readonly changed: Rule;
}

function changesOf(rule: Rule): Change[] {
  const inExpression = expressionMutations(rule.expr).map(({ from, to, text }): Change => {
    const expr = rule.expr.slice(0, from) + text + rule.expr.slice(to);
    return { what: described(rule.expr, from, to, text), changed: { ...rule, expr } };
  });
  const renamed: Change =
    rule.alert === undefined
      ? { what: "renamed", changed: { ...rule, record: `${rule.record}_other` } }
      : { what: "renamed", changed: { ...rule, alert: `${rule.alert}Other` } };
  if (rule.alert === undefined) return [...inExpression, renamed];
  return [
    ...inExpression,
    renamed,
    ...durations(rule, "for"),
    ...durations(rule, "keep_firing_for"),
    ...severities(rule),
    ...texts(rule),
  ];
}

/** The place is told by what stands before it: an offset alone says nothing to a reader. */
function described(expr: string, from: number, to: number, text: string): string {
  const flat = (part: string): string => part.replaceAll(/\s+/g, " ");
  const before = flat(expr.slice(Math.max(0, from - 24), from));
  return `at ${from}, after "${before}": ${flat(expr.slice(from, to))} -> ${flat(text)}`;
}

function durations(rule: Rule, key: "for" | "keep_firing_for"): Change[] {
  const { [key]: usual, ...rest } = rule;
  if (usual === undefined) {
    const text = `${STEP_SECONDS}s`;
    return [{ what: `${key}: none -> ${text}`, changed: { ...rule, [key]: text } }];
  }
  const others = otherDurations(usual).map(
    (text): Change => ({ what: `${key}: ${usual} -> ${text}`, changed: { ...rule, [key]: text } }),
  );
  return [{ what: `${key}: ${usual} -> none`, changed: rest }, ...others];
}

function severities(rule: Rule): Change[] {
  const { labels = {}, ...rest } = rule;
  const { severity } = labels;
  const others = ["critical", "warning", "info"].filter((level) => level !== severity);
  return [
    { what: "severity: none", changed: rest },
    ...others.map((level) => ({
      what: `severity: ${severity} -> ${level}`,
      changed: { ...rule, labels: { ...labels, severity: level } },
    })),
  ];
}

function texts(rule: Rule): Change[] {
  const { annotations = {} } = rule;
  return Object.entries(annotations).flatMap(([key, text]) => [
    {
      what: `${key}: left out`,
      changed: {
        ...rule,
        annotations: Object.fromEntries(
          Object.entries(annotations).filter(([other]) => other !== key),
        ),
      },
    },
    {
      what: `${key}: another`,
      changed: { ...rule, annotations: { ...annotations, [key]: `${text}.` } },
    },
  ]);
}
