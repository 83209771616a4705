import { type Exported, exported, type SeriesSet, selector } from "./exported.ts";
import { STEP_SECONDS, seconds } from "./timeline.ts";

/** The labels that tell an alert from others of its name; those of {@link USUAL} when nothing is said. */
export type AlertLabels = Readonly<Record<string, string>>;

/** An alert that fires: its name alone, when its labels are the usual ones. */
export type Firing = string | readonly [alert: string, labels: AlertLabels];

/** What an alert says. */
interface Told {
  readonly alert: string;
  readonly labels?: AlertLabels;
  readonly summary: string;
  readonly description: string;
}

/** What processes export, and which alerts must fire when: those, and no others. */
export interface Scenario {
  /** As the name of a test: the alert, and the rule. */
  readonly name: string;
  /** How many samples there are. */
  readonly length: number;
  /** How far they are apart; evaluations, too. */
  readonly stepSeconds?: number;
  readonly exported: readonly Exported[];
  /** By moment: every alert that fires then. */
  readonly firing: Readonly<Record<string, readonly Firing[]>>;
  /** By moment: what alerts say then; of an alert that is named, all that fire. */
  readonly told?: Readonly<Record<string, readonly Told[]>>;
  /** By moment: recordings, with every value that they then have, by their labels. */
  readonly recorded?: Readonly<Record<string, readonly Recorded[]>>;
}

/** A recording, or a part of it that a selector picks, and its values. */
export interface Recorded {
  readonly record: string;
  readonly matchers?: string;
  readonly values: readonly (readonly [labels: AlertLabels, value: number])[];
}

/** The labels of the alerts of a breaker in most scenarios. */
export const USUAL: AlertLabels = { job: "checkout", circuit_breaker_name: "payments" };

/** How urgent each alert is: written down here a second time, so that no rule changes it unseen. */
export const SEVERITY: Readonly<Record<string, string>> = {
  CircuitBreakerTripImminent: "info",
  CircuitBreakerOpen: "warning",
  CircuitBreakerOpenTooLong: "critical",
  CircuitBreakerFlapping: "warning",
  CircuitBreakerSkipRatioHigh: "warning",
  CircuitBreakerLatencyTrips: "warning",
  CircuitBreakerErrorTrips: "warning",
  CircuitBreakerForcedOpenStuck: "warning",
  CircuitBreakerDisabledStuck: "warning",
  CircuitBreakerProbesStuck: "warning",
  CircuitBreakerNoProbeTraffic: "info",
  CircuitBreakerRecoveryRegression: "info",
  CircuitBreakerInstancesDisagree: "warning",
  CircuitBreakerErrorBudgetBurn: "critical",
  CircuitBreakerQuotaExhausted: "warning",
  CircuitBreakerBudgetHigh: "warning",
  CircuitBreakerBudgetEnd: "critical",
  CircuitBreakerBudgetDepletion: "warning",
  CircuitBreakerLedgerUnknown: "critical",
  CircuitBreakerSpendUnpriced: "warning",
  CircuitBreakerClusterLost: "warning",
  CircuitBreakerClusterDisagrees: "warning",
  CircuitBreakerClusterRejected: "warning",
  CircuitBreakerStoreFailing: "warning",
  CircuitBreakerSnapshotRejected: "warning",
  CircuitBreakerOwnerUnreachable: "warning",
  CircuitBreakerSpendLost: "warning",
  CircuitBreakerEventsDropped: "warning",
  CircuitBreakerSeriesOverflow: "warning",
  CircuitBreakerTelemetryAbsent: "warning",
};

const RUNBOOKS = "https://unpkg.com/telltale/docs/runbooks";

/**
 * The scenarios as a file for `promtool test rules`, of the rules at `rulesPath`. `asked` tells which series the rules
 * ask for: the others would only take time.
 */
export function testFile(
  scenarios: readonly Scenario[],
  rulesPath: string,
  asked: (series: string) => boolean = () => true,
): string {
  const tests = scenarios.map((scenario) => ({
    name: scenario.name,
    interval: `${scenario.stepSeconds ?? STEP_SECONDS}s`,
    input_series: seriesOf(scenario).filter(({ series }) => asked(series)),
    promql_expr_test: [
      ...Object.entries(scenario.firing).map(([moment, firing]) => ({
        expr: 'ALERTS{alertstate="firing"}',
        eval_time: checkedMoment(scenario, moment),
        exp_samples: firing.map((each) => ({ labels: firingLabels(each), value: 1 })),
      })),
      ...Object.entries(scenario.recorded ?? {}).flatMap(([moment, recorded]) =>
        recorded.map(({ record, matchers = "", values }) => ({
          expr: `${record}{${matchers}}`,
          eval_time: checkedMoment(scenario, moment),
          exp_samples: values.map(([labels, value]) => ({
            labels: selector(record, labels),
            value,
          })),
        })),
      ),
    ],
    alert_rule_test: Object.entries(scenario.told ?? {}).flatMap(([moment, told]) =>
      [...new Set(told.map(({ alert }) => alert))].map((alertname) => ({
        eval_time: checkedMoment(scenario, moment),
        alertname,
        exp_alerts: told.filter(({ alert }) => alert === alertname).map(toldOf),
      })),
    ),
  }));
  const step = Math.min(...scenarios.map(({ stepSeconds = STEP_SECONDS }) => stepSeconds));
  // JSON is YAML, and is written in a hundredth of the time.
  return JSON.stringify({ rule_files: [rulesPath], evaluation_interval: `${step}s`, tests });
}

interface InputSeries {
  readonly series: string;
  readonly values: string;
}

/** Kept for each list of processes: thousands of mutants meet the same scenario. */
const known = new WeakMap<readonly Exported[], readonly InputSeries[]>();

function seriesOf({ exported: processes, length }: Scenario): readonly InputSeries[] {
  const before = known.get(processes);
  if (before !== undefined) return before;
  const all: Record<string, string> = {};
  for (const set of processes.map((each): SeriesSet => exported(each, length))) {
    for (const [series, values] of Object.entries(set)) {
      // Metrics without a breaker's name are those of a process, which may have several breakers.
      if (
        all[series] !== undefined &&
        all[series] !== values &&
        series.includes("circuit_breaker_name")
      ) {
        throw new Error(`The series ${series} is there twice`);
      }
      all[series] ??= values;
    }
  }
  const made = Object.entries(all).map(([series, values]) => ({ series, values }));
  known.set(processes, made);
  return made;
}

function checkedMoment({ name, length, stepSeconds = STEP_SECONDS }: Scenario, moment: string) {
  const at = seconds(moment);
  if (at % stepSeconds !== 0 || at / stepSeconds >= length) {
    throw new Error(`"${name}" has no sample at ${moment}`);
  }
  return `${at}s`;
}

function firingLabels(firing: Firing): string {
  const [alertname, labels] = typeof firing === "string" ? [firing, USUAL] : firing;
  const all = { alertname, alertstate: "firing", severity: severityOf(alertname), ...labels };
  return selector("ALERTS", all);
}

function toldOf({ alert, labels = USUAL, summary, description }: Told) {
  return {
    exp_labels: { severity: severityOf(alert), ...labels },
    exp_annotations: { summary, description, runbook_url: `${RUNBOOKS}/${alert}.md` },
  };
}

function severityOf(alert: string): string {
  const severity = SEVERITY[alert];
  if (severity === undefined) throw new Error(`No alert is called ${alert}`);
  return severity;
}
