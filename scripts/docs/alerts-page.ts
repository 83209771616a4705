import { DEFAULT_SETTINGS } from "../../src/cli/alerts/alert-settings.ts";
import { type AlertingRule, isAlert, type RuleGroup } from "../../src/cli/alerts/rule.ts";
import { lokiGroups, ruleGroups } from "../../src/cli/alerts/rule-groups.ts";
import { lokiRules, rulesFile } from "../../src/cli/alerts/rules-file.ts";
import { THRESHOLD_NAMES, THRESHOLDS } from "../../src/cli/alerts/thresholds.ts";
import { durationMs } from "../../src/cli/duration.ts";

/** docs/alerts/telltale.rules.yaml: what `telltale alerts` writes. */
export const prometheusRules = (): string =>
  `# Made by: telltale alerts\n${rulesFile(DEFAULT_SETTINGS)}`;

/** docs/alerts/telltale.loki.yaml: what `telltale alerts --format loki` writes. */
export const logRules = (): string =>
  `# Made by: telltale alerts --format loki\n${lokiRules(DEFAULT_SETTINGS)}`;

/** docs/alerts/README.md, made from the rules. */
export function alertsPage(): string {
  return `${[
    "# Alerts",
    "",
    "Made from `src/cli/alerts` by `npm run docs`; do not edit.",
    "",
    ...INSTALL,
    "",
    "## The alerts",
    "",
    "`for` is how long the condition holds before the alert fires, `after` how long it goes on when the condition has",
    "ceased. All are told by breaker and job, all instances together, but for those about telemetry, quota, money, the",
    "cluster, stores and owners, which name no breaker. Those fire only where the metrics of what they are about are exported.",
    "",
    alertTable(ruleGroups(DEFAULT_SETTINGS)),
    "",
    "## Thresholds",
    "",
    "Each is an option of `telltale alerts`, beside `--for`, `--keep-firing-for`, `--severity` and `--without`.",
    "",
    "| option | default | decides |",
    "|---|---|---|",
    ...THRESHOLD_NAMES.map(
      (name) => `| \`--${name}\` | ${THRESHOLDS[name].usual} | ${THRESHOLDS[name].doc} |`,
    ),
    "",
    ...GOOD_TO_KNOW,
    "",
    "## Without metrics: Loki",
    "",
    ...LOKI,
    "",
    alertTable(lokiGroups(DEFAULT_SETTINGS)),
    "",
    ...JQ,
  ].join("\n")}\n`;
}

const INSTALL = [
  "## Install",
  "",
  "```sh",
  "npx telltale alerts --out /etc/prometheus/telltale.rules.yaml   # named under rule_files in prometheus.yml",
  "promtool check rules /etc/prometheus/telltale.rules.yaml",
  "curl -X POST http://127.0.0.1:9090/-/reload                     # or: kill -HUP $(pidof prometheus)",
  "```",
  "",
  "For the Prometheus operator: `npx telltale alerts --format kubernetes --object-label release=prometheus | kubectl apply -f -`.",
  "",
  "The rules fit metrics from `telltale/prometheus` and from `telltale/opentelemetry` alike. What they make with the usual",
  "thresholds is [telltale.rules.yaml](telltale.rules.yaml). Services are told apart by the label `job`, their instances by",
  "`instance`; `--group-by`, `--instance-label` and `--selector` change that. `telltale alerts --help` has the rest.",
  "",
  "[alertmanager.example.yml](alertmanager.example.yml) has routes (a trip that is about to happen waits for nothing, one",
  "message for each breaker) and inhibitions (what is open is not about to trip). Each alert has a",
  "[runbook](../runbooks) of its name.",
];

const GOOD_TO_KNOW = [
  "## Good to know",
  "",
  "- An alert counts instances, it does not fire for each: twenty replicas with one bad dependency are one message.",
  "- A breaker whose cooldown is over and that nobody calls refuses nobody. It counts as open for five more minutes, then",
  "  only `CircuitBreakerNoProbeTraffic` (info) speaks of it.",
  "- An open that is shorter than a scrape interval is seen by its counters: `CircuitBreakerErrorTrips`,",
  "  `CircuitBreakerLatencyTrips`.",
  "- A forced open breaker counts as open, since calls are refused, but never as one that does not recover.",
  "- `keep_firing_for` needs Prometheus 2.42; `--keep-firing-for all=0s` does without.",
  "- A job whose series are gone for an hour is taken for one that was removed.",
  "- The recordings have two levels: `breaker_instance:` is one breaker in one instance, `breaker:` all its instances.",
];

