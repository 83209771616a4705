import type { BreakerView, RegistryView } from "../core/breaker-view.ts";
import type { Check } from "../events/check.ts";
import { BREAKER_LABEL, METRICS, type MetricName, OTHER } from "../events/metrics.ts";
import { DroppedEvents } from "./dropped-events.ts";
import type { Member } from "./group-member.ts";
import type { MetricSettings } from "./metric-arguments.ts";
import { type Labels, labelsOf, type Row, SLOTS_OF, tryRead } from "./metric-reading.ts";
import { RecoveryWatch } from "./recovery-watch.ts";
import { RegistryFeed } from "./registry-feed.ts";
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
  readonly #feeds = new Map<RegistryView, RegistryFeed>();
  /** Names that ever had a series of their own. */
  readonly #named = new Set<string>();
  #nameBudget = DEFAULT_NAME_BUDGET;
  #overflow = 0;
  #version = 0;

  constructor(context: GroupContext) {
    this.#context = context;
    this.#dropped = new DroppedEvents({ sink: context.pipeline });
  }

  /** Another number than before means that other breakers are shown. */
  get version(): number {
    return this.#version;
  }

  /**
   * Adds breakers, all of them or none; of a registry those it has, and from then on those that come.
   * @returns a function that takes them out again
   * @throws {RangeError} when another breaker of the same name is there, or the budget differs from the one that holds
   */
  attach(source: readonly BreakerView[] | RegistryView, settings: MetricSettings): () => void {
    return "follow" in source
      ? this.#attachRegistry(source, settings)
      : this.#attachBreakers(source, settings);
  }

  /** Takes every breaker out, whoever attached it. */
  clear(): void {
    const feeds = [...this.#feeds.values()];
    this.#feeds.clear();
    for (const feed of feeds) stopListening(feed.end());
    for (const member of [...this.#attached.values()]) {
      member.holds = 1;
      member.listeners = 1;
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
    const members = [...this.#attached.values()].filter(
      ({ timed, feed }) => !optIn || timed || feed?.timed === true,
    );
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
    if (this.#attached.size > 0 || this.#feeds.size > 0) {
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
    const member: Member = {
      ...{ view, name, label, holds: 0, listeners: 0, timed: false },
      ...{ feed: null, recovery: null, callLabels: null, offs: [] },
    };
    this.#known.set(view, member);
    return member;
  }

  #attachBreakers(breakers: readonly BreakerView[], settings: MetricSettings): () => void {
    this.#checkNames(breakers);
    this.#setBudget(settings.nameBudget);
    const members: Member[] = [];
    try {
      for (const view of breakers) {
        const member = this.#known.get(view) ?? this.#makeMember(view);
        this.#hold(member);
        members.push(member);
        member.listeners++;
        if (member.listeners === 1) this.#listen(member);
        if (settings.callDurations) this.#timeCalls(member);
      }
    } catch (thrown) {
      this.#release(members);
      throw thrown;
    }
    return () => this.#release(members.splice(0));
  }

  #attachRegistry(registry: RegistryView, settings: MetricSettings): () => void {
    this.#setBudget(settings.nameBudget);
    const feed = this.#feeds.get(registry) ?? this.#makeFeed(registry);
    const end = () => {
      if (this.#feeds.get(registry) !== feed || --feed.holds > 0) return;
      this.#feeds.delete(registry);
      stopListening(feed.end());
    };
    this.#feeds.set(registry, feed);
    feed.holds++;
    try {
      if (feed.holds === 1) feed.start();
      if (settings.callDurations) feed.time();
    } catch (thrown) {
      end();
      throw thrown;
    }
    return end;
  }

  #makeFeed(registry: RegistryView): RegistryFeed {
    return new RegistryFeed(registry, {
      sink: { sink: this.#context.pipeline },
      dropped: this.#dropped,
      memberOf: (name) => this.#attached.get(name),
      join: (view, feed) => {
        this.#checkNames([view]);
        const member = this.#known.get(view) ?? this.#makeMember(view);
        this.#hold(member);
        member.feed = feed;
      },
      leave: (view, feed) => {
        const member = this.#known.get(view);
        if (member?.feed !== feed) return;
        member.feed = null;
        this.#unhold(member);
      },
      observeCall: (member, outcome, latencyMs) => this.#observeCall(member, outcome, latencyMs),
    });
  }

  #hold(member: Member): void {
    if (member.holds === 0) {
      const labels = this.labelled(member.label, {});
      // It reads the breaker, which may throw: nothing is held then.
      member.recovery = new RecoveryWatch(member.view, (seconds) =>
        this.#context.observe("circuit_breaker_recovery_duration_seconds", labels, seconds),
      );
      this.#attached.set(member.name, member);
      if (member.label === OTHER) this.#shared.join(member.view);
    }
    member.holds++;
    this.#version++;
  }

  #unhold(member: Member): void {
    member.holds--;
    this.#version++;
    if (member.holds > 0) return;
    this.#attached.delete(member.name);
    if (member.label === OTHER) this.#shared.leave(member.view);
    member.recovery = null;
  }

  #release(members: readonly Member[]): void {
    const offs: (() => void)[] = [];
    for (const member of members) {
      this.#unhold(member);
      member.listeners--;
      if (member.listeners > 0) continue;
      member.timed = false;
      offs.push(...member.offs.splice(0));
    }
    // Last, because a bus of the user's making may throw: the breakers are out all the same.
    stopListening(offs);
  }

  #listen(member: Member): void {
    const { view, offs } = member;
    const sink = { sink: this.#context.pipeline };
    offs.push(view.on("circuit.open", (event) => member.recovery?.opened(event), sink));
    offs.push(view.on("circuit.close", (event) => member.recovery?.closed(event), sink));
    offs.push(this.#dropped.listen(view.bus));
  }

  #timeCalls(member: Member): void {
    if (member.timed) return;
    member.timed = true;
    const { view, offs } = member;
    const sink = { sink: this.#context.pipeline };
    const observe = (outcome: string, latencyMs: number | null) =>
      this.#observeCall(member, outcome, latencyMs);
    offs.push(view.on("circuit.success", ({ latencyMs }) => observe("success", latencyMs), sink));
    offs.push(
      view.on("circuit.failure", ({ reason, latencyMs }) => observe(reason, latencyMs), sink),
    );
  }

  #observeCall(member: Member, outcome: string, latencyMs: number | null): void {
    const metric = "circuit_breaker_call_duration_seconds";
    member.callLabels ??= new Map(
      METRICS[metric].values.map(([word = ""]) => [
        word,
        this.labelled(member.label, labelsOf(metric, [word])),
      ]),
    );
    const labels = member.callLabels.get(outcome);
    // The latency is null when a result was recorded without it.
    if (labels === undefined || latencyMs === null) return;
    this.#context.observe(metric, labels, latencyMs / 1000);
  }
}

/** @throws {AggregateError} when a bus refused to let a listener go; the others have gone */
function stopListening(offs: readonly (() => void)[]): void {
  const failures: unknown[] = [];
  for (const off of offs) {
    try {
      off();
    } catch (thrown) {
      failures.push(thrown);
    }
  }
  if (failures.length === 0) return;
  throw new AggregateError(failures, "Cannot stop listening: a bus refused to let a listener go");
}
