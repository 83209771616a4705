import type { AlertSettings } from "./alert-settings.ts";
import { clusterAlerts } from "./cluster-alerts.ts";
import { logAlerts } from "./log-alerts.ts";
import { ownerAlerts } from "./owner-alerts.ts";
import { PromQl } from "./promql.ts";
import { quotaAlerts } from "./quota-alerts.ts";
import { recoveryAlerts } from "./recovery-alerts.ts";
import { isAlert, type RuleGroup } from "./rule.ts";
import { stateAlerts } from "./state-alerts.ts";
import { storeAlerts } from "./store-alerts.ts";
import { telemetryAlerts } from "./telemetry-alerts.ts";
import type { Thresholds } from "./thresholds.ts";
import { trafficAlerts } from "./traffic-alerts.ts";

/** Makes the rules of one subject. */
type MakeGroup = (q: PromQl, thresholds: Thresholds) => RuleGroup;

/** Every group there is. A new subject is a file with such a function, and a place in this list. */
const GROUPS: readonly MakeGroup[] = [
  stateAlerts,
  trafficAlerts,
  recoveryAlerts,
  quotaAlerts,
  clusterAlerts,
  storeAlerts,
  ownerAlerts,
  telemetryAlerts,
];

/** The rules that the settings ask for, for Prometheus. */
export function ruleGroups(settings: AlertSettings): readonly RuleGroup[] {
  const q = new PromQl(settings);
  return GROUPS.map((make) => chosen(make(q, settings.thresholds), settings));
}

/** The rules that the settings ask for, for Loki. */
export function lokiGroups(settings: AlertSettings): readonly RuleGroup[] {
  return [chosen(logAlerts(settings, settings.thresholds), settings)];
}

function chosen({ name, rules }: RuleGroup, { without, overrides }: AlertSettings): RuleGroup {
  return {
    name,
    rules: rules
      .filter((rule) => !isAlert(rule) || !without.has(rule.alert))
      .map((rule) => (isAlert(rule) ? { ...rule, ...overrides.get(rule.alert) } : rule)),
  };
}
