import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { EVENTS, envelopeOf } from "../../src/events/catalogue.ts";
import type { EventType } from "../../src/events/event.ts";
import { EVENT_TYPES } from "../../src/events/event-types.ts";
import type { Fields } from "../../src/events/field.ts";
import { chosen, type Pipeline, pipelinesOf, queryNodes } from "./log-query.ts";
import { recordedLog } from "./recorded-log.ts";
import {
  committedRules,
  nameOf,
  type Rule,
  type RulesDocument,
  rulesOf,
} from "./rules-document.ts";
import { SEVERITY } from "./scenario.ts";

const document = parse(
  readFileSync(new URL("../../docs/alerts/telltale.loki.yaml", import.meta.url), "utf8"),
) as RulesDocument;
const rules = rulesOf(document);
const cases = rules.map((rule) => ({ name: nameOf(rule), rule }));

/** The events whose lines a pipeline asks for. */
function typesOf({ filters }: Pipeline): readonly EventType[] {
  const { value = "" } = filters.flat().find(({ label }) => label === "type") ?? {};
  const asked = value.split("|").map((type) => type.replaceAll("[.]", "."));
  const types = EVENT_TYPES.filter((type) => asked.includes(type));
  expect(types, value).toHaveLength(asked.length);
  return types;
}

/** The fields of an event's line, but for `type`. */
const fieldsOf = (type: EventType): Fields => ({ ...envelopeOf(type), ...EVENTS[type].fields });

describe.each(cases)("$name over log lines", ({ name, rule }) => {
  const pipelines = pipelinesOf(rule.expr);

  test("can be parsed, and looks for the events that it filters by", () => {
    expect(queryNodes(rule.expr, "LogRangeExpr").length).toBe(pipelines.length);
    expect(pipelines.length).toBeGreaterThan(0);
    for (const pipeline of pipelines) {
      for (const type of typesOf(pipeline))
        expect(`{"type":"${type}"}`).toMatch(pipeline.lineFilter);
    }
  });

  test("names fields that the events have, and words that the fields hold", () => {
    for (const pipeline of pipelines) {
      for (const type of typesOf(pipeline)) {
        const fields = fieldsOf(type);
        const known = ["type", ...Object.keys(fields)];
        // The lines of the bus itself have no breaker.
        if (type.startsWith("bus.")) known.push("breaker");
        for (const field of Object.values(pipeline.extracted)) expect(known).toContain(field);
        for (const { label, operator, value } of pipeline.filters.flat()) {
          const shape = fields[pipeline.extracted[label] ?? ""]?.shape;
          if (shape?.kind !== "word" || operator === ">=") continue;
          for (const word of value.split("|")) expect(shape.words).toContain(word);
        }
      }
    }
  });

  test("filters, groups and adds up labels that it extracts, or that streams have", () => {
    for (const { filters, extracted, unwrap } of pipelines) {
      for (const { label } of filters.flat()) expect(Object.keys(extracted)).toContain(label);
      if (unwrap !== null) expect(Object.keys(extracted)).toContain(unwrap);
    }
    const labels = ["job", ...pipelines.flatMap(({ extracted }) => Object.keys(extracted))];
    for (const node of queryNodes(rule.expr, "Labels")) {
      for (const label of rule.expr.slice(node.from, node.to).split(",")) {
        expect(labels).toContain(label.trim());
      }
    }
  });

  test("has the severity and the runbook of the alert that metrics give", () => {
    const twin: Rule | undefined = rulesOf(committedRules()).find((each) => each.alert === name);
    expect(rule.labels?.["severity"]).toBe(SEVERITY[name]);
    expect(rule.annotations?.["runbook_url"]).toBe(twin?.annotations?.["runbook_url"]);
  });
});

describe("the lines that each alert looks for, of a recorded log", () => {
  let lines: readonly string[];
  beforeAll(async () => {
    lines = await recordedLog();
  });

  // By alert, and by pipeline in the order of its expression.
  const EXPECTED: Readonly<Record<string, readonly number[]>> = {
    // Of three failures that trip, the first leaves two and the second one: three climbs.
    CircuitBreakerTripImminent: [6],
    // payments twice, forced once, search once.
    CircuitBreakerOpen: [4],
    // Those, and the 1st, 2nd and 4th refusal of payments, all three of the forced one.
    CircuitBreakerOpenTooLong: [10, 1],
    CircuitBreakerFlapping: [3],
    CircuitBreakerLatencyTrips: [1],
    CircuitBreakerErrorTrips: [2],
    CircuitBreakerForcedOpenStuck: [3],
    CircuitBreakerProbesStuck: [1, 2],
    CircuitBreakerRecoveryRegression: [1, 1, 1, 1],
    CircuitBreakerStoreFailing: [1, 1],
    CircuitBreakerSnapshotRejected: [1],
    // The two first calls that asked in vain, and the 1st, 2nd and 4th report.
    CircuitBreakerOwnerUnreachable: [5, 2],
    // One gave way, one was refused.
    CircuitBreakerSpendLost: [2],
    CircuitBreakerEventsDropped: [1],
  };

  test("every alert is in the table", () => {
    expect(Object.keys(EXPECTED).toSorted()).toEqual(rules.map(nameOf).toSorted());
  });

  test.each(cases)("$name", ({ name, rule }) => {
    const counts = pipelinesOf(rule.expr).map((pipeline) => chosen(lines, pipeline).length);
    expect(counts).toEqual(EXPECTED[name]);
  });

  test.each([
    { alert: "CircuitBreakerRecoveryRegression", label: "mttrMs", sum: 120_000 },
    { alert: "CircuitBreakerEventsDropped", label: "lost", sum: 1 },
  ])("$alert adds up the numbers of the lines", ({ alert, label, sum }) => {
    const rule = rules.find((each) => each.alert === alert);
    const pipeline = pipelinesOf(rule?.expr ?? "").find(({ unwrap }) => unwrap === label);
    const field = pipeline?.extracted[label] ?? "";
    const picked = pipeline === undefined ? [] : chosen(lines, pipeline);
    expect(picked.reduce((total, line) => total + Number(JSON.parse(line)[field]), 0)).toBe(sum);
  });
});
