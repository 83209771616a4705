import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { eventsPage } from "../../scripts/docs/events-page.ts";
import { fieldsOf } from "../../src/events/event-shape.ts";
import { EVENT_TYPES, isEventType } from "../../src/events/event-types.ts";
import type { MetricDefinition } from "../../src/events/metric-definition.ts";
import { METRICS, type MetricName } from "../../src/events/metrics.ts";
import { EVENTS, type EventType } from "../../src/index.ts";
import { parseEvent } from "../../src/report/index.ts";
import { SchemaCheck } from "../support/event-schema.ts";
import { parseLogQl } from "../support/logql.ts";
import { selectedBy } from "../support/loki-lines.ts";
import { describeWith, program } from "../support/programs.ts";
import { parsePromQl } from "../support/promql.ts";

// What an operator reads: docs/events.md alone, as it is committed.
const page = readFileSync(new URL("../../docs/events.md", import.meta.url), "utf8");
const folder = mkdtempSync(join(tmpdir(), "telltale-events-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The blocks of a language in a part of the page. */
const blocks = (language: string, text: string): string[] =>
  [...text.matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\n\`\`\``, "g"))].map(
    ([, code]) => code ?? "",
  );

/** The sections of the events, by the name in their heading. */
const sections = new Map<EventType, string>(
  page.split(/^## /m).flatMap((text): [EventType, string][] => {
    const [, name] = /^`([^`]+)`\n/.exec(text) ?? [];
    return isEventType(name) ? [[name, text]] : [];
  }),
);

const section = (type: EventType): string => {
  const found = sections.get(type);
  if (found === undefined) throw new Error(`docs/events.md has no section on ${type}`);
  return found;
};

/** The line of each event as the page shows it. */
const lines = new Map(
  EVENT_TYPES.map((type) => {
    const [, line = ""] = blocks("json", section(type));
    return [type, line];
  }),
);

test("docs/events.md is what is made from the catalogue and from runs of the library", async () => {
  expect(await eventsPage()).toBe(page);
  // The runs are the same each time.
  expect(await eventsPage()).toBe(page);
});

test("docs/events.md has a section on every event, and leads to it", () => {
  expect([...sections.keys()]).toEqual(EVENT_TYPES);
  for (const type of EVENT_TYPES) {
    const anchor = type.replaceAll(".", "");
    expect(page).toContain(`| [\`${type}\`](#${anchor}) | \`${EVENTS[type].severity}\` |`);
  }
});

describe.each(EVENT_TYPES)("the section on %s", (type) => {
  test("says when it is told, how loud it is, and what each of its fields holds", () => {
    const text = section(type);
    const { when, severity, sentence, fields } = EVENTS[type];
    expect(text).toContain(`\n${when}.\n`);
    expect(text).toContain(`Severity \`${severity}\`; log message "${sentence}".`);
    for (const [name, { doc, optional }] of Object.entries(fields)) {
      expect(text).toMatch(new RegExp(`^\\| \`${name}\`${optional ? "\\?" : ""} \\|`, "m"));
      expect(text).toContain(` | ${doc} |`);
      if (/Ms$/.test(name)) expect(text).toMatch(new RegExp(`\`${name}\`.*\\| ms`));
    }
  });

  test("shows an event of a run, which is of the schema, and the line of it", () => {
    const [shown = "", line = ""] = blocks("json", section(type));
    const event = JSON.parse(shown);
    expect(event.type).toBe(type);
    expect(new SchemaCheck().faults(event)).toEqual([]);
    expect(parseEvent(line)).toEqual(event);
    expect(JSON.parse(line)).toMatchObject({ msg: EVENTS[type].sentence });
    // An example that is there to be read has what the event has to say.
    for (const [name, { optional }] of Object.entries(fieldsOf(type))) {
      if (!optional) expect(event).toHaveProperty(name);
    }
  });

  test("names the series that the event moves, with legal labels", () => {
    const moved = [...section(type).matchAll(/`(\w+)\{([^}]*)\} \+(\d+)`/g)];
    expect(moved.length > 0).toBe(EVENTS[type].metrics.length > 0);
    for (const [, name = "", labels = ""] of moved) {
      const { labels: names, values }: MetricDefinition = METRICS[name as MetricName];
      const held = new Map([...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, k, v]) => [k, v]));
      const words = names.map((label) => held.get(label));
      if (name === "circuit_breaker_events_dropped_total") continue;
      // Where they are names from outside, there is no list.
      if (values.length === 0) expect(words).not.toContain(undefined);
      else expect(values).toContainEqual(words);
    }
  });

  test("has a query for Loki that selects its line, and no other", () => {
    const [query = ""] = blocks("logql", section(type));
    expect(selectedBy(query, [...lines.values()])).toEqual([lines.get(type)]);
  });

  test("has queries for Prometheus on the counters that it moves", () => {
    const queries = blocks("promql", section(type));
    expect(queries).toHaveLength(EVENTS[type].metrics.length);
    for (const [n, query] of queries.entries()) {
      const { selectors } = parsePromQl(query);
      expect(selectors.map(({ metric }) => metric)).toEqual([EVENTS[type].metrics[n]?.metric]);
    }
  });
});

