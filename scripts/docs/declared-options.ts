/** One option, as its declaration and its doc comment say. */
export interface DeclaredOption {
  readonly name: string;
  readonly isRequired: boolean;
  readonly type: string;
  /** The doc comment without its tags; null without one. */
  readonly meaning: string | null;
  /** Its `@default`; null without one. */
  readonly byDefault: string | null;
}

// A member as the formatter writes it. Lines of a type that goes on are indented deeper, or close it.
const MEMBER =
  / {2}(?:\/\*\*(?<comment>(?:(?!\*\/)[\s\S])*)\*\/\n {2})?readonly (?<name>\w+)(?<optional>\??): (?<type>(?:.|\n(?= {4}| {2}[})\]>]))*?);(?:\n(?! {4}| {2}[})\]>])|$)/y;

/**
 * The members that an interface declares itself, in their order; those that may only be left out are none.
 *
 * @throws {Error} when there is no such interface, or any part of it cannot be read
 */
export function declaredOptions(source: string, name: string): DeclaredOption[] {
  const declaration = new RegExp(
    `^(?:export )?interface ${name}\\b[^{]*\\{\\n([\\s\\S]*?)\\n\\}$`,
    "m",
  );
  const [, body] = declaration.exec(source) ?? [];
  if (body === undefined) throw new Error(`Cannot read the options ${name}: no such interface`);
  const options: DeclaredOption[] = [];
  for (let at = 0; at < body.length; at = MEMBER.lastIndex) {
    MEMBER.lastIndex = at;
    const found = MEMBER.exec(body);
    if (found?.groups === undefined) {
      const [line] = body.slice(at).split("\n");
      throw new Error(
        `Cannot read the options ${name}: a member was expected at "${line?.trim()}"`,
      );
    }
    const { comment, name: option = "", optional, type = "" } = found.groups;
    if (type === "never") continue;
    options.push({
      name: option,
      isRequired: optional === "",
      type: typeOf(oneLine(type)),
      ...commented(comment),
    });
  }
  return options;
}

/** That an option may be undefined goes without saying; what a function returns does not. */
const typeOf = (type: string): string =>
  type.includes("=>") ? type : type.replace(/ \| undefined$/, "");

const oneLine = (text: string): string => text.replaceAll(/\s+/g, " ").trim();

/** What a doc comment says, and its `@default`. */
function commented(comment: string | undefined): Pick<DeclaredOption, "meaning" | "byDefault"> {
  if (comment === undefined) return { meaning: null, byDefault: null };
  const text = comment.replaceAll(/^ *\* ?/gm, "").replaceAll(/\{@link (\w+)\}/g, "`$1`");
  const [meaning = "", ...tags] = text.split(/^@/m);
  const byDefault = tags.find((tag) => tag.startsWith("default "));
  return {
    meaning: oneLine(meaning),
    byDefault: byDefault === undefined ? null : oneLine(byDefault.slice("default ".length)),
  };
}
