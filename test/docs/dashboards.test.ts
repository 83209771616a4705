import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { dashboards } from "../../scripts/docs/dashboards/dashboards.ts";
import { inserted, STATE_CODES } from "../../scripts/docs/dashboards/queries.ts";
import { METRIC_NAMES } from "../../src/events/metrics.ts";
import { STATES } from "../../src/events/vocabulary.ts";
import { LINT_RULES } from "../support/dashboard-lint.ts";
import {
  type Dashboard,
  expressions,
  type Panel,
  readDashboards,
  shown,
  substituted,
  VALUES,
} from "../support/dashboards.ts";
import { describeWith } from "../support/programs.ts";
import { parsePromQl, unknownNames } from "../support/promql.ts";
import { checkedAsRules } from "../support/promtool.ts";

const root = new URL("../../", import.meta.url);
const all = readDashboards();
const file = (path: string) => readFileSync(new URL(path, root), "utf8");

interface Exclusions {
  readonly exclusions: Readonly<
    Record<
      string,
      {
        readonly reason: string;
        readonly entries: readonly { readonly dashboard: string; readonly panel: string }[];
      }
    >
  >;
}
const { exclusions }: Exclusions = parse(file("docs/dashboards/.lint"));

test("the committed dashboards are those that the script makes", () => {
  for (const [path, text] of Object.entries(dashboards())) expect(file(path), path).toBe(text);
  expect(all.map(({ file: name }) => `docs/dashboards/${name}`).sort()).toEqual(
    Object.keys(dashboards())
      .filter((path) => path.endsWith(".json"))
      .sort(),
  );
});