test("a query that selects another line, or no query at all, is found out", () => {
  const all = [...lines.values()];
  expect(selectedBy('{app="api"} |= "circuit" | json', all).length).toBeGreaterThan(10);
  expect(selectedBy('{app="api"} | json | type="circuit.opn"', all)).toEqual([]);
  expect(() => selectedBy('{app="api"} | json | type=', all)).toThrow(SyntaxError);
  expect(() => selectedBy('{app="api"} | logfmt', all)).toThrow("Cannot follow the stage | logfmt");
});

test("the rule for Loki in docs/events.md is a query that selects opens by slow calls", () => {
  const [, loki = ""] = blocks("yaml", page);
  const [rule] = parse(loki).groups[0].rules;
  expect(parseLogQl(rule.expr).labels).toContain("breaker");
  const query = /count_over_time\((.*) \[5m\]\)/.exec(rule.expr)?.[1] ?? "";
  const open = lines.get("circuit.open") ?? "";
  const slow = open.replace('"reason":"error"', '"reason":"latency"');
  expect(selectedBy(query, [...lines.values(), slow])).toEqual([slow]);
});

describeWith("jq")("with jq", () => {
  test.each(EVENT_TYPES)(
    "the filter for %s selects its line among those of a log",
    async (type) => {
      const log = join(folder, "app.log");
      const others = [
        "plain text",
        '{"level":30,"msg":"listening"}',
        "5",
        "[1]",
        '{"type":5}',
        "{",
      ];
      writeFileSync(log, [...others, ...lines.values(), ...others].join("\n"));
      const [command = ""] = blocks("sh", section(type));
      const run = command.replace(/^jq /, `${program("jq")} `);
      const { stdout } = await promisify(execFile)("sh", ["-c", run], { cwd: folder });
      expect(JSON.parse(stdout)).toEqual(JSON.parse(lines.get(type) ?? ""));
      expect(stdout.trimEnd().split("\n")).toHaveLength(1);
    },
  );
});

describeWith("promtool")("with promtool", () => {
  test("the rule for Prometheus in docs/events.md is one, and fires at the first open", async () => {
    const [rules = ""] = blocks("yaml", page);
    writeFileSync(join(folder, "rules.yaml"), rules);
    const series = `circuit_breaker_transitions_total{circuit_breaker_name="x",from="closed",to="open"}`;
    const [{ alert }] = parse(rules).groups[0].rules;
    const of = (values: string, alerts: string) => `
  - interval: 1m
    input_series:
      - series: '${series}'
        values: '${values}'
    alert_rule_test:
      - eval_time: 6m
        alertname: ${alert}
        exp_alerts: ${alerts}`;
    const fired = `[{ exp_labels: { severity: warning, circuit_breaker_name: x }, exp_annotations: { summary: "x opened in the last 5 minutes" } }]`;
    writeFileSync(
      join(folder, "tests.yaml"),
      `rule_files: [rules.yaml]\ntests:${of("0 0 0 1 1 1 1", fired)}${of("0x6", "[]")}\n`,
    );
    const promtool = program("promtool");
    const options = { cwd: folder };
    await promisify(execFile)(promtool, ["check", "rules", "rules.yaml"], options);
    await promisify(execFile)(promtool, ["test", "rules", "tests.yaml"], options);
  });
});