const LOKI = [
  "`npx telltale alerts --format loki --selector '{app=\"checkout\"}'` writes rules over the lines of `telltale/pino`; with",
  "the usual settings they are [telltale.loki.yaml](telltale.loki.yaml). The logger's level must be `info` or lower, and the",
  "option `eventKey` as it is by default. They have the names of the alerts above, so the same routes and runbooks serve.",
  "Lines do not tell how many calls succeed, so the alerts about ratios, budgets and what is absent need metrics.",
];

const JQ = [
  "## Without anything: jq",
  "",
  "A log file of `telltale/pino` and `jq` answer the questions of the first minute.",
  "",
  "Which breakers are open now, why, and since when?",
  "",
  "```sh",
  `jq -sc 'map(select(.type == "circuit.open" or .type == "circuit.close")) | group_by(.breaker, .instance)[] | last | select(.type == "circuit.open") | {breaker, instance, reason, rule, since: (.atMs / 1000 | todate)}' service.log`,
  "```",
  "",
  "How many calls were refused, by breaker? Lines are sampled, and `suppressed` has the others.",
  "",
  "```sh",
  `jq -sc 'map(select(.breaker)) | group_by(.breaker)[] | {breaker: .[0].breaker, refused: (map((.suppressed // 0) + (if .type == "circuit.skip" then 1 else 0 end)) | add)}' service.log`,
  "```",
  "",
  "Is it slow or is it throwing? Opens by breaker and reason, failed probes included.",
  "",
  "```sh",
  `jq -sc 'map(select(.type == "circuit.open")) | group_by(.breaker, .reason)[] | {breaker: .[0].breaker, reason: .[0].reason, opens: length}' service.log`,
  "```",
  "",
  "How long did recoveries take, in seconds?",
  "",
  "```sh",
  `jq -sc 'map(select(.type == "circuit.close" and (.reason == "probe" or .reason == "peer"))) | group_by(.breaker)[] | {breaker: .[0].breaker, recoveries: length, meanSeconds: (map(.mttrMs) | add / length / 1000), longestSeconds: (map(.mttrMs) | max / 1000)}' service.log`,
  "```",
  "",
  "Who came near a trip without tripping?",
  "",
  "```sh",
  `jq -c 'select(.type == "circuit.progress" and (.ratio >= 0.8 or (.failuresToTrip // 99) <= 2)) | {breaker, instance, ratio, failuresToTrip, at: (.atMs / 1000 | todate)}' service.log`,
  "```",
  "",
  "What did not get into the log? Sinks that lost events, and lines that are missing between two of a breaker.",
  "",
  "```sh",
  `jq -sc '(map(select(.type == "bus.listener_failed" or .type == "bus.dropped")) | group_by(.sink)[] | {sink: .[0].sink, lost: (map(.count) | add)}), (map(select(.seq)) | group_by(.breaker, .instance)[] | . as $lines | range(1; length) | select($lines[.].prevSeq != null and $lines[.].prevSeq != $lines[. - 1].seq) | {breaker: $lines[.].breaker, missingBefore: $lines[.].seq})' service.log`,
  "```",
];

function alertTable(groups: readonly RuleGroup[]): string {
  const alerts = groups.flatMap(({ rules }) => rules).filter(isAlert);
  return [
    "| alert | severity | fires when | for | after |",
    "|---|---|---|---|---|",
    ...alerts.map(row),
  ].join("\n");
}

function row({ alert, severity, when, for: holds, keepFiringFor }: AlertingRule): string {
  const shown = (duration: string): string => (durationMs(duration) === 0 ? "" : duration);
  return `| \`${alert}\` | ${severity} | ${when} | ${shown(holds)} | ${shown(keepFiringFor)} |`;
}
