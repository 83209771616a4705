import { breaker } from "./breaker.ts";
import { type Frame, panelsOf, RUNBOOKS } from "./frame.ts";
import { overview } from "./overview.ts";
import { STATE_CODES } from "./queries.ts";

/** docs/dashboards/README.md, with what each panel answers taken from the panels. */
export function dashboardsPage(): string {
  const codes = Object.entries(STATE_CODES).map(([state, code]) => `${code} \`${state}\``);
  return `${[
    "# Dashboards",
    "",
    "Made by `npm run docs` from `scripts/docs/dashboards`; do not edit.",
    "",
    "Two dashboards for Grafana on top of Prometheus, for the metrics of `telltale/prometheus` and of",
    "`telltale/opentelemetry` alike. They need no recording rules. `overview.json` shows all breakers; the name of one in",
    "its table leads to `breaker.json`, which shows that one in depth.",
    "",
    "## Import",
    "",
    "- **By hand.** Dashboards, New, Import, upload both files. Choose the data source at the top of the dashboard.",
    "- **By file.** Point a provider of dashboards at the folder, which the package has with it:",
    "",
    "  ```yaml",
    "  apiVersion: 1",
    "  providers:",
    "    - name: telltale",
    "      folder: Circuit breakers",
    "      options:",
    "        path: node_modules/telltale/docs/dashboards",
    "  ```",
    "",
    "- **By the API.**",
    "",
    "  ```sh",
    `  jq '{dashboard: ., overwrite: true}' overview.json \\`,
    '    | curl --fail -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" -d @- "$GRAFANA/api/dashboards/db"',
    "  ```",
    "",
    "They are not editable, so that an update can replace them; save a copy to change one.",
    "",
    "## Variables",
    "",
    "| variable | chooses |",
    "|---|---|",
    "| `datasource` | which Prometheus |",
    "| `job`, `instance` | which services and processes, as they are scraped; several or all |",
    "| `breaker` | the label `circuit_breaker_name`: several or all in the overview, one in depth |",
    `| \`runbooks\` | hidden: where the links to [runbooks](../runbooks/README.md) lead, \`${RUNBOOKS}\` unless changed in the settings of the dashboard |`,
    "",
    "Firing alerts of [telltale's rules](../runbooks/README.md) are drawn as annotations: red those of the chosen breakers, blue",
    "those of the telemetry itself. They are read from `ALERTS`, so the Prometheus that evaluates the rules must be the one chosen.",
    "",
    `A state is drawn by its name and colour; the queries give a number, in which the worst counts: ${codes.join(", ")}.`,
    "",
    ...[overview, breaker].flatMap(panelTable),
  ]
    .join("\n")
    .trimEnd()}\n`;
}

function panelTable(frame: Frame): string[] {
  const rows = panelsOf(frame).map(
    ({ row, title, description }) => `| ${row} | ${title} | ${description} |`,
  );
  return [
    `## ${frame.title}`,
    "",
    frame.description,
    "",
    "| row | panel | what it answers |",
    "|---|---|---|",
    ...rows,
    "",
  ];
}
