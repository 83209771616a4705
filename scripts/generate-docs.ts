import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { eventsSchema } from "../src/events/event-schema.ts";
import { alertsPage, logRules, prometheusRules } from "./docs/alerts-page.ts";
import { apiList } from "./docs/api-list.ts";
import { dashboards } from "./docs/dashboards/dashboards.ts";
import { eventsPage } from "./docs/events-page.ts";
import { metricsPage } from "./docs/metrics-page.ts";
import { policiesPage } from "./docs/policies-page.ts";

// Writes what is made from the catalogues, from doc comments and from the built package; with --check, fails when a file is not as it
// would be written.
const pages: Readonly<Record<string, string>> = {
  "docs/events.md": await eventsPage(),
  "docs/events.schema.json": `${JSON.stringify(eventsSchema(), null, 2)}\n`,
  "docs/metrics.md": metricsPage(),
  "docs/policies.md": policiesPage(),
  ...dashboards(),
  "docs/alerts/README.md": alertsPage(),
  "docs/alerts/telltale.rules.yaml": prometheusRules(),
  "docs/alerts/telltale.loki.yaml": logRules(),
  "test/api.txt": await apiList(),
};

const root = new URL("../", import.meta.url);
const stale: string[] = [];
for (const [path, text] of Object.entries(pages)) {
  const file = new URL(path, root);
  if (!process.argv.includes("--check")) writeFileSync(file, text);
  else if (!existsSync(file) || readFileSync(file, "utf8") !== text) stale.push(path);
}
if (stale.length > 0) {
  console.error(
    `Not as generated: ${stale.join(", ")}. Run npm run docs and look at the difference.`,
  );
  process.exitCode = 1;
}
