import { parser } from "@prometheus-io/lezer-promql";
import { durationMs } from "../../../src/cli/duration.ts";
import type { Rule, RulesDocument } from "../../alerts/rules-document.ts";

/** How many times as fast everything goes. */
const SPEED = 60;

/** The rules with every duration divided: an outage of a quarter of an hour takes fifteen seconds. */
export function compressed({ groups }: RulesDocument): RulesDocument {
  return { groups: groups.map(({ name, rules }) => ({ name, rules: rules.map(compressedRule) })) };
}

function compressedRule(rule: Rule): Rule {
  return {
    ...rule,
    expr: compressedExpression(rule.expr),
    ...(rule.for === undefined ? {} : { for: divided(rule.for) }),
    ...(rule.keep_firing_for === undefined
      ? {}
      : { keep_firing_for: divided(rule.keep_firing_for) }),
  };
}

/** An expression with every range and offset divided. */
function compressedExpression(expr: string): string {
  const found: { readonly from: number; readonly to: number }[] = [];
  parser.parse(expr).iterate({
    enter({ name, from, to, type }) {
      if (type.isError) throw new Error(`Cannot parse the expression at ${from}: ${expr}`);
      if (name === "NumberDurationLiteralInDurationContext") found.push({ from, to });
    },
  });
  return found.reduceRight(
    (text, { from, to }) => text.slice(0, from) + divided(text.slice(from, to)) + text.slice(to),
    expr,
  );
}

function divided(duration: string): string {
  const ms = durationMs(duration);
  if (ms === null) throw new Error(`No duration: ${duration}`);
  return `${Math.round(ms / SPEED)}ms`;
}
