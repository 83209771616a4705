import { THRESHOLD_NAMES, THRESHOLDS } from "./alerts/thresholds.ts";
import { type Command, EXIT } from "./command-line.ts";

const thresholdOptions = Object.fromEntries(
  THRESHOLD_NAMES.map((name) => {
    const { usual, doc } = THRESHOLDS[name];
    return [name, { value: "N", doc: `${doc} (default ${usual})` }];
  }),
);

/** `telltale alerts`. The libraries are loaded when it runs: a help text needs neither YAML nor PromQL. */
export const alertsCommand: Command = {
  summary: "the alerting rules for circuit breakers, made for your labels and thresholds",
  about: `Writes recording and alerting rules: as a rules file of Prometheus, as a
PrometheusRule of Kubernetes, or, for teams without metrics, as rules of Loki over
the lines that telltale/pino writes. The same rules fit metrics from prom-client
and from OpenTelemetry. Each alert has a runbook. NAME is the name of an alert,
such as CircuitBreakerOpen, or all; several are separated by commas.`,
  options: {
    format: { value: "FORMAT", doc: "prometheus, kubernetes or loki (default prometheus)" },
    out: { value: "FILE", doc: "the file to write (default: stdout)" },
    selector: {
      value: "MATCHERS",
      doc: `which series, or log streams, to look at, such as 'job="checkout",env=~"prod|staging"' (default: all)`,
    },
    "group-by": {
      value: "LABELS",
      doc: "the labels that tell services apart, such as namespace,job (default job)",
    },
    "instance-label": {
      value: "LABEL",
      doc: "the label that tells the instances of a service apart, such as pod (default instance)",
    },
    for: {
      value: "NAME=TIME",
      doc: "how long the condition holds before the alert fires, such as CircuitBreakerOpen=2m",
    },
    "keep-firing-for": {
      value: "NAME=TIME",
      doc: "how long the alert goes on after that; all=0s for a Prometheus before 2.42",
    },
    severity: { value: "NAME=LEVEL", doc: "critical, warning or info" },
    without: { value: "NAMES", doc: "alerts to leave out" },
    label: { value: "NAME=VALUE", doc: "labels that every alert gets, such as team=payments" },
    "runbook-base": { value: "URL", doc: "where the runbooks are (default: those of the package)" },
    "runbook-ending": {
      value: "TEXT",
      doc: "the ending of a runbook's page, none for nothing (default .md)",
    },
    interval: {
      value: "TIME",
      doc: "how often the rules are evaluated (default: as Prometheus is set)",
    },
    name: { value: "NAME", doc: "kubernetes: the name of the object (default telltale)" },
    namespace: { value: "NAME", doc: "kubernetes: its namespace (default: none given)" },
    "object-label": {
      value: "NAME=VALUE",
      doc: "kubernetes: its labels, such as release=prometheus",
    },
    ...thresholdOptions,
  },
  examples: [
    ["telltale alerts --out telltale.rules.yaml", "every alert, with the usual thresholds"],
    [
      "telltale alerts --selector 'env=\"prod\"' --group-by namespace,job --for CircuitBreakerOpen=2m",
      "for one environment, services told apart by two labels, and a slower alert",
    ],
    [
      "telltale alerts --format kubernetes --object-label release=prometheus | kubectl apply -f -",
      "for the Prometheus operator",
    ],
  ],
  exitCodes: {
    [EXIT.done]: "the rules are written",
    [EXIT.failed]: "the file cannot be written; the message says why",
    [EXIT.usage]: "wrong usage, or a value that an option cannot have",
  },
  async run(given) {
    return (await import("./alerts/write-alerts.ts")).writeAlerts(given);
  },
};
