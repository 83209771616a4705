import { existsSync, readdirSync, readFileSync } from "node:fs";
import { labelValues } from "./prometheus-query.ts";

/** A query of a dashboard, as Grafana would send it. */
export interface DashboardQuery {
  /** The file, the panel, and the query itself. */
  readonly name: string;
  readonly query: string;
}

/** What is read of a dashboard's JSON. */
interface Dashboard {
  readonly templating?: { readonly list?: readonly Variable[] };
  readonly annotations?: {
    readonly list?: readonly { readonly name: string; readonly expr?: string }[];
  };
  readonly panels?: readonly Panel[];
}

interface Panel {
  readonly title?: string;
  readonly targets?: readonly { readonly expr?: string }[];
  readonly panels?: readonly Panel[];
}

interface Variable {
  readonly name: string;
  readonly type: string;
  readonly query?: string | { readonly query?: string };
}

const FOLDER = new URL("../../../docs/dashboards/", import.meta.url);

/** The dashboards that there are, by file. */
export function dashboardFiles(): readonly string[] {
  return existsSync(FOLDER) ? readdirSync(FOLDER).filter((name) => name.endsWith(".json")) : [];
}

/** Intervals that Grafana works out from the scrape interval and the span that is shown. */
const INTERVALS: Readonly<Record<string, string>> = {
  __rate_interval: "2s",
  __interval: "1s",
  __range: "120s",
  __range_s: "120",
  __interval_ms: "1000",
};

/** Every query of a dashboard, panels and annotations, with its variables as they would be with "All" chosen. */
export async function dashboardQueries(
  file: string,
  url: string,
): Promise<readonly DashboardQuery[]> {
  // Grafana reads it by the same names.
  const dashboard = JSON.parse(readFileSync(new URL(file, FOLDER), "utf8")) as Dashboard;
  const values = new Map(Object.entries(INTERVALS));
  for (const variable of dashboard.templating?.list ?? []) {
    values.set(variable.name, await chosenValue(variable, values, url));
  }
  const targets = panelsOf(dashboard.panels ?? []).flatMap(({ title = "", targets: all = [] }) =>
    all.map(({ expr }) => ({ name: `${file}, panel ${title}`, expr })),
  );
  const annotations = (dashboard.annotations?.list ?? [])
    // Grafana's own annotations ask no Prometheus.
    .filter(({ expr }) => expr !== undefined)
    .map(({ name, expr }) => ({ name: `${file}, annotation ${name}`, expr }));
  return [...targets, ...annotations].map(({ name, expr }) => {
    if (expr === undefined) throw new Error(`${name} has a target without a query`);
    return { name, query: substituted(expr, values) };
  });
}

const panelsOf = (panels: readonly Panel[]): readonly Panel[] =>
  panels.flatMap((panel) => [panel, ...panelsOf(panel.panels ?? [])]);

async function chosenValue(
  { name, type, query }: Variable,
  values: ReadonlyMap<string, string>,
  url: string,
): Promise<string> {
  const text = typeof query === "object" ? (query.query ?? "") : (query ?? "");
  if (type !== "query") return text.split(",")[0] ?? "";
  const [, match = "", label = ""] = /^label_values\((.*),\s*(\w+)\)$/.exec(text) ?? [];
  if (label === "") throw new Error(`Cannot read the variable ${name}: ${text}`);
  const found = await labelValues(url, label, substituted(match, values));
  if (found.length === 0) throw new Error(`The variable ${name} has no values: ${text}`);
  return found.map((value) => value.replaceAll(/[.:]/g, "[$&]")).join("|");
}

function substituted(text: string, values: ReadonlyMap<string, string>): string {
  return text.replaceAll(/\$(?:\{(\w+)(?::\w+)?\}|(\w+))/g, (whole, braced, bare) => {
    const value = values.get(braced ?? bare);
    if (value === undefined) throw new Error(`No variable is called ${whole} in ${text}`);
    return value;
  });
}
