import { breaker } from "./breaker.ts";
import { dashboardText } from "./frame.ts";
import { overview } from "./overview.ts";
import { dashboardsPage } from "./readme.ts";

/** The files of docs/dashboards, by their paths. */
export function dashboards(): Readonly<Record<string, string>> {
  return {
    "docs/dashboards/overview.json": dashboardText(overview),
    "docs/dashboards/breaker.json": dashboardText(breaker),
    "docs/dashboards/README.md": dashboardsPage(),
  };
}
