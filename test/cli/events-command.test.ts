import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { eventsSchema, schemaOf } from "../../src/events/event-schema.ts";
import { fieldsOf } from "../../src/events/event-shape.ts";
import { EVENT_TYPES } from "../../src/events/event-types.ts";
import { METRICS } from "../../src/events/metrics.ts";
import { EVENTS } from "../../src/index.ts";
import { broadRun } from "../support/broad-run.ts";
import { SchemaCheck } from "../support/event-schema.ts";
import { BUNDLE, startTelltale, telltale } from "../support/telltale-process.ts";

/** What a run prints; fails when it is not what was asked for. */
async function printed(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await telltale(["events", ...args]);
  expect([code, stderr]).toEqual([0, ""]);
  return stdout;
}

const json = async (...args: readonly string[]) =>
  JSON.parse(await printed(...args, "--format", "json"));

test("telltale events lists every event with its severity and its sentence", async () => {
  const lines = (await printed()).trimEnd().split("\n");
  expect(lines.map((line) => line.split(/ {2,}/))).toEqual(
    EVENT_TYPES.map((type) => [type, EVENTS[type].severity, EVENTS[type].sentence]),
  );
});

test("telltale events of a name tells its fields, what it moves, and how to find it", async () => {
  const text = await printed("circuit.open");
  const { when, sentence, fields } = EVENTS["circuit.open"];
  expect(text.startsWith(`circuit.open: ${sentence} (error)\n${when}.\n\nFields\n`)).toBe(true);
  for (const [name, { doc, optional }] of Object.entries(fields)) {
    expect(text).toMatch(new RegExp(`^  ${name}${optional ? "\\?" : ""} +\\S`, "m"));
    expect(text).toContain(`  ${doc}\n`);
  }
  expect(text).toContain("[ms since 1970]");
  expect(text).toContain(
    "  circuit_breaker_trips_total{reason=reason}, when reason is error or latency\n",
  );
  expect(text).toContain("incidentId?");
  expect(text).toContain(`select(.type == "circuit.open")`);
  expect(text).toContain(`increase(circuit_breaker_transitions_total{to="open"}[5m])`);
  expect(await printed("circuit.progress")).toContain("\nMoves\n  no counter\n");
});

test("telltale events takes several names and families", async () => {
  const named = async (...args: readonly string[]) =>
    (await json(...args)).map(({ type }: { type: string }) => type);
  expect(await named("circuit.close", "circuit.open")).toEqual(["circuit.open", "circuit.close"]);
  expect(await named("bus.*")).toEqual(EVENT_TYPES.filter((type) => type.startsWith("bus.")));
  expect(await named("circuit.*", "bus.*", "circuit.open")).toEqual(
    EVENT_TYPES.filter((type) => /^(?:circuit|bus)\./.test(type)),
  );
});

test("telltale events --severity leaves out what is quieter", async () => {
  const loud = EVENT_TYPES.filter((type) => /warn|error/.test(EVENTS[type].severity));
  const lines = (await printed("--severity", "warn")).trimEnd().split("\n");
  expect(lines.map((line) => line.split(" ")[0])).toEqual(loud);
  const { code, stderr } = await telltale(["events", "circuit.success", "--severity", "error"]);
  expect([code, stderr]).toEqual([
    2,
    "Cannot run events: none of circuit.success is error or louder\nSee telltale events --help\n",
  ]);
});

test("telltale events --format json is the whole catalogue as data", async () => {
  const all: readonly {
    type: keyof typeof EVENTS;
    fields: { name: string }[];
    envelope: { name: string }[];
    metrics: { metric: keyof typeof METRICS; labels: object; opentelemetry: string }[];
  }[] = await json();
  expect(all.map(({ type }) => type)).toEqual(EVENT_TYPES);
  for (const { type, fields, envelope, metrics } of all) {
    const names = [...envelope, ...fields].map(({ name }) => name);
    expect(names).toEqual(["type", ...Object.keys(fieldsOf(type))]);
    for (const { metric, labels, opentelemetry } of metrics) {
      expect(Object.keys(METRICS)).toContain(metric);
      expect(Object.keys(labels).sort()).toEqual([...METRICS[metric].labels].sort());
      expect(opentelemetry).toMatch(/^(circuit_breaker|telltale)\.[a-z_]+$/);
    }
  }
  const [latency] = (await json("circuit.success"))[0].fields;
  expect(latency).toEqual({
    name: "latencyMs",
    holds: "number, 0 or more, or null",
    unit: "ms",
    optional: false,
    nullable: true,
    meaning: expect.stringContaining("How long the call took"),
  });
});

test("telltale events --format markdown is docs/events.md without its examples", async () => {
  const page = readFileSync(new URL("../../docs/events.md", import.meta.url), "utf8");
  const sections = page.slice(page.indexOf("\n## `") + 1);
  const without = sections.replaceAll(
    /An event, and the line that pino prints of it:\n[\s\S]*?\n\n(?=Find it)/g,
    "",
  );
  expect(await printed("--format", "markdown")).toBe(without);
});

describe("telltale events --format schema", () => {
  test("is the schema of all events, the one that is committed", async () => {
    const schema = JSON.parse(await printed("--format", "schema"));
    expect(schema).toEqual(eventsSchema());
  });

  test("is of one event when one is named, and of several when several are", async () => {
    const one = JSON.parse(await printed("circuit.open", "--format", "schema"));
    expect(one).toEqual(schemaOf("circuit.open"));
    const some = JSON.parse(await printed("circuit.open", "circuit.close", "--format", "schema"));
    expect(some).not.toHaveProperty("$id");
    const check = new SchemaCheck({ ...some, $id: "urn:test:some" });
    for (const event of await broadRun()) {
      expect(check.accepts(event)).toBe(/^circuit\.(?:open|close)$/.test(event.type));
    }
  });
});

test.each([
  [
    ["circuit.opn"],
    'no event is called "circuit.opn", did you mean "circuit.open" or "circuit.*" or "circuit.late"?',
  ],
  [["circuit.open", "xyzzy"], 'no event is called "xyzzy", known are circuit.success, '],
  [["constructor"], 'no event is called "constructor", known are '],
  [["--format", "yaml"], '--format must be one of text, json, markdown, schema, received "yaml"'],
  [
    ["--severity", "loud"],
    '--severity must be one of trace, debug, info, warn, error, received "loud"',
  ],
])("telltale events %j is wrong usage", async (args, message) => {
  const { code, stdout, stderr } = await telltale(["events", ...args]);
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toContain(`Cannot run events: ${message}`);
});

test("telltale events --help shows operands, options and examples", async () => {
  const help = await printed("--help");
  for (const part of ["[EVENT ...]", "--format FORMAT", "--severity LEVEL", "Examples"]) {
    expect(help).toContain(part);
  }
  for (const line of help.split("\n")) expect(line.length).toBeLessThanOrEqual(100);
});

test("telltale events ends well when its reader leaves", async () => {
  const { child, told, ended } = startTelltale("events", "--format", "json");
  child.stdout.once("data", () => child.stdout.destroy());
  expect([await ended, told.errors]).toEqual([0, ""]);
});

test("the bundled command prints the same", async () => {
  const args = ["events", "circuit.skip", "--format", "json"];
  expect(await telltale(args, { main: BUNDLE })).toEqual(await telltale(args));
});
