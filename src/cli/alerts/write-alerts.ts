import { writeFile } from "node:fs/promises";
import { EXIT, type Given } from "../command-line.ts";
import { givenSettings } from "./given-settings.ts";
import { lokiRules, prometheusRule, rulesFile } from "./rules-file.ts";

/** Writes the rules that the options ask for, and returns the exit code. */
export async function writeAlerts(given: Given): Promise<number> {
  const { settings, format, meta, out } = givenSettings(given);
  const text = `# Made by: telltale alerts${commandLine(given)}\n${body()}`;
  if (out === undefined) {
    process.stdout.write(text);
    return EXIT.done;
  }
  try {
    await writeFile(out, text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    process.stderr.write(`Cannot write alerts to ${out}: ${why}\n`);
    return EXIT.failed;
  }
  return EXIT.done;

  function body(): string {
    switch (format) {
      case "prometheus":
        return rulesFile(settings);
      case "kubernetes":
        return prometheusRule(settings, meta);
      case "loki":
        return lokiRules(settings);
    }
  }
}

/** The options as they can be typed again, but for the file that the text is in. */
function commandLine(given: Given): string {
  return Object.entries(given)
    .filter(([option]) => option !== "out")
    .map(([option, value]) => ` --${option} ${quoted(String(value))}`)
    .join("");
}

/** As a POSIX shell reads it. A line break would end the comment that this stands in. */
function quoted(text: string): string {
  const flat = text.replace(/\s+/g, " ");
  return /^[\w.,:=/-]+$/.test(flat) ? flat : `'${flat.replaceAll("'", `'\\''`)}'`;
}
