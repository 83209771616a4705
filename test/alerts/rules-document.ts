import { readFileSync } from "node:fs";
import { parse } from "yaml";

/** A rule as it stands in a rules file. */
export interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly for?: string;
  readonly keep_firing_for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A rules file. */
export interface RulesDocument {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[];
}

/** The rules as they are committed, which is what users get. */
export const RULES_PATH = new URL("../../docs/alerts/telltale.rules.yaml", import.meta.url);

export function committedRules(): RulesDocument {
  // A test compares the file with what the source makes.
  return parse(readFileSync(RULES_PATH, "utf8")) as RulesDocument;
}

export const rulesOf = (document: RulesDocument): readonly Rule[] =>
  document.groups.flatMap(({ rules }) => rules);

export const nameOf = ({ alert, record }: Rule): string => alert ?? record ?? "";

/** The recordings that a rule asks for, in its expression or its texts. */
function askedFor(rule: Rule, records: readonly string[]): readonly string[] {
  const texts = [rule.expr, ...Object.values(rule.annotations ?? {})].join("\n");
  // One name may be the beginning of another.
  return records.filter((record) => new RegExp(`${record}(?![\\w:])`).test(texts));
}

/** A part of the rules that can be judged alone, and the names in it. */
export interface Slice {
  readonly rules: readonly Rule[];
  readonly alerts: ReadonlySet<string>;
  readonly records: ReadonlySet<string>;
}

/** The alerts that a rule decides, itself or through recordings, with everything that they ask for. */
export function sliceAround(rule: Rule, document: RulesDocument): Slice {
  const all = rulesOf(document);
  const records = all.flatMap(({ record }) => record ?? []);
  const needs = (each: Rule): ReadonlySet<string> => {
    const found = new Set<string>();
    const visit = (one: Rule): void => {
      for (const record of askedFor(one, records)) {
        if (found.has(record)) continue;
        found.add(record);
        const asked = all.find((other) => other.record === record);
        if (asked !== undefined) visit(asked);
      }
    };
    visit(each);
    return found;
  };
  const alerts = all.filter(
    (each) =>
      each.alert !== undefined &&
      (each === rule || (rule.record !== undefined && needs(each).has(rule.record))),
  );
  const needed = new Set(alerts.flatMap((each) => [...needs(each)]));
  return {
    rules: all.filter((each) => alerts.includes(each) || needed.has(each.record ?? "")),
    alerts: new Set(alerts.map(nameOf)),
    records: needed,
  };
}

/** Every part that mutants are made of, as it is. */
export const unchangedSlices = (document: RulesDocument): readonly Slice[] =>
  rulesOf(document).map((rule) => sliceAround(rule, document));
