import type { BreakerView } from "../core/breaker-view.ts";
import type { Check } from "../events/check.ts";
import { BREAKER_LABEL, METRICS, type MetricName, OTHER } from "../events/metrics.ts";
import { DroppedEvents } from "./dropped-events.ts";
import type { MetricSettings } from "./metric-arguments.ts";
import { type Labels, labelsOf, type Row, SLOTS_OF, tryRead } from "./metric-reading.ts";
import { RecoveryWatch } from "./recovery-watch.ts";
import { SharedRow } from "./shared-row.ts";

/** Names of all ever seen that get series of their own: the OpenTelemetry SDK keeps 2 000 attribute sets. */
const DEFAULT_NAME_BUDGET = 150;

/** One number of one series. */
export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

/** The numbers of the breakers that share one value of the breaker's label, at one scrape. */
export interface LabelledRow {
  readonly label: string;
  readonly row: Row;
}

/** The metrics that a distribution is kept of. */
export type HistogramName = {
  [N in MetricName]: (typeof METRICS)[N]["type"] extends "histogram" ? N : never;
}[MetricName];

/** Takes one observation of a histogram. */
type Observe = (metric: HistogramName, labels: Labels, seconds: number) => void;

/** What the group of one exporter has to know of it. */
export interface GroupContext {
  /** As in the message of an error: `export to Prometheus`. */
  readonly check: Check;
  readonly pipeline: keyof typeof BREAKER_LABEL;
  readonly observe: Observe;
}

/** What is known of a breaker, also while it is detached. */
interface Member {
  readonly view: BreakerView;
  readonly name: string;
  readonly label: string;
  /** Calls of the exporter that asked for it and have not detached yet. */
  holds: number;
  /** Whether its calls are timed: from the first hold that wants it until the last hold ends. */
  timed: boolean;
  readonly offs: (() => void)[];
}

/**
 * The breakers that one target (a prom-client registry, an OpenTelemetry meter) shows, and the one reading of them
 * that both exporters use, so that both say the same.
 */
export class BreakerGroup {
  readonly #context: GroupContext;
  readonly #dropped: DroppedEvents;
  readonly #shared = new SharedRow();
  readonly #known = new WeakMap<BreakerView, Member>();
  readonly #attached = new Map<string, Member>();
  /** Names that ever had a series of their own. */
  readonly #named = new Set<string>();
  #nameBudget = DEFAULT_NAME_BUDGET;
  #overflow = 0;

  constructor(context: GroupContext) {
    this.#context = context;
    this.#dropped = new DroppedEvents({ sink: context.pipeline });
  }

  get isEmpty(): boolean {
    return this.#attached.size === 0;
  }

  /**
   * Adds breakers, all of them or none.
   * @returns a function that takes them out again
   * @throws {RangeError} when another breaker of the same name is there, or the budget differs from the one that holds
   */
  attach(breakers: readonly BreakerView[], settings: MetricSettings): () => void {
    this.#checkNames(breakers);
    this.#setBudget(settings.nameBudget);
    const members: Member[] = [];
    try {
      for (const view of breakers) {
        const member = this.#known.get(view) ?? this.#makeMember(view);
        members.push(member);
        this.#hold(member, settings.callDurations);
      }
    } catch (thrown) {
      this.#release(members);
      throw thrown;
    }
    return () => this.#release(members.splice(0));
  }

