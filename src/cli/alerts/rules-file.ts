import { stringify } from "yaml";
import { durationMs } from "../duration.ts";
import type { AlertSettings } from "./alert-settings.ts";
import { type AlertingRule, isAlert, type RecordingRule, type RuleGroup } from "./rule.ts";
import { lokiGroups, ruleGroups } from "./rule-groups.ts";

/** What a Kubernetes object is called. */
export interface ObjectMeta {
  readonly name: string;
  readonly namespace: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
}

/** A rules file of Prometheus. */
export function rulesFile(settings: AlertSettings): string {
  return yaml({ groups: groupsOf(ruleGroups(settings), settings) });
}

/** A rules file of Loki, over the lines that telltale/pino writes. */
export function lokiRules(settings: AlertSettings): string {
  return yaml({ groups: groupsOf(lokiGroups(settings), settings) });
}

/** A `PrometheusRule`, as the Prometheus operator of Kubernetes takes it. */
export function prometheusRule(settings: AlertSettings, meta: ObjectMeta): string {
  const { name, namespace, labels } = meta;
  return yaml({
    apiVersion: "monitoring.coreos.com/v1",
    kind: "PrometheusRule",
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(Object.keys(labels).length === 0 ? {} : { labels }),
    },
    spec: { groups: groupsOf(ruleGroups(settings), settings) },
  });
}

/** No line is folded: an expression and a text are read as they were written. */
const yaml = (value: unknown): string => stringify(value, { lineWidth: 0 });

function groupsOf(groups: readonly RuleGroup[], settings: AlertSettings): unknown[] {
  const { interval } = settings;
  return groups.map(({ name, rules }) => ({
    name,
    ...(interval === undefined ? {} : { interval }),
    rules: rules.map((rule) => (isAlert(rule) ? alerting(rule, settings) : recording(rule))),
  }));
}

const recording = ({ record, expr }: RecordingRule) => ({ record, expr });

function alerting(rule: AlertingRule, { labels, runbookBase, runbookEnding }: AlertSettings) {
  const { alert, expr, severity, summary, description } = rule;
  return {
    alert,
    expr,
    ...(durationMs(rule.for) === 0 ? {} : { for: rule.for }),
    ...(durationMs(rule.keepFiringFor) === 0 ? {} : { keep_firing_for: rule.keepFiringFor }),
    labels: { ...labels, severity },
    annotations: {
      summary,
      description,
      runbook_url: `${runbookBase}/${alert}${runbookEnding}`,
    },
  };
}
