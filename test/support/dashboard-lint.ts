import { inserted } from "../../scripts/docs/dashboards/queries.ts";
import {
  type Dashboard,
  type Panel,
  shown,
  substituted,
  type Target,
  VALUES,
} from "./dashboards.ts";
import { type PromQuery, parsePromQl } from "./promql.ts";

/** A rule says what is wrong with a dashboard; nothing when it fits. */
export type LintRule = (dashboard: Dashboard) => readonly string[];

const DATASOURCE = ["$datasource", inserted("datasource")];
// Of Grafana's units those that the dashboards use; any other has to be looked up first.
const UNITS = ["none", "short", "percentunit", "reqps", "s", "currencyUSD"];
const RATES = ["rate", "irate"];
const GROWTHS = [...RATES, "increase"];

/**
 * The rules of Grafana's dashboard linter, by its names.
 * @see https://github.com/grafana/dashboard-linter
 */
export const LINT_RULES: Readonly<Record<string, LintRule>> = {
  "template-datasource-rule": ({ templating }) => {
    const variables = templating.list.filter(({ type }) => type === "datasource");
    if (variables.length === 0) return ["no variable for the data source"];
    return variables.flatMap(({ name, label, query }) => [
      ...when(name !== "datasource", `it is named ${name}`),
      ...when(label !== "Data source", `it is labelled ${label}`),
      ...when(query !== "prometheus", `it is for ${query}`),
    ]);
  },
  "template-job-rule": (dashboard) => choosable(dashboard, "job"),
  "template-instance-rule": (dashboard) => choosable(dashboard, "instance"),
  "template-label-promql-rule": ({ templating }) =>
    queried(templating.list).flatMap(({ name, query = "" }) => {
      const [, selector] = /^label_values\((.+), \w+\)$/.exec(query) ?? [];
      if (selector === undefined) return [`${name} is not label_values: ${query}`];
      return problemsOf(() => parsePromQl(selector));
    }),
  "template-on-time-change-reload-rule": ({ templating }) =>
    queried(templating.list)
      .filter(({ refresh }) => refresh !== 2)
      .map(({ name }) => `${name} is not read again`),
  "template-unused-rule": (dashboard) =>
    queried(dashboard.templating.list)
      .filter(
        ({ name }) =>
          !everyTarget(dashboard).some(({ target }) => target.expr.includes(`$${name}`)),
      )
      .map(({ name }) => `${name} is in no query`),
  "panel-datasource-rule": (dashboard) => [
    ...shown(dashboard)
      .filter(({ datasource }) => !DATASOURCE.includes(datasource?.uid ?? ""))
      .map(titleOf),
    ...everyTarget(dashboard)
      .filter(({ target }) => !DATASOURCE.includes(target.datasource?.uid ?? ""))
      .map(({ panel, target }) => `${titleOf(panel)} ${target.refId}`),
  ],
  "panel-title-description-rule": (dashboard) =>
    shown(dashboard)
      .filter(({ title = "", description = "" }) => title === "" || description === "")
      .map(({ id }) => `panel ${id}`),
  "panel-units-rule": (dashboard) =>
    shown(dashboard).flatMap((panel) => {
      const { defaults, overrides = [] } = panel.fieldConfig ?? { defaults: {} };
      const units = overrides.flatMap(({ properties }) =>
        properties.filter(({ id }) => id === "unit").map(({ value }) => value),
      );
      return [defaults.unit, ...units]
        .filter((unit) => typeof unit !== "string" || !UNITS.includes(unit))
        .map((unit) => `${titleOf(panel)}: ${unit}`);
    }),
  "panel-no-targets-rule": (dashboard) =>
    shown(dashboard)
      .filter(({ targets = [] }) => targets.length === 0)
      .map(titleOf),
  "target-promql-rule": (dashboard) =>
    everyTarget(dashboard).flatMap(({ target }) => problemsOf(() => read(target))),
  "target-rate-interval-rule": (dashboard) =>
    everySelector(dashboard)
      .filter(
        ({ range, givenTo }) => RATES.includes(givenTo ?? "") && range !== VALUES.__rate_interval,
      )
      .map(({ panel, metric }) => `${titleOf(panel)}: ${metric}`),
  "target-job-rule": (dashboard) => unmatched(dashboard, "job"),
  "target-instance-rule": (dashboard) => unmatched(dashboard, "instance"),
  "target-counter-agg-rule": (dashboard) =>
    everySelector(dashboard)
      .filter(
        ({ metric, givenTo }) => metric.endsWith("_total") && !GROWTHS.includes(givenTo ?? ""),
      )
      .map(({ panel }) => titleOf(panel)),
  "target-histogram-rule": (dashboard) =>
    everySelector(dashboard)
      .filter(
        ({ metric, within }) =>
          metric.endsWith("_bucket") && !within.includes("histogram_quantile"),
      )
      .map(({ panel }) => titleOf(panel)),
  "uneditable-dashboard-rule": ({ editable }) => when(editable, "it is editable"),
};

const when = (wrong: boolean, problem: string): string[] => (wrong ? [problem] : []);

const titleOf = ({ title = "without a title" }: Panel): string => title;

const queried = (variables: Dashboard["templating"]["list"]) =>
  variables.filter(({ type }) => type === "query");

function choosable({ templating }: Dashboard, wanted: "job" | "instance"): string[] {
  const variable = templating.list.find(({ name }) => name === wanted);
  if (variable === undefined) return [`no variable ${wanted}`];
  const { type, label, multi, allValue, datasource } = variable;
  const title = `${wanted.charAt(0).toUpperCase()}${wanted.slice(1)}`;
  return [
    ...when(type !== "query", `it is a ${type}`),
    ...when(label !== title, `it is labelled ${label}`),
    ...when(multi !== true, "only one may be chosen"),
    ...when(allValue !== ".+", `all is ${allValue}`),
    ...when(!DATASOURCE.includes(datasource?.uid ?? ""), "it does not use the data source"),
  ];
}

function everyTarget(
  dashboard: Dashboard,
): readonly { readonly panel: Panel; readonly target: Target }[] {
  return shown(dashboard).flatMap((panel) =>
    (panel.targets ?? []).map((target) => ({ panel, target })),
  );
}

/** The queries with their variables filled in; of the chosen job and instance the variable itself is kept. */
function read({ expr }: Target): PromQuery {
  return parsePromQl(substituted(expr, { ...VALUES, job: "$job", instance: "$instance" }));
}

function everySelector(dashboard: Dashboard) {
  return everyTarget(dashboard).flatMap(({ panel, target }) =>
    read(target).selectors.map((selector) => ({ panel, ...selector })),
  );
}

function unmatched(dashboard: Dashboard, wanted: "job" | "instance"): string[] {
  return everySelector(dashboard)
    .filter(
      ({ matchers }) =>
        !matchers.some(
          ({ label, operator, value }) =>
            label === wanted && operator === "=~" && value === `$${wanted}`,
        ),
    )
    .map(({ panel, metric }) => `${titleOf(panel)}: ${metric}`);
}

function problemsOf(parse: () => unknown): string[] {
  try {
    parse();
    return [];
  } catch (error) {
    return [String(error)];
  }
}
