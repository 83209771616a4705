import { parser } from "@prometheus-io/lezer-promql";

/** A condition on a label, as in a selector. */
export interface Matcher {
  readonly label: string;
  readonly operator: "=" | "!=" | "=~" | "!~";
  /** What the label is held against, without quotes and escapes. */
  readonly value: string;
}

/** A selector cannot be used; the message goes on from "must". */
export class SelectorFault extends Error {
  override readonly name = "SelectorFault";
}

/**
 * Reads the matchers of a selector, with or without its braces.
 * @throws {SelectorFault} when it is no list of matchers, or one of them matches nothing that Prometheus knows
 */
export function parseMatchers(selector: string): readonly Matcher[] {
  const inner = /^\s*\{(?<inner>.*)\}\s*$/s.exec(selector)?.groups?.["inner"] ?? selector;
  const text = `{${inner}}`;
  const tree = parser.parse(text);
  const matchers: Matcher[] = [];
  let whole = false;
  tree.iterate({
    enter(node) {
      const at = text.slice(node.from, node.to);
      if (node.type.isError) throw new SelectorFault(NO_SELECTOR);
      if (node.name === "LabelMatchers" && at === text) whole = true;
      // What a selector cannot have beside its matchers: another operand, a range, an offset.
      if (node.name === "UnquotedLabelMatcher") matchers.push(matcherOf(at));
      if (node.name === "QuotedLabelName" || node.name === "QuotedLabelMatcher") {
        throw new SelectorFault(NO_SELECTOR);
      }
    },
  });
  if (!whole || matchers.length === 0) throw new SelectorFault(NO_SELECTOR);
  return matchers;
}

/** The matcher as PromQL and LogQL read it, in characters that YAML can hold. */
export function writtenMatcher({ label, operator, value }: Matcher): string {
  const literal = JSON.stringify(value).replaceAll(
    UNPRINTABLE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return `${label}${operator}${literal}`;
}

/** Control characters, and others that a rules file cannot hold, or not everywhere. */
export const UNPRINTABLE = /[\p{Cc}\p{Cs}\u2028\u2029\ufffd-\uffff]/gu;

const NO_SELECTOR = `be matchers such as job="checkout",env=~"prod|staging"`;
const MATCHER = /^(?<label>\w+)\s*(?<operator>=~|!~|!=|=)\s*(?<literal>.*)$/s;

function matcherOf(text: string): Matcher {
  const { label = "", operator = "", literal = "" } = MATCHER.exec(text)?.groups ?? {};
  const value = unquoted(literal);
  if (value === null) {
    throw new SelectorFault(`have values with escapes that Prometheus knows, and ${text} has not`);
  }
  if (operator.endsWith("~") && !isRegularExpression(value)) {
    throw new SelectorFault(`have regular expressions of RE2, and ${text} has not`);
  }
  // The expression above lets no other operator through.
  return { label, operator: operator as Matcher["operator"], value };
}

const ESCAPE = /\\(?:[abfnrtv\\"']|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4})/y;
const CONTROL: Readonly<Record<string, string>> = {
  ...{ a: "\u0007", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" },
};

/** The text of a string literal; null when it has an escape that Go, and so Prometheus, does not know. */
function unquoted(literal: string): string | null {
  const quote = literal[0];
  const inner = literal.slice(1, -1);
  if (quote === "`") return inner;
  let text = "";
  for (let at = 0; at < inner.length; ) {
    if (inner[at] !== "\\") {
      text += inner[at++];
      continue;
    }
    ESCAPE.lastIndex = at;
    const [found] = ESCAPE.exec(inner) ?? [];
    const kind = found?.[1] ?? "";
    const foreign = (kind === '"' || kind === "'") && kind !== quote;
    if (found === undefined || foreign) return null;
    const code = found.length > 2 ? String.fromCharCode(Number.parseInt(found.slice(2), 16)) : kind;
    text += CONTROL[kind] ?? code;
    at += found.length;
  }
  return text;
}

/** What RE2, the syntax of Prometheus, has and JavaScript writes otherwise. */
const RE2_ONLY: readonly (readonly [RegExp, string])[] = [
  [/\(\?P</g, "(?<"],
  [/\(\?[imsU]+(?:-[imsU]+)?\)/g, ""],
  [/\(\?[imsU]*-?[imsU]*:/g, "(?:"],
  [/\\[Az]/g, ""],
  [/\[\[:\^?\w+:\]\]/g, "[a-z]"],
  [/\\Q.*?(?:\\E|$)/gs, "quoted"],
  [/\\[pP](?:[A-Z]|\{\^?\w+\})/g, "[a-z]"],
];
/**
 * What JavaScript takes and RE2 refuses: looking around, referring back, escapes that it has not, and more than a
 * thousand repetitions.
 */
const FOREIGN =
  /\(\?<?[=!]|\\[1-9]|\\(?![abfnrtvdDsSwWBAzQEpPx])[a-zA-Z]|\{(?:\d*,)?(?:[1-9]\d{4,}|[2-9]\d{3}|1(?!000\b)\d{3})/;

function isRegularExpression(text: string): boolean {
  const escapesGone = text.replaceAll("\\\\", "");
  if (FOREIGN.test(escapesGone)) return false;
  try {
    new RegExp(RE2_ONLY.reduce((left, [from, to]) => left.replace(from, to), escapesGone));
    return true;
  } catch {
    return false;
  }
}
