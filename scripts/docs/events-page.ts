import { BUS_ENVELOPE } from "../../src/events/bus-events.ts";
import { EVENTS, PLAIN_ENVELOPE } from "../../src/events/catalogue.ts";
import { CIRCUIT_ENVELOPE } from "../../src/events/circuit-events.ts";
import type { Field, Fields } from "../../src/events/field.ts";

/** docs/events.md, made from the catalogue. */
export function eventsPage(): string {
  const sections = Object.entries(EVENTS).map(
    ([type, { severity, sentence, when, fields, metrics }]) => {
      const counters = metrics.map(({ metric }) => `\`${metric}\``).join(", ");
      return [
        `## \`${type}\``,
        "",
        `${when}.`,
        "",
        `Severity \`${severity}\`; log message "${sentence}".${counters === "" ? "" : ` Moves ${counters}.`}`,
        "",
        fieldTable(fields),
      ].join("\n");
    },
  );
  return `${[
    "# Events",
    "",
    "Made from the catalogue in `src/events` by `npm run docs`; do not edit.",
    "",
    "Every event is frozen plain data. Durations end in `Ms`, moments of the wall clock in `AtMs` (epoch",
    "milliseconds), shares are 0 to 1.",
    "",
    "```ts",
    'import { CircuitBreaker } from "telltale";',
    "",
    'const breaker = new CircuitBreaker("payments");',
    'breaker.on("circuit.open", (event) => console.log(event.reason, event.rule, event.detectMs));',
    'breaker.on("circuit.*", (event) => console.log(event.seq, event.type));',
    "```",
    "",
    "Order: the state is committed, then listeners run in the order they subscribed, before the caller sees the result.",
    "The events of one step come as failure or success, progress, probe, then open or close. A listener that throws",
    "disturbs nobody and is reported as `bus.listener_failed`.",
    "",
    "## The envelope of every `circuit.*` event",
    "",
    fieldTable({ type: TYPE_FIELD, ...CIRCUIT_ENVELOPE }),
    "",
    "`bus.*` events have `type` and:",
    "",
    fieldTable(BUS_ENVELOPE),
    "",
    "All others have `type` and:",
    "",
    fieldTable(PLAIN_ENVELOPE),
    "",
    sections.join("\n\n"),
  ].join("\n")}\n`;
}

const TYPE_FIELD: Field<string> = {
  doc: "The name of the event",
  shape: { kind: "text" },
  nullable: false,
  optional: false,
};

function fieldTable(fields: Fields): string {
  const rows = Object.entries(fields).map(
    ([name, field]) =>
      `| \`${name}\`${field.optional ? "?" : ""} | ${shapeOf(field)} | ${field.doc} |`,
  );
  return ["| field | holds | meaning |", "|---|---|---|", ...rows].join("\n");
}

function shapeOf({ shape, nullable }: Field<unknown, boolean>): string {
  const held = () => {
    switch (shape.kind) {
      case "word":
        return shape.words.map((word) => `\`${JSON.stringify(word)}\``).join(", ");
      case "counts":
        return `{ ${shape.keys.join(", ")} }: counts`;
      case "numbers":
        return "named numbers";
      case "scalars":
        return "named values";
      case "error":
        return "{ name, message, code? }";
      case "text":
        return "text";
      case "integer":
        return "whole number";
      case "number":
        return shape.maximum === 1 ? "0 to 1" : "number";
    }
  };
  return nullable ? `${held()}, or null` : held();
}
