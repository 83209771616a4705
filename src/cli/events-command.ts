import type { EventType } from "../events/event.ts";
import { eventsSchema, type JsonSchema, schemaOf } from "../events/event-schema.ts";
import { EVENT_FAMILIES, EVENT_TYPES } from "../events/event-types.ts";
import { hint } from "../events/nearest.ts";
import { SEVERITIES, type Severity } from "../events/vocabulary.ts";
import { type Command, EXIT } from "./command-line.ts";
import { factsOf, typesFrom } from "./events/event-facts.ts";
import { eventSection } from "./events/event-markdown.ts";
import { eventText, listText } from "./events/event-text.ts";
import { print } from "./print.ts";
import { UsageError } from "./usage-error.ts";
import { wordOf } from "./word-option.ts";

const FORMATS = ["text", "json", "markdown", "schema"] as const;
type Format = (typeof FORMATS)[number];

/** `telltale events`: the catalogue of events, for people and for programs. */
export const eventsCommand: Command = {
  summary: "every event: when, how loud, its fields, the counters it moves",
  about: `Lists the events of the catalogue, or tells all there is to know of the ones that
are named: when they are told, their severity and log message, their fields with
units, the counters that they move, and how to find them with jq, in Loki and in
Prometheus. The same as docs/events.md says. As schema it prints JSON Schema
2020-12; fields that it does not have are allowed, later versions may add some.`,
  operands: {
    value: "[EVENT ...]",
    doc: "names such as circuit.open, or families such as circuit.*",
  },
  options: {
    format: { value: "FORMAT", doc: `${FORMATS.join(", ")} (default text)` },
    severity: {
      value: "LEVEL",
      doc: `only events of this severity or louder: ${SEVERITIES.join(", ")}`,
    },
  },
  examples: [
    ["telltale events --severity warn", "what an operator is told without asking"],
    ["telltale events circuit.open", "the fields of one event, and how to find it"],
    ["telltale events --format schema > events.schema.json", "the JSON Schema of all of them"],
  ],
  exitCodes: { [EXIT.done]: "printed", [EXIT.usage]: "wrong usage, or no event has that name" },
  async run(given, operands) {
    const format = wordOf(given, "format", { words: FORMATS, command: "events" }) ?? "text";
    const severity = wordOf(given, "severity", { words: SEVERITIES, command: "events" }) ?? "trace";
    await print(printed(typesOf(operands, severity), format, operands.length > 0));
    return EXIT.done;
  },
};

function printed(types: readonly EventType[], format: Format, named: boolean): string {
  const all = types.map(factsOf);
  switch (format) {
    case "text":
      return named ? all.map(eventText).join("\n") : listText(all);
    case "json":
      return `${JSON.stringify(all, null, 2)}\n`;
    case "markdown":
      return `${all.map((facts) => eventSection(facts)).join("\n\n")}\n`;
    case "schema":
      return `${JSON.stringify(schemaFor(types), null, 2)}\n`;
  }
}

/** The schema of one event alone, or of several together. */
function schemaFor(types: readonly EventType[]): JsonSchema {
  const [only, ...others] = types;
  return only !== undefined && others.length === 0 ? schemaOf(only) : eventsSchema(types);
}

function typesOf(names: readonly string[], severity: Severity): readonly EventType[] {
  const known: readonly string[] = [...EVENT_TYPES, ...EVENT_FAMILIES];
  for (const name of names) {
    if (!known.includes(name)) {
      throw new UsageError(`Cannot run events: no event is called "${name}", ${hint(name, known)}`);
    }
  }
  const loud = typesFrom(severity);
  if (names.length === 0) return loud;
  const types = loud.filter((type) =>
    names.some(
      (name) => name === type || (name.endsWith("*") && type.startsWith(name.slice(0, -1))),
    ),
  );
  if (types.length > 0) return types;
  throw new UsageError(`Cannot run events: none of ${names.join(", ")} is ${severity} or louder`);
}
