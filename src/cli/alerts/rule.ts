/** How urgent an alert is: `critical` wakes somebody, `warning` is for the working day, `info` stands in a channel. */
export const ALERT_SEVERITIES = ["critical", "warning", "info"] as const;

export type AlertSeverity = (typeof ALERT_SEVERITIES)[number];

/** A rule that stores what several alerts, or their texts, ask for. */
export interface RecordingRule {
  /** `level:metric:operation`. */
  readonly record: string;
  readonly expr: string;
}

/** An alert as its group defines it; the settings may change its durations and its severity. */
export interface AlertingRule {
  readonly alert: string;
  /** When it fires, for the docs: what `expr` asks, in words. */
  readonly when: string;
  readonly expr: string;
  /** How long `expr` holds before the alert fires, such as `1m`; `0s` for at once. */
  readonly for: string;
  /** How long the alert goes on firing after `expr` has ceased to hold; `0s` for not at all. */
  readonly keepFiringFor: string;
  readonly severity: AlertSeverity;
  /** One line, as a template of Prometheus. */
  readonly summary: string;
  /** What the value means, as a template of Prometheus. */
  readonly description: string;
}

/** Rules that are evaluated together, in their order, so that an alert sees the recordings of the same moment. */
export interface RuleGroup {
  readonly name: string;
  readonly rules: readonly (RecordingRule | AlertingRule)[];
}

export const isAlert = (rule: RecordingRule | AlertingRule): rule is AlertingRule =>
  "alert" in rule;

/** Lines that YAML shows as a block. */
export const lines = (...text: readonly string[]): string => text.join("\n");

/** A share as people say it: `14.4%`. */
export const percent = (share: number): string => `${Number((share * 100).toPrecision(12))}%`;
