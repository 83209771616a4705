import { parseArgs } from "node:util";
import { hint } from "../events/nearest.ts";
import { UsageError } from "./usage-error.ts";
import { version } from "./version.ts";

/** An option of a command. Without a `value` it is a switch. */
interface OptionDefinition {
  /** What the help calls the value, such as `N`. */
  readonly value?: string;
  readonly doc: string;
  /** It may be given several times; its values are then in `repeated`. */
  readonly many?: true;
}

/** What was given on the command line: the text of an option that takes a value, true for a switch. */
export type Given = Readonly<Record<string, string | true>>;

/** The values of the options that may be given several times, in their order. */
export type Repeated = Readonly<Record<string, readonly string[]>>;

/** One command of the program. */
export interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  /** What it does, for its own help, which breaks the lines anew; an empty line begins a paragraph. */
  readonly about: string;
  readonly options: Readonly<Record<string, OptionDefinition>>;
  /** What may stand beside the options, such as files; without it nothing may. */
  readonly operands?: { readonly value: string; readonly doc: string };
  /** Command lines that show how it is used, for its help, each with what it does. */
  readonly examples?: readonly (readonly [line: string, does: string])[];
  /** The exit codes that it adds or narrows, for its help. */
  readonly exitCodes: Readonly<Record<number, string>>;
  /** Further sub-commands that only the program itself runs; not in the help. */
  readonly inner?: Readonly<Record<string, (args: readonly string[]) => Promise<number>>>;
  /**
   * @returns the exit code
   * @throws {UsageError} when an option's value cannot be used
   */
  run(given: Given, operands: readonly string[], repeated: Repeated): Promise<number>;
}

/** The program's exit codes that hold for every command. */
export const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** Runs the command that the arguments name, and returns the exit code. */
export async function run(
  args: readonly string[],
  commands: Readonly<Record<string, Command>>,
): Promise<number> {
  try {
    return await dispatch(args, commands);
  } catch (thrown) {
    if (!(thrown instanceof UsageError)) throw thrown;
    const [name] = args;
    const known = name !== undefined && Object.hasOwn(commands, name) ? `${name} ` : "";
    process.stderr.write(`${thrown.message}\nSee telltale ${known}--help\n`);
    return EXIT.usage;
  }
}

async function dispatch(
  [name, ...rest]: readonly string[],
  commands: Readonly<Record<string, Command>>,
): Promise<number> {
  if (name === undefined) {
    process.stderr.write(overview(commands));
    return EXIT.usage;
  }
  if (name === "--help" || name === "-h" || name === "help") {
    process.stdout.write(overview(commands));
    return EXIT.done;
  }
  if (name === "--version" || name === "-v") {
    process.stdout.write(`${await version()}\n`);
    return EXIT.done;
  }
  for (const { inner } of Object.values(commands)) {
    if (inner !== undefined && Object.hasOwn(inner, name)) return (await inner[name]?.(rest)) ?? 0;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    const kind = name.startsWith("-") ? "option" : "command";
    const known = kind === "command" ? Object.keys(commands) : ["--help", "--version"];
    throw new UsageError(`Cannot run telltale: unknown ${kind} "${name}", ${hint(name, known)}`);
  }
  const { given, operands, repeated } = parse(name, command, rest);
  if (given["help"] === true) {
    process.stdout.write(details(name, command));
    return EXIT.done;
  }
  return command.run(given, operands, repeated);
}

const HELP: OptionDefinition = { doc: "show this" };

interface Parsed {
  readonly given: Given;
  readonly operands: readonly string[];
  readonly repeated: Repeated;
}

function parse(name: string, command: Command, args: readonly string[]): Parsed {
  const known: Readonly<Record<string, OptionDefinition>> = { ...command.options, help: HELP };
  const { tokens } = parseArgs({
    args: [...args],
    strict: false,
    tokens: true,
    options: Object.fromEntries(
      Object.entries(known).map(([option, { value }]) => [
        option,
        {
          type: value === undefined ? ("boolean" as const) : ("string" as const),
          ...(option === "help" ? { short: "h" } : {}),
        },
      ]),
    ),
  });
  const given: Record<string, string | true> = {};
  const operands: string[] = [];
  const repeated: Record<string, string[]> = {};
  for (const token of tokens) {
    if (token.kind === "option-terminator") continue;
    if (token.kind === "positional") {
      if (command.operands === undefined) {
        throw new UsageError(`Cannot run ${name}: unexpected argument "${token.value}"`);
      }
      operands.push(token.value);
      continue;
    }
    const definition = Object.hasOwn(known, token.name) ? known[token.name] : undefined;
    if (definition === undefined) {
      const near = hint(
        token.rawName,
        Object.keys(known).map((option) => `--${option}`),
      );
      throw new UsageError(`Cannot run ${name}: unknown option "${token.rawName}", ${near}`);
    }
    if (definition.value === undefined) {
      if (token.value !== undefined) {
        throw new UsageError(
          `Cannot run ${name}: ${token.rawName} takes no value, received "${token.value}"`,
        );
      }
      given[token.name] = true;
    } else {
      if (token.value === undefined || token.value === "") {
        throw new UsageError(
          `Cannot run ${name}: ${token.rawName} must be followed by ${definition.value}`,
        );
      }
      given[token.name] = token.value;
      if (definition.many === true) {
        repeated[token.name] = [...(repeated[token.name] ?? []), token.value];
      }
    }
  }
  return { given, operands, repeated };
}

function overview(commands: Readonly<Record<string, Command>>): string {
  return `telltale: the circuit breaker that tells you everything

Usage: telltale <command> [options]

Commands
${table(Object.entries(commands).map(([name, { summary }]) => [name, summary]))}

telltale <command> --help shows the options of a command, with examples.
telltale --version prints the version.

Exit codes
${table([
  ["0", "done"],
  ["1", "failed; the message says what"],
  ["2", "wrong usage"],
  ["130", "interrupted with Ctrl-C before it was done"],
])}
`;
}

function details(name: string, command: Command): string {
  const { about, options, operands, examples = [], exitCodes } = command;
  const rows = Object.entries(options).map(([option, { value, doc }]): [string, string] => [
    value === undefined ? `--${option}` : `--${option} ${value}`,
    doc,
  ]);
  const beside: readonly [string, string][] =
    operands === undefined ? [] : [[operands.value, operands.doc]];
  return `Usage: telltale ${name} [options]${beside.map(([value]) => ` ${value}`).join("")}

${paragraphs(about)}

Options
${table([...beside, ...rows, ["-h, --help", HELP.doc]])}
${examples.length === 0 ? "" : `\nExamples\n${examples.map(([line, does]) => `  ${line}\n      ${does}`).join("\n")}\n`}
Exit codes
${table(Object.entries(exitCodes))}
`;
}

/** Rows of two columns; the right one is wrapped, so that a line fits a terminal of the usual width. */
function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  const indent = width + 4;
  return rows
    .map(([left, right]) => {
      const lines = wrapped(right, Math.max(NARROWEST, LINE - indent));
      return `  ${left.padEnd(width)}  ${lines.join(`\n${" ".repeat(indent)}`)}`;
    })
    .join("\n");
}

const paragraphs = (text: string): string =>
  text
    .split("\n\n")
    .map((paragraph) => wrapped(paragraph.replaceAll("\n", " "), LINE).join("\n"))
    .join("\n\n");

const LINE = 80;
const NARROWEST = 36;

function wrapped(text: string, columns: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line === "" || longer.length <= columns) line = longer;
    else {
      lines.push(line);
      line = word;
    }
  }
  return [...lines, line];
}