describe.each(all)("$file", (dashboard) => {
  describe("Grafana's dashboard linter", () => {
    test.each(Object.entries(LINT_RULES))("%s", (name, rule) => {
      const excluded = (exclusions[name]?.entries ?? [])
        .filter(({ dashboard: title }) => title === dashboard.title)
        .map(({ panel }) => panel);
      expect([...rule(dashboard)]).toEqual(excluded);
    });
  });

  test("every query names exported metrics, their labels and values that these have", () => {
    for (const expr of expressions(dashboard)) {
      expect(unknownNames(parsePromQl(substituted(expr, VALUES))), expr).toEqual([]);
    }
  });

  test("every series of a breaker is chosen by the variable breaker", () => {
    for (const expr of expressions(dashboard)) {
      for (const { metric, matchers } of parsePromQl(expr.replaceAll(/\$__\w+/g, "1m")).selectors) {
        const exporterWide = /_(events_dropped|series_overflow)_total$|^telltale_/.test(metric);
        const chosen = matchers.some(({ value }) => value === "$breaker");
        expect(chosen, `${metric} in ${expr}`).toBe(!exporterWide);
      }
    }
  });

  test("queries ask Grafana for nothing but the variables that tests can fill in", () => {
    const named = expressions(dashboard).flatMap((expr) => expr.match(/\$\{?[\w:]+\}?/g) ?? []);
    expect(Object.keys(VALUES).map((name) => `$${name}`)).toEqual(
      expect.arrayContaining([...new Set(named)]),
    );
  });

  test("every panel has thresholds, and each series of it a name", () => {
    for (const { title, fieldConfig, targets = [], type } of shown(dashboard)) {
      const steps = fieldConfig?.defaults.thresholds?.steps ?? [];
      expect(steps.length, title).toBeGreaterThan(0);
      expect(steps[0]?.value, title).toBeNull();
      const limits = steps.slice(1).map(({ value }) => Number(value));
      expect(
        [...limits].sort((a, b) => a - b),
        title,
      ).toEqual(limits);
      for (const { legendFormat = "" } of targets) expect(legendFormat, title).not.toBe("");
      expect(
        targets.every(({ instant = false }) => instant === (type === "table")),
        title,
      ).toBe(true);
    }
  });

  test("overrides by name are about columns and series that the panel has", () => {
    for (const { title, type, fieldConfig, targets = [] } of shown(dashboard)) {
      const legends = targets.map(({ legendFormat = "" }) => legendFormat);
      const free = legends.some((legend) => /^\{\{(outcome|reason)\}\}$/.test(legend));
      for (const { matcher } of fieldConfig?.overrides ?? []) {
        if (type === "table" && matcher.options === "Breaker") continue;
        if (free && /^[a-z_]+$/.test(matcher.options)) continue;
        expect(legends, title).toContain(matcher.options);
      }
    }
  });

  test("panels are laid out within 24 columns, in sensible sizes, without overlap", () => {
    const taken = new Map<string, number>();
    for (const { id, type, gridPos } of dashboard.panels) {
      const { x, y, w, h } = gridPos;
      expect(x).toBeGreaterThanOrEqual(0);
      expect(x + w).toBeLessThanOrEqual(24);
      expect(h, `panel ${id}`).toBeGreaterThanOrEqual(type === "row" ? 1 : 4);
      expect(h).toBeLessThanOrEqual(type === "row" ? 1 : 12);
      expect(w, `panel ${id}`).toBeGreaterThanOrEqual(type === "row" ? 24 : 3);
      for (let column = x; column < x + w; column++) {
        for (let line = y; line < y + h; line++) {
          const place = `${column},${line}`;
          expect(taken.get(place), `panel ${id} at ${place}`).toBeUndefined();
          taken.set(place, id);
        }
      }
    }
    expect(everyLineIsFull(dashboard.panels)).toBe(true);
  });

  test("panels have numbers of their own, and queries letters of their own", () => {
    const ids = dashboard.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(Math.min(...ids)).toBeGreaterThan(0);
    for (const { title, targets = [] } of shown(dashboard)) {
      const letters = targets.map(({ refId }) => refId);
      expect(new Set(letters).size, title).toBe(letters.length);
    }
  });

  test("panels link to runbooks that exist", () => {
    const links = shown(dashboard).flatMap(({ links: own = [] }) => own);
    expect(links.length).toBeGreaterThan(20);
    for (const { title, url } of links) {
      const [, alert = ""] = /^Runbook: (\w+)$/.exec(title) ?? [];
      expect(url).toBe(`${inserted("runbooks")}/${alert}.md`);
      expect(existsSync(new URL(`docs/runbooks/${alert}.md`, root)), url).toBe(true);
    }
  });

  test("every panel leads to a runbook", () => {
    const bare = shown(dashboard).filter(({ links = [] }) => links.length === 0);
    expect(bare.map(({ title }) => title)).toEqual([]);
  });

  test("alerts are annotations, those of breakers apart from those of the exporters", () => {
    const read = dashboard.annotations.list.map(({ expr, datasource }) => {
      expect(datasource.uid).toBe(inserted("datasource"));
      const [selector] = parsePromQl(substituted(expr, VALUES)).selectors;
      return selector?.matchers.map(({ label, operator, value }) => `${label}${operator}${value}`);
    });
    const operator = dashboard.uid === "telltale-overview" ? "=~" : "=";
    expect(read).toEqual([
      [
        "alertname=~CircuitBreaker.+",
        "alertstate=firing",
        "job=~.+|",
        `circuit_breaker_name${operator}payments`,
      ],
      ["alertname=~CircuitBreaker.+", "alertstate=firing", "job=~.+|", "circuit_breaker_name="],
    ]);
  });

  test("it links to the other dashboard and to the runbooks, where they can be seen", () => {
    const other = all.find(({ uid }) => uid !== dashboard.uid);
    const [toOther, toRunbooks] = dashboard.links;
    expect(toOther?.url).toMatch(new RegExp(`^/d/${other?.uid}\\?`));
    expect(toOther?.title).toBe(other?.title);
    expect(toRunbooks?.url).toBe(`${inserted("runbooks")}/README.md`);
    expect(JSON.stringify(dashboard)).not.toContain("inControlsMenu");
  });
});

/** Whether the panels of each line fill all columns, so that no hole is left. */
function everyLineIsFull(panels: readonly Panel[]): boolean {
  const columns = panels.reduce((sum, { gridPos: { w, h } }) => sum + w * h, 0);
  const lines = Math.max(...panels.map(({ gridPos: { y, h } }) => y + h));
  return columns === lines * 24;
}

