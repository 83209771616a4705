import type { Scope } from "./promql.ts";
import type { AlertSeverity } from "./rule.ts";
import { THRESHOLD_NAMES, THRESHOLDS, type Thresholds } from "./thresholds.ts";

/** What one alert has other than its group says. */
export interface AlertOverride {
  readonly for?: string;
  readonly keepFiringFor?: string;
  readonly severity?: AlertSeverity;
}

/** Everything that rules are made with. */
export interface AlertSettings extends Scope {
  readonly thresholds: Thresholds;
  /** By the name of the alert. */
  readonly overrides: ReadonlyMap<string, AlertOverride>;
  /** Names of alerts that are left out. */
  readonly without: ReadonlySet<string>;
  /** Labels that every alert gets, for routing. */
  readonly labels: Readonly<Record<string, string>>;
  /** Where the runbooks are; a runbook is a page of it named after its alert. */
  readonly runbookBase: string;
  /** The ending of a runbook's page, such as `.md`. */
  readonly runbookEnding: string;
  /** How often the rules are evaluated; undefined for as often as Prometheus evaluates by default. */
  readonly interval: string | undefined;
}

export const DEFAULT_SETTINGS: AlertSettings = Object.freeze({
  matchers: [],
  groupBy: ["job"],
  instanceLabel: "instance",
  // Every threshold has its usual value, which is what the type says.
  thresholds: Object.freeze(
    Object.fromEntries(THRESHOLD_NAMES.map((name) => [name, THRESHOLDS[name].usual])) as Thresholds,
  ),
  overrides: new Map(),
  without: new Set<string>(),
  labels: {},
  // The package has its runbooks with it, and this is where its files can be read.
  runbookBase: "https://unpkg.com/telltale/docs/runbooks",
  runbookEnding: ".md",
  interval: undefined,
});