  /** Takes every breaker out, whoever attached it. */
  clear(): void {
    for (const member of [...this.#attached.values()]) {
      member.holds = 1;
      this.#release([member]);
    }
  }

  /** Reads every breaker, once. One that cannot be read is left out and fails nobody else. */
  read(): readonly LabelledRow[] {
    const rows: LabelledRow[] = [];
    const sharing: BreakerView[] = [];
    for (const { view, label } of this.#attached.values()) {
      if (label === OTHER) sharing.push(view);
      else {
        const row = tryRead(view);
        if (row !== null) rows.push({ label, row });
      }
    }
    const shared = this.#shared.read(sharing);
    if (shared !== null) rows.push({ label: OTHER, row: shared });
    return rows;
  }

  /** The samples of a metric that is read, not observed: every metric but the histograms. */
  samples(metric: MetricName, rows: readonly LabelledRow[]): Sample[] {
    switch (metric) {
      case "circuit_breaker_events_dropped_total":
        return [...this.#dropped.bySink].map(([sink, value]) => ({
          labels: labelsOf(metric, [sink]),
          value,
        }));
      case "circuit_breaker_series_overflow_total":
        return [{ labels: {}, value: this.#overflow }];
      default:
        return rows.flatMap(({ label, row }) =>
          (SLOTS_OF.get(metric) ?? []).map(({ at, labels }) => ({
            labels: this.labelled(label, labels),
            value: row[at] ?? 0,
          })),
        );
    }
  }

  /** The breaker's label, in the spelling of the pipeline, and the others. */
  labelled(label: string, labels: Labels): Labels {
    return { [BREAKER_LABEL[this.#context.pipeline]]: label, ...labels };
  }

  /** The values of the breaker's label for which a histogram has series. */
  labelsOf(metric: HistogramName): ReadonlySet<string> {
    const optIn = metric === "circuit_breaker_call_duration_seconds";
    const members = [...this.#attached.values()].filter(({ timed }) => timed || !optIn);
    return new Set(members.map(({ label }) => label));
  }

  #checkNames(breakers: readonly BreakerView[]): void {
    const seen = new Map<string, BreakerView>();
    for (const view of breakers) {
      const { name } = view;
      const other = seen.get(name) ?? this.#attached.get(name)?.view ?? view;
      if (other !== view) {
        const allowed = "one that no other breaker here has";
        this.#context.check.range("name", allowed, name);
      }
      seen.set(name, view);
    }
  }

  #setBudget(nameBudget: number | undefined): void {
    if (nameBudget === undefined || nameBudget === this.#nameBudget) return;
    if (!this.isEmpty) {
      const allowed = `${this.#nameBudget} as for the breakers attached before`;
      this.#context.check.range("nameBudget", allowed, nameBudget);
    }
    this.#nameBudget = nameBudget;
  }

  #makeMember(view: BreakerView): Member {
    const { name } = view;
    const fits = this.#named.has(name) || this.#named.size < this.#nameBudget;
    const label = fits ? name : OTHER;
    if (label === OTHER) this.#overflow++;
    else this.#named.add(name);
    const member: Member = { view, name, label, holds: 0, timed: false, offs: [] };
    this.#known.set(view, member);
    return member;
  }

  #hold(member: Member, callDurations: boolean): void {
    member.holds++;
    if (member.holds === 1) {
      this.#attached.set(member.name, member);
      if (member.label === OTHER) this.#shared.join(member.view);
      this.#watchIncidents(member);
    }
    if (callDurations && !member.timed) this.#watchCalls(member);
  }

  #release(members: readonly Member[]): void {
    const offs: (() => void)[] = [];
    for (const member of members) {
      member.holds--;
      if (member.holds > 0) continue;
      this.#attached.delete(member.name);
      if (member.label === OTHER) this.#shared.leave(member.view);
      member.timed = false;
      offs.push(...member.offs.splice(0));
    }
    // Last, because a bus of the user's making may throw: the breakers are out all the same.
    const failures: unknown[] = [];
    for (const off of offs) {
      try {
        off();
      } catch (thrown) {
        failures.push(thrown);
      }
    }
    if (failures.length > 0) {
      throw new AggregateError(
        failures,
        "Cannot stop listening: a bus refused to let a listener go",
      );
    }
  }

  #watchIncidents({ view, label, offs }: Member): void {
    const sink = { sink: this.#context.pipeline };
    const labels = this.labelled(label, {});
    const recovery = new RecoveryWatch(view, (seconds) =>
      this.#context.observe("circuit_breaker_recovery_duration_seconds", labels, seconds),
    );
    offs.push(view.on("circuit.open", (event) => recovery.opened(event), sink));
    offs.push(view.on("circuit.close", (event) => recovery.closed(event), sink));
    offs.push(this.#dropped.listen(view.bus));
  }

  #watchCalls(member: Member): void {
    const { view, label, offs } = member;
    const metric = "circuit_breaker_call_duration_seconds";
    const byOutcome = new Map(
      METRICS[metric].values.map(([outcome = ""]) => [
        outcome,
        this.labelled(label, labelsOf(metric, [outcome])),
      ]),
    );
    const observe = (outcome: string, latencyMs: number | null) => {
      const labels = byOutcome.get(outcome);
      // The latency is null when a result was recorded without it.
      if (labels === undefined || latencyMs === null) return;
      this.#context.observe(metric, labels, latencyMs / 1000);
    };
    const sink = { sink: this.#context.pipeline };
    member.timed = true;
    offs.push(view.on("circuit.success", ({ latencyMs }) => observe("success", latencyMs), sink));
    offs.push(
      view.on("circuit.failure", ({ reason, latencyMs }) => observe(reason, latencyMs), sink),
    );
  }
}