test("each metric is in a panel", () => {
  const text = all.flatMap(expressions).join("\n");
  expect(METRIC_NAMES.filter((name) => !text.includes(name))).toEqual([]);
});

test("the codes of the states rank them by what they cost the callers", () => {
  const ranked = Object.entries(STATE_CODES).sort(([, a], [, b]) => a - b);
  expect(ranked.map(([state]) => state)).toEqual([
    "closed",
    "disabled",
    "half_open",
    "open",
    "forced_open",
  ]);
  expect(Object.keys(STATE_CODES).sort()).toEqual([...STATES].sort());
});

test("the table leads to the breaker in depth", () => {
  const [overview] = all.filter(({ uid }) => uid === "telltale-overview");
  const table = overview?.panels.find(({ type }) => type === "table");
  const override = table?.fieldConfig?.overrides.find(
    ({ matcher }) => matcher.options === "Breaker",
  );
  expect(JSON.stringify(override)).toContain("/d/telltale-breaker?");
});

describeWith("promtool")("promtool", () => {
  test("takes every query as a rule", async () => {
    const exprs = all.flatMap(expressions).map((expr) => substituted(expr, VALUES));
    expect(await checkedAsRules([...new Set(exprs)])).toContain("SUCCESS");
  });
});

describe("the lint rules themselves", () => {
  const [good] = all;
  if (good === undefined) throw new Error("A dashboard was expected");
  const [, panel] = shown(good);
  if (panel === undefined) throw new Error("A panel was expected");
  const asking = (expr: string): Dashboard => ({
    ...good,
    panels: [{ ...panel, targets: [{ expr, refId: "A", datasource: { uid: "$datasource" } }] }],
  });
  const changed = (name: string, change: object): Dashboard => ({
    ...good,
    templating: {
      list: good.templating.list.map((variable) =>
        variable.name === name ? { ...variable, ...change } : variable,
      ),
    },
  });
  const chosen = 'job=~"$job", instance=~"$instance"';

  test.each<[rule: string, broken: Dashboard]>([
    ["template-datasource-rule", changed("datasource", { name: "prom" })],
    ["template-datasource-rule", { ...good, templating: { list: [] } }],
    ["template-job-rule", changed("job", { multi: false })],
    ["template-job-rule", changed("job", { allValue: ".*" })],
    ["template-instance-rule", changed("instance", { datasource: { uid: "local" } })],
    ["template-label-promql-rule", changed("job", { query: "label_values(up{, job)" })],
    ["template-on-time-change-reload-rule", changed("breaker", { refresh: 1 })],
    ["template-unused-rule", asking("circuit_breaker_state")],
    [
      "panel-datasource-rule",
      { ...good, panels: [{ ...panel, datasource: { type: "prometheus", uid: "local" } }] },
    ],
    ["panel-title-description-rule", { ...good, panels: [{ ...panel, description: "" }] }],
    [
      "panel-units-rule",
      { ...good, panels: [{ ...panel, fieldConfig: { defaults: {}, overrides: [] } }] },
    ],
    ["panel-no-targets-rule", { ...good, panels: [{ ...panel, targets: [] }] }],
    ["target-promql-rule", asking("sum by (job (up)")],
    ["target-rate-interval-rule", asking(`rate(circuit_breaker_skips_total{${chosen}}[5m])`)],
    ["target-job-rule", asking('circuit_breaker_state{instance=~"$instance"}')],
    ["target-instance-rule", asking('circuit_breaker_state{job=~"$job", instance="$instance"}')],
    ["target-counter-agg-rule", asking(`sum(circuit_breaker_skips_total{${chosen}})`)],
    [
      "target-histogram-rule",
      asking(`circuit_breaker_recovery_duration_seconds_bucket{${chosen}}`),
    ],
    ["uneditable-dashboard-rule", { ...good, editable: true }],
  ])("%s finds what is wrong", (name, broken) => {
    expect(LINT_RULES[name]?.(broken)).not.toEqual([]);
  });
});
